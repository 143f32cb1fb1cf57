"""The parts that withheld rows make: what to train on, what to predict, and the labels to score by."""

from dataclasses import dataclass
from pathlib import Path

from activities.workspace.layout import Layout
from schemas.task import Task

ESTIMATE, FINAL = "estimate", "final"
BLOCK = "__block__"  # column of labels.parquet: rows that are drawn together in the bootstrap
CLASSES = "classes.json"  # in `withheld`: every class by target, in the scorer's order


@dataclass(frozen=True)
class Part:
    """`fit` and `inputs` are views; `inputs` is None where nothing is to be predicted, `labels` where none is known."""

    name: str
    fit: Path
    inputs: Path | None
    labels: Path | None


def select_names(task: Task) -> tuple[str, ...]:
    """The names of the parts that `select` consists of."""
    return tuple(f"fold{k + 1}" for k in range(task.split.folds)) if task.split.folds else ("select",)


def select_parts(layout: Layout, task: Task) -> list[Part]:
    """The parts by which decisions are scored, in order."""
    return [_part(layout, name) for name in select_names(task)]


def estimate_part(layout: Layout) -> Part:
    """Everything but `report` to train on, and `report` to be scored once, at the end."""
    return _part(layout, ESTIMATE)


def final_part(layout: Layout) -> Part:
    """All labelled rows to train on, and the test rows to predict."""
    return _part(layout, FINAL)


def _part(layout: Layout, name: str) -> Part:
    folder = layout.part(name)
    inputs = folder / "inputs"
    labels = next((path for path in sorted(folder.glob("labels.*"))), None)
    return Part(name, folder / "fit", inputs if inputs.is_dir() else None, labels)
