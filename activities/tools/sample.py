"""A few rows of the agents' view, to try code on in seconds: made once for a run."""

import os
import shutil
from pathlib import Path
from uuid import uuid4

import numpy as np

from activities.tools.reading import files_beneath
from activities.workspace.layout import Layout
from activities.workspace.parts import final_part, select_parts
from activities.workspace.tables import Table, read_table, write_table
from activities.workspace.views import TEST_NAME, sample_for
from schemas.task import Task

FIT_ROWS, INPUT_ROWS = 1_500, 200


def sample_views(layout: Layout, task: Task) -> tuple[Path, Path]:
    """The folders `fit` and `inputs`. Labelled rows that are in one are not in the other, where there are enough.

    A task that is no table has no rows to draw from: its whole view, and its test inputs or else those of `select`.
    """
    if task.kind == "custom":
        inputs = final_part(layout).inputs or select_parts(layout, task)[0].inputs
        assert inputs is not None, "select always has inputs"
        return layout.view, inputs
    if not layout.sample.is_dir():
        draft = layout.sample.with_name(f".sample.{uuid4().hex}")
        _write(layout.view, task, draft)
        try:
            draft.rename(layout.sample)
        except OSError:  # another invocation was faster
            shutil.rmtree(draft)
    return layout.sample / "fit", layout.sample / "inputs"


def unseen(layout: Layout, task: Task) -> bool:
    """True if the inputs are withheld from agents, so that nothing which code says over them may be shown."""
    return task.kind == "custom" and final_part(layout).inputs is None


def _write(view: Path, task: Task, draft: Path) -> None:
    train = read_table(view / task.train)
    test = read_table(view / task.test) if task.test else None
    sample = read_table(view / task.sample_submission) if task.sample_submission else None
    fit, inputs = _divided(train)
    inputs = inputs.without([*task.targets, *task.train_only])
    if test is not None:
        kept = [name for name in test.columns if name in inputs.columns]
        inputs = Table(test.name, inputs.rows[kept], test.format)
    for folder, labelled, asked in ((draft / "fit", fit, test), (draft / "inputs", None, inputs)):
        _others(view, folder, leave={task.train, task.test, task.sample_submission})
        if labelled is not None:
            write_table(labelled, folder / task.train)
        asked = _first(asked) if asked is not None else None
        if asked is not None:
            write_table(asked, folder / (task.test or TEST_NAME))
        if sample is not None and asked is not None:
            write_table(sample_for(sample, task.id, asked), folder / sample.name)


def _divided(train: Table) -> tuple[Table, Table]:
    """Rows by chance, the same every time; in their order, for order may mean time."""
    count = len(train.rows)
    fit = min(FIT_ROWS, max(count * 4 // 5, 1))
    shuffled = np.random.default_rng(0).permutation(count)
    chosen, rest = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    chosen[shuffled[:fit]] = True
    rest[shuffled[fit : fit + INPUT_ROWS]] = True
    return train.take(chosen), train.take(rest if rest.any() else chosen)


def _first(table: Table) -> Table:
    return table.take(np.arange(len(table.rows)) < INPUT_ROWS)


def _others(view: Path, folder: Path, leave: set[str | None]) -> None:
    """Description, task and further files, as hard links where the disk allows them."""
    folder.mkdir(parents=True)
    for name, _ in files_beneath(view):
        if name in leave:
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(view / name, target)
        except OSError:
            shutil.copyfile(view / name, target)
