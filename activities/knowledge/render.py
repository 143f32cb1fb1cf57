"""A configuration as YAML with a word on each key that does not speak for itself."""

from typing import Any

import yaml

NOTES = {
    "seed": "every random choice follows from it",
    "time_limit": "seconds; training stops in time and writes what it has",
    "quick_rows": "rows that --quick trains on",
    "validation": "how rows are held back to stop early and to calibrate: random, stratified, group, time, periods",
    "folds": "parts that our own validation deals the rows into",
    "bags": "how many of the folds a member is trained for; members are averaged",
    "refit": "true trains on all rows at the end, for as long as the folds found best",
    "target_transform": "none or log1p; for numbers",
    "parts": "columns known in training only that add up to the target; each is learnt by itself",
    "clip": "predictions stay within the range seen in training",
    "features_number": "columns by kind; one that is in no list is not used",
    "alphabets": "of each sequence column: smiles, dna, protein or other",
}


def render(config: dict[str, Any]) -> str:
    """One key a line, lists and maps in flow style."""
    lines = []
    for name, value in config.items():
        text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
        text = text.removesuffix("...\n").strip()
        lines.append(f"{name}: {text}{f'  # {NOTES[name]}' if name in NOTES else ''}")
    return "\n".join(lines) + "\n"
