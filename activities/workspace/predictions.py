"""Reading what a candidate predicted, strictly: every message is for the model, and none holds a withheld label.

Code that predicts withheld rows has seen them, and could speak through what it writes: with `sealed`, no message
quotes it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.errors import ToolFailed
from activities.workspace.layout import Layout
from activities.workspace.parts import CLASSES
from activities.workspace.tables import MISSING, Column, read_texts
from activities.workspace.values import label_codes, matched
from schemas.task import Task

PREDICTIONS, PROBABILITIES = "predictions.csv", "probabilities.csv"
_LARGEST, _ALWAYS = 2 << 30, 1 << 20  # bytes of a file
_NUMBER, _OWN = 48, 1 << 18  # bytes of a value: of a number; of what a task's own metric takes, such as a mask
Classes = dict[str, tuple[str, ...]]
Quote = Callable[[object], str]


@dataclass(frozen=True)
class Predictions:
    """Predictions in the order of the rows asked for, one array per target.

    Class codes for labels, rows x classes for probabilities, numbers for values. `probabilities` are those that came
    beside labels, or None.
    """

    ids: tuple[str, ...]
    by_target: dict[str, NDArray[Any]]
    probabilities: NDArray[np.float64] | None = None


def read_classes(layout: Layout) -> Classes:
    """Every class by target, as preparation recorded them; empty for regression."""
    recorded = json.loads((layout.withheld / CLASSES).read_text(encoding="utf-8"))
    return {name: tuple(labels) for name, labels in recorded.items()}


def read_predictions(
    folder: Path, task: Task, ids: Sequence[str], classes: Classes, *, sealed: bool = False
) -> Predictions:
    """Reads and checks a predictions folder; ToolFailed says what is wrong with it."""
    path = folder / PREDICTIONS
    quote = _hidden if sealed else repr
    frame = _aligned(_frame(path, _most(task, ids, classes), quote), path, task.prediction_columns, task.id, ids, quote)
    by_target = _values(frame, path, task, classes, quote)
    probabilities = None
    if task.metric.predicts == "label" and len(task.targets) == 1 and _there(folder / PROBABILITIES):
        probabilities = _beside(folder / PROBABILITIES, task, ids, classes[task.targets[0]], quote)
    return Predictions(tuple(ids), by_target, probabilities)


def _hidden(_value: object) -> str:
    return "(not shown)"


def _there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _most(task: Task, ids: Sequence[str], classes: Classes, columns: int | None = None) -> int:
    """Bytes that predictions of these rows can take: code could write more than memory holds."""
    label = max((len(name.encode()) for names in classes.values() for name in names), default=0)
    value = _OWN if task.kind == "custom" else _NUMBER + 2 * label
    row = 2 * max((len(one.encode()) for one in ids), default=0) + value * (columns or len(task.prediction_columns))
    return min(_ALWAYS + row * len(ids), _LARGEST)


def _frame(path: Path, most: int, quote: Quote) -> pd.DataFrame:
    if not _there(path):
        raise ToolFailed(f"{path.name} was not written: inference.py must write it to the path given by --out")
    # the sandbox wrote it, and the scorer stands outside: a link would lead it to files that the code may not read
    if path.is_symlink() or not path.is_file():
        raise ToolFailed(f"{path.name} must be a file, not a link or anything else")
    if (size := path.stat().st_size) > most:
        raise ToolFailed(
            f"{path.name} has {size / 2**20:,.0f} MB, and for these rows {most / 2**20:,.0f} MB are more than enough: "
            "write one row for each input row, and the prediction columns alone"
        )
    try:
        return read_texts(path)
    except pd.errors.EmptyDataError:
        raise ToolFailed(f"{path.name} is empty") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise ToolFailed(f"{path.name} is no CSV file: {quote(' '.join(str(error).split()))}") from None


def _aligned(
    frame: pd.DataFrame, path: Path, wanted: Sequence[str], id_column: str, ids: Sequence[str], quote: Quote
) -> pd.DataFrame:
    """The wanted columns, in the order of `ids`; every id exactly once."""
    _check_columns(list(frame.columns), path, wanted, quote)
    found = matched(ids, frame[id_column].tolist())
    known = set(ids)
    unknown = [one for one in found if one not in known]
    if unknown:
        raise ToolFailed(
            f"{path.name}: {len(unknown)} ids in column {id_column!r} are not among the input rows, such as "
            f"{quote(unknown[0])}: copy the id column of the input file"
        )
    if len(found) != len(ids) or len(set(found)) != len(ids):
        twice = len(found) - len(set(found))
        missing = len(known - set(found))
        raise ToolFailed(
            f"{path.name}: {len(found)} rows for {len(ids)} input rows ({missing} ids missing, {twice} repeated): "
            "write one row for each input row"
        )
    return frame.set_index(pd.Index(found)).loc[list(ids)].reset_index(drop=True)


def _check_columns(found: list[str], path: Path, wanted: Sequence[str], quote: Quote) -> None:
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing or extra:
        lacks = f"lacks {_few(missing)}" if missing else ""
        has = f"has {_few(extra, quote)} too many" if extra else ""
        raise ToolFailed(
            f"{path.name} {' and '.join(part for part in (lacks, has) if part)}: its columns must be exactly "
            f"{_few(wanted)}"
        )


def _few(names: Sequence[str], quote: Quote = repr) -> str:
    return ", ".join(map(quote, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _values(frame: pd.DataFrame, path: Path, task: Task, classes: Classes, quote: Quote) -> dict[str, NDArray[Any]]:
    if task.kind == "custom":
        return {name: _anything(frame[name], path) for name in task.targets}
    match task.metric.predicts:
        case "label":
            return {name: _codes(frame[name], path, classes[name], quote) for name in task.targets}
        case "value":
            return {name: _value(frame[name], path, task, quote) for name in task.targets}
        case "probability":
            if task.kind == "multiclass" or len(task.prediction_columns) > len(task.targets) + 1:
                return {task.targets[0]: _rows_of_one(frame, path, task.prediction_columns[1:], quote)}
            return {name: _binary(_share(frame[name], path, quote)) for name in task.targets}


def _anything(column: Column, path: Path) -> NDArray[Any]:
    """What a task's own metric takes: numbers where all are, else the texts."""
    if column.isin(MISSING).all():
        raise ToolFailed(f"{path.name}: column {column.name!r} is empty")
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    return numbers if np.isfinite(numbers).all() else column.to_numpy(dtype=object)


