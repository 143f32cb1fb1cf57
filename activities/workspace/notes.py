"""SETUP.md: what setup tells the others. Its parts on weights and on what was added later are written by rules."""

from collections.abc import Sequence
from pathlib import Path

from activities.execution.durable import locked, write_once, write_whole
from activities.workspace.pretrained import SEEN_AT
from schemas.tool import Fetched

FILES_NAMED = 6
SHORT_OF_COMMIT = 12


def begin(file: Path) -> None:
    """For what is added, where the run's first setup could not write any."""
    write_once(file, "# Setup\n")


def add(file: Path, heading: str, text: str) -> None:
    """Puts a part at the end, unless one of that heading is there: a repeated attempt adds nothing."""
    with locked(file.with_name(f".{file.name}.lock")):
        there = file.read_text(encoding="utf-8")
        if f"\n## {heading}\n" not in there:
            write_whole(file, f"{there.rstrip()}\n\n## {heading}\n\n{text.strip()}\n")


def on_weights(found: Sequence[Fetched]) -> str:
    """What a reader needs to load them."""
    head = (
        f"Jobs that train see these read-only below `{SEEN_AT}` (the variable `WEIGHTS` names that folder); libraries "
        "are to be given the path. Inference does not see them: train.py saves all that inference needs to OUT/model.\n"
    )
    rows = [_row(one) for one in found]
    notes = [f"\n- {one.weights.name}: {one.note}" for one in found if one.note]
    columns = "| weights | path | size | files | revision | license |\n|---|---|---|---|---|---|\n"
    return f"{head}\n{columns}{''.join(rows)}{''.join(notes)}"


def _row(one: Fetched) -> str:
    names = [file.path for file in one.files[:FILES_NAMED]]
    more = one.weights.files - len(names)
    files = ", ".join(names) + (f" and {more} more" if more else "")
    size = f"{one.weights.size / 2**20:.1f} MB"
    license = one.license or "not said"
    revision = one.weights.revision[:SHORT_OF_COMMIT]
    return f"| {one.weights.name} | `{one.path}` | {size} | {files} | {revision} | {license} |\n"
