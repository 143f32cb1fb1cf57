"""The profile of the agents' view: what each column is, from its values alone."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import skew

from activities.workspace.files import Files
from activities.workspace.tables import Column, Table, read_table
from activities.workspace.taskfile import files_below
from activities.workspace.timeline import read_timeline
from activities.workspace.values import as_times, written
from schemas.profile import ColumnKind, ColumnProfile, DataProfile, TargetProfile
from schemas.task import Task

_SAMPLE = 2_000  # values looked at where looking at all would take long
_SMILES = re.compile(r"^[A-Za-z0-9@+\-\[\]()=#$:/\\.%*~]+$")
_SMILES_MARKS = re.compile(r"[()=#\[\]@]|[cnos]\d|C\d|C{2}|^[CNOFIPSB](l|r)?[CNOFIPSBcnos]")
_DNA, _PROTEIN = frozenset("ACGTUN"), frozenset("ACDEFGHIKLMNPQRSTVWYXBZUO*")
_ORGANIC = frozenset("BCNOPSFIHclnosbrpaeiKgtudhZMARLTUVW")


def profile_view(view: Path, task: Task) -> DataProfile:
    """Profiles a view by its own files: what is not in the view cannot show in the profile."""
    train = read_table(view / task.train)
    test = read_table(view / task.test) if task.test else None
    columns = tuple(_column(train, test, name, task) for name in train.columns if name not in task.targets)
    known = {task.train, task.test, task.sample_submission}
    files = [path.relative_to(view).as_posix() for path in files_below(view)]
    return DataProfile(
        rows=len(train.rows),
        test_rows=len(test.rows) if test else 0,
        columns=columns,
        targets=tuple(_target(train.typed[name], task) for name in task.targets),
        train_only=task.train_only,
        duplicates=_duplicates(train, task),
        group_column=task.split.column if task.split.kind == "group" else None,
        time_column=_time_column(train, test, columns, task),
        files=tuple(name for name in files if name not in known and name != "task.json")[:50],
        notes=tuple(_notes(columns, train, task)),
    )


def _column(train: Table, test: Table | None, name: str, task: Task) -> ColumnProfile:
    values = train.typed[name]
    known = values.dropna()
    kind = _kind(known, name, task)
    in_test = test is None or name in test.columns
    text = known.astype(str) if kind in ("text", "sequence") else None
    return ColumnProfile(
        name=name,
        kind=kind,
        missing=float(values.isna().mean()),
        unique=int(known.nunique()),
        examples=tuple(str(value)[:80] for value in known.drop_duplicates().head(3)),
        **_moments(known) if kind == "number" else {},
        mean_length=None if text is None else float(text.str.len().mean()),
        alphabet=_alphabet(known) if kind == "sequence" else None,
        in_test=in_test,
        unseen_in_test=_unseen(known, test, name) if kind == "category" and in_test else None,
    )


def _kind(known: Column, name: str, task: Task) -> ColumnKind:
    if name == task.id and not task.id_is_feature:
        return "id"
    unique = known.nunique()
    if unique <= 1:
        return "constant"
    if as_times(known) is not None:
        return "date"
    if pd.api.types.is_bool_dtype(known):
        return "category"
    if pd.api.types.is_numeric_dtype(known):
        return "number"
    return _kind_of_text(known.astype(str), int(unique))


def _kind_of_text(known: Column, unique: int) -> ColumnKind:
    some = known.drop_duplicates().head(_SAMPLE)
    words = float(some.str.strip().str.count(r"\s+").add(1).mean())
    length = float(some.str.strip().str.len().mean())
    distinct = unique / max(len(known), 1)
    if words < 1.05 and length >= 6 and distinct > 0.2 and _alphabet(some) is not None:
        return "sequence"
    if words >= 3 and (distinct > 0.2 or unique > 200):
        return "text"
    if words < 1.05 and length >= 30 and distinct > 0.5:
        return "sequence"
    if distinct > 0.5 and unique > 50:
        return "id" if words < 1.05 and some.str.contains(r"\d").all() and distinct > 0.95 else "text"
    return "category"


def _alphabet(known: Column) -> str | None:
    """The alphabet that all values are written in; None or `other` if it is none of the known ones."""
    some = [str(value).strip() for value in known.drop_duplicates().head(200)]
    letters = set("".join(some))
    if letters <= _DNA and len(letters) >= 3:
        return "dna"
    if letters <= _PROTEIN and len(letters) >= 10 and np.mean([len(value) for value in some]) >= 15:
        return "protein"
    plain = [value for value in some if _SMILES.match(value) and set(re.sub(r"[^A-Za-z]", "", value)) <= _ORGANIC]
    marked = [value for value in plain if _SMILES_MARKS.search(value)]
    if len(plain) >= 0.98 * len(some) and len(marked) >= 0.6 * len(some):
        return "smiles"
    return None if np.mean([len(value) for value in some]) < 30 else "other"


def _moments(known: Column) -> dict[str, float | None]:
    numbers = np.asarray(known, dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {}
    return {
        "mean": float(numbers.mean()),
        "std": float(numbers.std()),
        "minimum": float(numbers.min()),
        "maximum": float(numbers.max()),
        "skew": _skew(numbers),
    }


def _skew(numbers: NDArray[np.float64]) -> float | None:
    value = float(skew(numbers)) if numbers.std() > 0 else float("nan")
    return value if np.isfinite(value) else None


def _unseen(known: Column, test: Table | None, name: str) -> float | None:
    if test is None:
        return None
    others = test.typed[name].dropna()
    return float((~others.isin(set(known))).mean()) if len(others) else 0.0


def _target(values: Column, task: Task) -> TargetProfile:
    name = str(values.name)
    if task.kind == "regression" or (task.kind == "custom" and pd.api.types.is_numeric_dtype(values)):
        numbers = np.asarray(values.dropna(), dtype=np.float64)
        return TargetProfile(
            name=name,
            kind="number",
            minimum=float(numbers.min()),
            maximum=float(numbers.max()),
            skew=_skew(numbers),
            integer=bool((numbers % 1 == 0).all()),
            nonnegative=bool((numbers >= 0).all()),
        )
    counts = pd.Series(written(values.dropna())).value_counts()
    return TargetProfile(
        name=name,
        kind="classes",
        classes=len(counts),
        smallest_class=int(counts.min()),
        largest_share=float(counts.max() / counts.sum()),
    )


def _duplicates(train: Table, task: Task) -> int:
    """Rows that say the same as an earlier one, but for id and target."""
    features = [name for name in train.columns if name not in (task.id, *task.targets, *task.train_only)]
    return int(train.rows[features].duplicated().sum()) if features else 0


def _time_column(train: Table, test: Table | None, columns: tuple[ColumnProfile, ...], task: Task) -> str | None:
    if task.split.kind == "time":
        return task.split.column
    dates = [column.name for column in columns if column.kind == "date"]
    files = Files(train=train, test=test, sample=None)
    return next((name for name in dates if read_timeline(files, name) is not None), None)


def _notes(columns: tuple[ColumnProfile, ...], train: Table, task: Task) -> list[str]:
    """What a reader of the table would remark on."""
    notes = []
    for column in columns:
        if column.missing > 0.5:
            notes.append(f"{column.name}: {column.missing:.0%} of the values are missing")
        if column.kind == "constant":
            notes.append(f"{column.name}: the same value in every row")
        if column.unseen_in_test is not None and column.unseen_in_test > 0.1:
            notes.append(f"{column.name}: {column.unseen_in_test:.0%} of the test rows have a category not seen before")
    if task.train_only:
        notes.append(f"{', '.join(task.train_only)}: known of labelled rows only, so no input of a model")
    notes.extend(_sums(train, task))
    return notes[:20]


def _sums(train: Table, task: Task) -> list[str]:
    """A target that is the sum of columns which only labelled rows have can be predicted by its parts."""
    parts = train.typed[list(task.train_only)] if task.train_only else None
    if (
        parts is None
        or task.kind != "regression"
        or not all(pd.api.types.is_numeric_dtype(parts[name]) for name in parts)
    ):
        return []
    total = parts.sum(axis=1).to_numpy(dtype=float)
    return [
        f"{name} is the sum of {' and '.join(task.train_only)}"
        for name in task.targets
        if len(task.train_only) > 1 and np.allclose(total, train.typed[name].to_numpy(dtype=float))
    ]
