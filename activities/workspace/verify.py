"""The final check of an inference script: the same rows must get the same predictions, whatever stands around them.

`perturbed` makes views of the same rows in another order, of fewer rows, and under other ids; `compare` holds what was
predicted for them against the original predictions. Numbers may differ as sums of floats do that were added in another
order; what depends on other rows or on ids differs by far more. A last view has rows of new combinations of values,
which must be predicted at all.
"""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.errors import ToolFailed
from activities.workspace.predictions import Classes, Predictions, read_predictions
from activities.workspace.recombine import recombined, remembered
from activities.workspace.settle import id_texts
from activities.workspace.tables import Table, read_table, write_table
from activities.workspace.views import TEST_NAME, link, sample_for
from schemas.delivery import Finding
from schemas.task import Task

_RELATIVE, _ABSOLUTE = 1e-4, 1e-6  # float32 carries 7 digits, of which batched sums may lose 3
_OF_SPREAD = 1e-5  # numbers near 0 have no digits to lose: their error is that of the summands
_FREE = 0.001  # rows that may differ: a tree's threshold or a tie can fall the other way by such an error
_FEWER = 0.5
_UNSEEN = "new combinations"
_WHY = {
    "shuffled": "predictions must not depend on the order of rows",
    "fewer rows": "predictions must not depend on which other rows are there",
    "new ids": "predictions must not depend on the id",
    "blend as scored": "the blend's own script must predict what the scorer blended",
}


@dataclass(frozen=True)
class Perturbed:
    """A view of the same rows in another guise, `renamed` from its ids to the original's; or of new rows."""

    name: str
    view: Path
    renamed: dict[str, str]


def input_ids(inputs: Path, task: Task) -> list[str]:
    """The ids of a view to predict, in its order."""
    name = task.sample_submission if task.kind == "custom" else task.test
    return id_texts(read_table(inputs / (name or TEST_NAME)), task.id)


def check_predictions(folder: Path, inputs: Path, task: Task, classes: Classes, *, sealed: bool = False) -> Finding:
    """Whether predictions have the form that the scorer takes; where `sealed`, nothing of them is quoted."""
    try:
        read_predictions(folder, task, input_ids(inputs, task), classes, sealed=sealed)
    except ToolFailed as error:
        return Finding(name="format", passed=False, detail=str(error))
    return Finding(name="format", passed=True, detail="every row is predicted once, in the columns asked for")


def sampled(view: Path, task: Task, folder: Path, rows: int, *, seed: int = 0) -> Path:
    """A view to predict of at most so many rows, in their order: of a view's test rows, or of its labelled ones without
    their targets where the task has no test file. `view` may be the agents' own; what is labelled is left out."""
    if task.test is None and not (view / TEST_NAME).is_file():
        labelled = read_table(view / task.train).without([*task.targets, *task.train_only])
        table = Table(TEST_NAME, labelled.rows)
    else:
        table = read_table(view / (task.test or TEST_NAME))
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(table.rows))[:rows])
    return _write(view, task, folder, _at(table, chosen))


def perturbed(inputs: Path, task: Task, folder: Path, *, seed: int = 0) -> tuple[Perturbed, ...]:
    """Views that must give the same predictions, and one of new rows, where the features give any.

    None where the task says that rows depend on each other.
    """
    if task.rows_depend or task.kind == "custom":
        return ()
    table = read_table(inputs / (task.test or TEST_NAME))
    ids = id_texts(table, task.id)
    random = np.random.default_rng(seed)
    order = random.permutation(len(ids))
    fewer = np.sort(random.permutation(len(ids))[: max(1, int(len(ids) * _FEWER))])
    views = [("shuffled", _at(table, order)), ("fewer rows", _at(table, fewer))]
    made = [Perturbed(name, _view(inputs, task, folder, name, rows), {one: one for one in ids}) for name, rows in views]
    if not task.id_is_feature:
        fresh = fresh_ids(ids, random)
        renamed = _renamed(table, task.id, fresh)
        view = _view(inputs, task, folder, "new ids", renamed)
        made.append(Perturbed("new ids", view, dict(zip(id_texts(renamed, task.id), ids, strict=True))))
        unseen = recombined(table, [name for name in table.columns if name != task.id], random)
        if unseen is not None:
            named = _renamed(unseen, task.id, fresh[: len(unseen.rows)])
            made.append(Perturbed(_UNSEEN, _view(inputs, task, folder, _UNSEEN, named), {}))
    return tuple(made)


def compare(
    task: Task,
    classes: Classes,
    inputs: Path,
    original: Path,
    again: Sequence[tuple[Perturbed, Path]],
    *,
    sealed: bool = False,
) -> list[Finding]:
    """One finding for each perturbed view; `original` and the second of each pair are prediction folders."""
    try:
        first = read_predictions(original, task, input_ids(inputs, task), classes, sealed=sealed)
    except ToolFailed as error:
        return [Finding(name="format", passed=False, detail=str(error))]
    findings = [_judged(task, classes, first, view, folder) for view, folder in again]
    if task.kind == "custom":
        findings.append(Finding(name="row by row", passed=True, detail="not checked: the task is no table"))
    elif task.rows_depend:
        findings.append(Finding(name="row by row", passed=True, detail="not checked: the task says that rows depend"))
    elif task.id_is_feature:
        findings.append(
            Finding(name="new ids", passed=True, detail=f"not checked: {task.id!r} says something of the row")
        )
    return findings


