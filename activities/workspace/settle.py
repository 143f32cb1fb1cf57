"""From a task folder to a settled task: everything optional inferred from data and description, with the reasons."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from activities.errors import BadInput
from activities.workspace.columns import Columns, settle_columns
from activities.workspace.extras import safe_extras
from activities.workspace.files import Files, find_files
from activities.workspace.goals import settle_goal
from activities.workspace.split import Division, divide, divide_files, settle_split
from activities.workspace.tables import Column, Table
from activities.workspace.taskfile import TASK_FILE, Given, read_given
from activities.workspace.values import label_codes, written
from schemas.task import Split, Task

_MOST_CLASSES = 200  # what a settled task lists; the scorer knows all


@dataclass(frozen=True)
class Settled:
    """A task with its tables. `train` holds the labelled rows, a given split's files appended in order."""

    task: Task
    given: Given
    train: Table
    test: Table | None
    sample: Table | None
    labels: pd.DataFrame  # the scorer's: id as text, targets as class names or numbers
    classes: dict[str, tuple[str, ...]]  # by target; empty for regression
    division: Division
    extras: tuple[Path, ...]
    notes: tuple[str, ...]


def settle(folder: Path, *, seed: int = 0) -> Settled:
    """Reads and checks a task folder, writing nothing; BadInput where a person must mend something."""
    given = read_given(folder)
    if given.file.split_script is not None:
        raise BadInput(f"{TASK_FILE}: with `split_script` there is no table to look at, and nothing to infer")
    columns = settle_columns(given, find_files(given))
    columns, dropped = _labelled_only(columns)
    sizes = tuple(0 if table is None else len(table.rows) for table in _labelled(columns.files))
    columns = _together(columns)
    goal = settle_goal(given, columns)
    train = columns.files.train
    labels = _labels(train, columns, goal.classes)
    rows = len(train.rows)
    split = settle_split(given, columns, classes=bool(goal.classes), rows=rows, seed=seed)
    strata = _strata(labels, columns.targets) if split.kind == "stratified" else None
    division = divide_files((sizes[0], sizes[1], sizes[2])) if split.kind == "files" else divide(split, columns, strata)
    extras, left_out = safe_extras(given, columns.files.extras, columns.targets)
    task = Task(
        name=task_name(given),
        kind=goal.kind,
        metric=goal.metric,
        split=split,
        train=train.name,
        test=columns.files.test.name if columns.files.test else None,
        sample_submission=columns.files.sample.name if columns.files.sample else None,
        id=columns.id,
        id_is_feature=columns.id_is_feature,
        targets=columns.targets,
        classes=_listed(goal.classes),
        prediction_columns=goal.prediction_columns,
        train_only=columns.train_only,
        rows=rows,
        test_rows=len(columns.files.test.rows) if columns.files.test else 0,
        rows_depend=given.file.rows_depend,
        network=given.file.network,
        settled={**columns.files.why, **columns.why, **goal.why, "split": f"{split.kind}: {split.why}"},
    )
    notes = (*columns.notes, *dropped, *goal.notes, *division.notes, *left_out, *_notes(split, given))
    return Settled(
        task, given, train, columns.files.test, columns.files.sample, labels, goal.classes, division, extras, notes
    )


def _labelled(files: Files) -> tuple[Table, Table | None, Table | None]:
    return files.train, files.select, files.report


def _labelled_only(columns: Columns) -> tuple[Columns, tuple[str, ...]]:
    """Rows whose target is missing can neither be learnt from nor scored."""
    files, notes = columns.files, []
    kept: list[Table | None] = []
    for table in _labelled(files):
        lacking = None if table is None else next((name for name in columns.targets if name not in table.columns), None)
        if table is not None and lacking is not None:
            raise BadInput(f"{table.name} lacks the target column {lacking!r}")
        missing = None if table is None else table.typed[list(columns.targets)].isna().any(axis=1).to_numpy()
        if table is None or missing is None or not missing.any():
            kept.append(table)
            continue
        notes.append(
            f"{table.name}: {int(missing.sum())} rows without a value in {', '.join(columns.targets)} were left out"
        )
        if missing.all():
            raise BadInput(f"{table.name}: no row has a value in {', '.join(columns.targets)}: nothing to learn from")
        kept.append(table.take(~missing))
    train = kept[0]
    assert train is not None
    return replace(columns, files=replace(files, train=train, select=kept[1], report=kept[2])), tuple(notes)


def _together(columns: Columns) -> Columns:
    """All labelled rows as one table, where a split was given as files; their ids must not meet."""
    parts = [table for table in _labelled(columns.files) if table is not None]
    if len(parts) == 1:
        return columns
    first = parts[0]
    for table in parts[1:]:
        lacking = [name for name in first.columns if name not in table.columns]
        if lacking:
            raise BadInput(f"{table.name} lacks the column {lacking[0]!r} of {first.name}")
    rows = pd.concat([table.rows[first.columns] for table in parts], ignore_index=True)
    twice = rows[columns.id][rows[columns.id].duplicated()]
    if not twice.empty:
        raise BadInput(
            f"column {columns.id!r}: id {twice.iloc[0]!r} is in two of {', '.join(one.name for one in parts)}"
        )
    return replace(columns, files=replace(columns.files, train=Table(first.name, rows, first.format)))


def _strata(labels: pd.DataFrame, targets: tuple[str, ...]) -> Column:
    """A number for each combination of classes; of the first target alone where combinations are too many."""
    together = labels.groupby(list(targets), sort=True).ngroup()
    lonely = (together.map(together.value_counts()) < 5).mean()
    return together if lonely <= 0.1 else labels.groupby(targets[0], sort=True).ngroup()


def _labels(train: Table, columns: Columns, classes: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    labels = pd.DataFrame({columns.id: id_texts(train, columns.id)})
    for name in columns.targets:
        column = train.typed[name]
        if name in classes:
            names = np.array(classes[name], dtype=object)
            labels[name] = names[label_codes(written(column), classes[name])]
        else:
            labels[name] = column.to_numpy(dtype=float)
    return labels


def id_texts(table: Table, name: str) -> list[str]:
    """Ids as they stand in the file."""
    column = table.rows[name]
    return [str(value) for value in column] if table.format.kind == "text" else written(column)


def _listed(classes: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """One order of all classes; of several targets with different ones, each class once."""
    merged = tuple(dict.fromkeys(label for labels in classes.values() for label in labels))
    return merged if len(merged) <= _MOST_CLASSES else ()


def task_name(given: Given) -> str:
    """As given; else of the folder, or of the description where the folder says nothing."""
    if given.file.name:
        return given.file.name
    folder = given.folder.resolve().name
    heading = re.search(r"^#\s*(.+)$", given.description, re.MULTILINE)
    words = heading.group(1) if folder in ("task", "data", "") and heading else folder
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60] or "task"


def _notes(split: Split, given: Given) -> list[str]:
    notes = []
    if split.report == 0 and (given.file.split is None or given.file.split.report is None) and split.kind != "files":
        notes.append("too few rows to keep some for a last estimate: the score given at the end is that of `select`")
    if not given.description.strip():
        notes.append("there is no description: agents know the task by its columns alone")
    return notes