def _codes(column: Column, path: Path, classes: Sequence[str], quote: Quote) -> NDArray[np.int64]:
    codes = label_codes(column.tolist(), classes)
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        raise ToolFailed(
            f"{path.name}, row {row + 1}: {quote(column.iloc[row])} in column {column.name!r} is no class; "
            f"classes are {_few(classes)}"
        )
    return codes


def _numbers(column: Column, path: Path, quote: Quote) -> NDArray[np.float64]:
    numbers = pd.to_numeric(column.where(~column.isin(MISSING)), errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(bad.argmax())
        raise ToolFailed(
            f"{path.name}: column {column.name!r} holds {int(bad.sum())} values that are no finite numbers, such as "
            f"{quote(column.iloc[row])} in row {row + 1}"
        )
    return numbers


def _value(column: Column, path: Path, task: Task, quote: Quote) -> NDArray[np.float64]:
    numbers = _numbers(column, path, quote)
    if task.metric.name == "rmsle" and (numbers < 0).any():
        raise ToolFailed(f"{path.name}: column {column.name!r} has negative values, which rmsle cannot take: clip at 0")
    return numbers


def _share(column: Column, path: Path, quote: Quote) -> NDArray[np.float64]:
    numbers = _numbers(column, path, quote)
    outside = (numbers < -1e-6) | (numbers > 1 + 1e-6)
    if outside.any():
        raise ToolFailed(
            f"{path.name}: column {column.name!r} must hold probabilities from 0 to 1, and holds "
            f"{quote(float(numbers[outside.argmax()]))} in row {int(outside.argmax()) + 1}"
        )
    return np.asarray(np.clip(numbers, 0.0, 1.0))


def _binary(positive: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([1 - positive, positive])


def _rows_of_one(frame: pd.DataFrame, path: Path, columns: Sequence[str], quote: Quote) -> NDArray[np.float64]:
    shares = np.column_stack([_share(frame[name], path, quote) for name in columns])
    sums = shares.sum(axis=1)
    wrong = np.abs(sums - 1) > 0.01
    if wrong.any():
        row = int(wrong.argmax())
        total = quote(round(float(sums[row]), 4))
        raise ToolFailed(f"{path.name}, row {row + 1}: the probabilities of the classes sum to {total}, not 1")
    return np.asarray(shares / sums[:, None])


def _beside(path: Path, task: Task, ids: Sequence[str], classes: Sequence[str], quote: Quote) -> NDArray[np.float64]:
    """Probabilities beside labels: one column for each class, however its number was spelt."""
    frame = _frame(path, _most(task, ids, {path.name: tuple(classes)}, columns=len(classes)), quote)
    names = dict(zip(frame.columns, label_codes(list(frame.columns), classes).tolist(), strict=True))
    renamed = frame.rename(
        columns={name: classes[code] for name, code in names.items() if code >= 0 and name != task.id}
    )
    aligned = _aligned(renamed, path, (task.id, *classes), task.id, ids, quote)
    return _rows_of_one(aligned, path, classes, quote)