def fresh_ids(ids: Sequence[str], random: np.random.Generator) -> list[str]:
    """New ids of the same form, in no order: digits for digits and letters for letters, none of the old ones."""
    taken: set[str] = set(ids)
    return [_fresh(one, taken, random) for one in ids]


def _fresh(one: str, taken: set[str], random: np.random.Generator) -> str:
    form = one
    for attempt in range(1_000):
        if attempt and attempt % 5 == 0:
            form = f"{form}0" if form[-1:].isdigit() else f"{form}a"  # the form has no room left: a longer one
        new = re.sub(r"[0-9]+|[a-z]|[A-Z]", lambda found: _like(found.group(), random), form)
        if new not in taken:
            taken.add(new)
            return new
    raise ValueError(f"no fresh id of the form of {one!r}")


def _like(text: str, random: np.random.Generator) -> str:
    if text.isdigit():
        first = str(random.integers(1, 10)) if text[0] != "0" or len(text) == 1 else "0"
        return first + "".join(str(random.integers(10)) for _ in text[1:])
    hexadecimal = text.lower() in "abcdef"  # so that a UUID stays one
    letter = "abcdef"[random.integers(6)] if hexadecimal else chr(ord("g") + int(random.integers(20)))
    return letter.upper() if text.isupper() else letter


def _at(table: Table, rows: NDArray[np.int64]) -> Table:
    return Table(table.name, table.rows.iloc[rows].reset_index(drop=True), table.format)


def _renamed(table: Table, name: str, fresh: list[str]) -> Table:
    """The same table under new ids, which keep the column's type."""
    column = pd.Series(fresh, dtype=object)
    if table.format.kind == "parquet" and pd.api.types.is_numeric_dtype(table.rows[name]):
        column = pd.to_numeric(column)
    return Table(table.name, table.rows.assign(**{name: column}), table.format)


def _view(inputs: Path, task: Task, folder: Path, name: str, rows: Table) -> Path:
    return _write(inputs, task, folder / name.replace(" ", "-"), rows)


def _write(inputs: Path, task: Task, target: Path, rows: Table) -> Path:
    """A copy of the view with these rows to predict."""
    table = task.test or TEST_NAME
    own = shutil.ignore_patterns(task.train, table, task.sample_submission or table)
    shutil.copytree(inputs, target, copy_function=_linked, ignore=own)
    write_table(rows, target / table)
    if task.sample_submission is not None:
        sample = read_table(inputs / task.sample_submission)
        write_table(sample_for(sample, task.id, rows), target / task.sample_submission)
    return target


def _linked(source: str, target: str) -> str:
    link(Path(source), Path(target))
    return target


def _judged(task: Task, classes: Classes, first: Predictions, view: Perturbed, folder: Path) -> Finding:
    try:
        second = read_predictions(folder, task, input_ids(view.view, task), classes)
    except ToolFailed as error:
        return Finding(name=view.name, passed=False, detail=str(error))
    return _compared(task, classes, first, view, second) if view.renamed else _unseen(first, view, second)


def _unseen(first: Predictions, view: Perturbed, second: Predictions) -> Finding:
    problem = remembered(first, second)
    detail = problem or f"{len(second.ids)} rows that nobody has seen are predicted"
    return Finding(name=view.name, passed=problem is None, detail=detail)


def _compared(task: Task, classes: Classes, first: Predictions, view: Perturbed, second: Predictions) -> Finding:
    ids = second.ids
    place = {one: row for row, one in enumerate(first.ids)}
    rows = np.array([place[view.renamed[one]] for one in ids])
    differs = np.zeros(len(ids), dtype=bool)
    example = ""
    for target, after in second.by_target.items():
        before = first.by_target[target][rows]
        differ = _differ(before, after, first.by_target[target])
        if differ.any() and not example:
            row, labels = int(differ.argmax()), classes.get(target, ())
            change = f"from {_shown(before[row], labels)} to {_shown(after[row], labels)}"
            example = f", such as {target} of {task.id} {first.ids[rows[row]]!r} {change}"
        differs |= differ
    many = int(differs.sum())
    if many > _FREE * len(ids):
        detail = f"{many} of {len(ids)} predictions changed{example}: {_WHY[view.name]}"
        return Finding(name=view.name, passed=False, detail=detail)
    return Finding(name=view.name, passed=True, detail=f"{len(ids) - many} of {len(ids)} predictions are the same")


def _differ(before: NDArray[Any], after: NDArray[Any], all_before: NDArray[Any]) -> NDArray[np.bool_]:
    if before.dtype.kind in "iO" or after.dtype.kind == "O":
        return np.asarray(before != after)
    allowed = _ABSOLUTE + _RELATIVE * np.abs(before) + _OF_SPREAD * float(all_before.std())
    differ = np.abs(before - after) > allowed
    return np.asarray(differ if differ.ndim == 1 else differ.any(axis=1))


def _shown(value: Any, labels: Sequence[str]) -> str:
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, np.ndarray):
        return json.dumps([float(f"{one:.4g}") for one in value[:5]])
    return repr(labels[int(value)]) if labels and isinstance(value, np.integer) else f"{float(value):.6g}"
