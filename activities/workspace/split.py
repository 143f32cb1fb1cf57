"""How labelled rows are divided: what kind of split the data asks for, and which row goes where."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.errors import BadInput
from activities.workspace.columns import Columns
from activities.workspace.tables import Column
from activities.workspace.taskfile import TASK_FILE, Given, nearest
from activities.workspace.timeline import TIME_NAME, Timeline, read_timeline
from schemas.task import Split, SplitFile, SplitKind

Mask = NDArray[np.bool_]
SMALL = 5_000  # fewer labelled rows than this are cross-validated
TINY = 300  # fewer than this can spare none for a last estimate
LEAST = 20
FOLDS = 5


@dataclass(frozen=True)
class Division:
    """Masks over the labelled rows. `select` maps a part's name to (rows to fit, rows to predict)."""

    view: Mask
    report: Mask
    select: dict[str, tuple[Mask, Mask]]
    blocks: NDArray[np.int64]  # rows that are resampled together, by number
    notes: tuple[str, ...] = field(default=())


def settle_split(given: Given, columns: Columns, *, classes: bool, rows: int, seed: int) -> Split:
    """The kind of split, with its reason, and the shares."""
    file = given.file.split or SplitFile()
    if rows < LEAST:
        raise BadInput(f"{columns.files.train.name}: {rows} labelled rows are too few to split: give {LEAST} at least")
    if columns.files.select is not None or file.kind == "files":
        return _by_files(columns, seed)
    kind, column, why = _kind(file, columns, classes)
    folds = file.folds or (FOLDS if rows < SMALL and file.select is None else None)
    return Split(
        kind=kind,
        column=column,
        select=1 / folds if folds else (0.2 if file.select is None else _positive(file.select)),
        report=_report_share(file, rows),
        folds=folds,
        seed=seed,
        why=why,
    )


def divide(split: Split, columns: Columns, strata: Column | None) -> Division:
    """Which labelled row goes where; the same seed gives the same answer. `strata` for a stratified split."""
    rows = len(columns.files.train.rows)
    random = np.random.default_rng([split.seed, 7])
    match split.kind:
        case "time":
            assert split.column is not None
            line = read_timeline(columns.files, split.column)
            if line is None:
                raise BadInput(
                    f"{TASK_FILE}: key `split.column`: {split.column!r} holds no dates or times that can be read"
                )
            order = _by_time(line, split, random)
        case "group":
            assert split.column is not None
            units = pd.factorize(columns.files.train.rows[split.column])[0]
            order = _by_unit(units, None, split, random, split.column)
        case "stratified":
            assert strata is not None
            order = _by_unit(np.arange(rows), strata.to_numpy(), split, random)
        case "random" | "files":
            order = _by_unit(np.arange(rows), None, split, random)
    return order


def divide_files(sizes: tuple[int, int, int]) -> Division:
    """Rows of the training, select and report files, in this order."""
    of = np.repeat([0, 1, 2], sizes)
    return Division(of == 0, of == 2, {"select": (of == 0, of == 1)}, np.arange(len(of)))


def _by_files(columns: Columns, seed: int) -> Split:
    files = columns.files
    if files.select is None:
        raise BadInput(f"{TASK_FILE}: `split.kind: files` needs `split.select_file`, a table with labels")
    total = len(files.train.rows) + len(files.select.rows) + (len(files.report.rows) if files.report else 0)
    report = len(files.report.rows) / total if files.report else 0.0
    return Split(kind="files", select=len(files.select.rows) / total, report=report, seed=seed, why="given as files")


def _positive(share: float) -> float:
    if share <= 0:
        raise BadInput(f"{TASK_FILE}: key `split.select` must be above 0: decisions need a score")
    return share


def _report_share(file: SplitFile, rows: int) -> float:
    if file.report is not None:
        return file.report
    return 0.0 if rows < TINY else 0.1


def _kind(file: SplitFile, columns: Columns, classes: bool) -> tuple[SplitKind, str | None, str]:
    if file.column is not None and file.column not in columns.files.train.columns:
        raise BadInput(
            f"{TASK_FILE}: key `split.column` names {file.column!r}, which {columns.files.train.name} does not have; "
            f"{nearest(file.column, columns.files.train.columns)}"
        )
    if file.kind in ("group", "time"):
        return file.kind, file.column or _column_for(file.kind, columns), "given in task.yaml"
    if file.kind == "stratified" and not classes:
        raise BadInput(
            f"{TASK_FILE}: `split.kind: stratified` is for classes, and the target is a quantity: use random"
        )
    if file.kind is not None:
        return file.kind, None, "given in task.yaml"
    if file.column is not None:
        kind: SplitKind = "time" if read_timeline(columns.files, file.column) is not None else "group"
        return kind, file.column, "the column is given in task.yaml"
    return _inferred(columns, classes)


def _column_for(kind: SplitKind, columns: Columns) -> str:
    found = find_group(columns) if kind == "group" else _find_time(columns, any_time=True)
    if found is None:
        raise BadInput(f"{TASK_FILE}: `split.kind: {kind}` needs `split.column`: no column shows itself as the one")
    return found[0]


def _inferred(columns: Columns, classes: bool) -> tuple[SplitKind, str | None, str]:
    group = find_group(columns)
    if group is not None:
        return "group", group[0], group[1]
    time = _find_time(columns)
    if time is not None:
        return "time", time[0], time[1]
    if classes:
        return "stratified", None, "classes, and nothing that rows share with others in time or group"
    return "random", None, "no column that sets test rows apart in time or group"


def find_group(columns: Columns) -> tuple[str, str] | None:
    """A column whose values repeat, many of them, and are never the same in train and test."""
    files = columns.files
    if files.test is None:
        return None
    for name in files.train.columns:
        if name in (columns.id, *columns.targets, *columns.train_only) or name not in files.test.columns:
            continue
        if pd.api.types.is_numeric_dtype(files.train.typed[name]) and TIME_NAME.search(name):
            continue  # years after years: time, not groups
        if _sets_apart(files.train.typed[name], files.test.typed[name]):
            return name, f"its values repeat, and none of {files.test.name}'s occurs in {files.train.name}"
    return None


def _sets_apart(train: Column, test: Column) -> bool:
    if pd.api.types.is_float_dtype(train) or pd.api.types.is_datetime64_any_dtype(train):
        return False
    groups, others = set(train.dropna().unique()), set(test.dropna().unique())
    if len(groups) < 2 * FOLDS or len(others) < 2 or groups & others:
        return False
    if pd.Series(list(groups)[:50]).astype(str).str.match(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").all():
        return False  # dates: what lies between train and test is time
    # of values seen once each, being disjoint says nothing
    return len(train) >= 2 * len(groups) and len(test) >= 1.5 * len(others)


def _find_time(columns: Columns, *, any_time: bool = False) -> tuple[str, str] | None:
    """A time column by which test rows come after the labelled ones, or in blocks between them."""
    files = columns.files
    if files.test is None and not any_time:
        return None
    numeric = [name for name in files.train.columns if pd.api.types.is_numeric_dtype(files.train.typed[name])]
    # written dates before numbers: a `holiday` of 0 and 1 has a name of time too
    for name in sorted(files.train.columns, key=lambda name: (name in numeric, name != columns.id)):
        if name in (*columns.targets, *columns.train_only):
            continue
        line = read_timeline(files, name)
        if line is None:
            continue
        if line.apart:
            if line.forward:
                return name, "test rows come after the labelled ones"
            return name, f"test rows lie in {line.followed} blocks between the labelled ones, by time"
        if any_time:
            return name, "a column of times"
    return None


def _by_unit(
    units: NDArray[np.int64],
    strata: NDArray[np.int64] | None,
    split: Split,
    random: np.random.Generator,
    column: str | None = None,
) -> Division:
    """Deals whole units (rows, or groups) out, within strata where given."""
    needed = (split.folds or 2) + (1 if split.report else 0)
    if len(np.unique(units)) < needed:
        raise BadInput(
            f"the {column!r} column has {len(np.unique(units))} groups, too few to split: {needed} are needed"
        )
    report = _drawn(units, strata, split.report, random)
    rest = ~report
    if split.folds is None:
        share = min(split.select / max(1 - split.report, 1e-9), 0.9)
        select = np.zeros(len(units), dtype=bool)
        select[rest] = _drawn(units[rest], None if strata is None else strata[rest], share, random)
        return Division(rest & ~select, report, {"select": (rest & ~select, select)}, units)
    fold = np.full(len(units), -1)
    fold[rest] = _dealt(units[rest], None if strata is None else strata[rest], split.folds, random)
    parts = {f"fold{k + 1}": (rest & (fold != k), rest & (fold == k)) for k in range(split.folds)}
    return Division(rest, report, parts, units)


def _shuffled(
    units: NDArray[np.int64], strata: NDArray[np.int64] | None, random: np.random.Generator
) -> NDArray[np.int64]:
    """Distinct units in chance order, those of one stratum side by side."""
    names, first = np.unique(units, return_index=True)
    order = random.permutation(len(names))
    if strata is not None:
        order = order[np.argsort(strata[first][order], kind="stable")]
    return np.asarray(names[order])


def _drawn(
    units: NDArray[np.int64], strata: NDArray[np.int64] | None, share: float, random: np.random.Generator
) -> Mask:
    """About `share` of the rows: whole units in chance order, or rows at equal steps through the strata.

    The only row of a class stays where it can be learnt from.
    """
    if share <= 0:
        return np.zeros(len(units), dtype=bool)
    order = _shuffled(units, strata, random)
    if strata is None:
        names, counts = np.unique(units, return_counts=True)
        before = np.cumsum(counts[np.searchsorted(names, order)]) - counts[np.searchsorted(names, order)]
        return np.isin(units, order[before < max(share * len(units) - 0.5, 0.5)])
    lonely = units[np.bincount(strata)[strata] < 2]
    order = order[~np.isin(order, lonely)]
    steps = np.floor(np.arange(len(order) + 1) * share + random.random())
    return np.isin(units, order[np.diff(steps) > 0])


def _dealt(
    units: NDArray[np.int64], strata: NDArray[np.int64] | None, folds: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """A fold for each row: units in turn within strata, or the largest first to the emptiest fold."""
    order = _shuffled(units, strata, random)
    names, index, counts = np.unique(units, return_inverse=True, return_counts=True)
    fold_of = np.empty(len(names), dtype=np.int64)
    places = np.searchsorted(names, order)
    if counts.max() == 1:
        fold_of[places] = np.arange(len(order)) % folds
        return np.asarray(fold_of[index])
    filled = np.zeros(folds)
    for place in sorted(places, key=lambda place: -counts[place]):  # stable: ties stay in chance order
        fold_of[place] = int(filled.argmin())
        filled[fold_of[place]] += counts[place]
    return np.asarray(fold_of[index])


def _by_time(line: Timeline, split: Split, random: np.random.Generator) -> Division:
    if split.folds is not None:
        return _time_folds(line, split)
    tail = min(split.select + split.report, 0.8)
    withheld = line.tails(tail)
    numbers = line.segment_of
    tailed = np.unique(numbers[withheld])
    if split.report and len(tailed) >= 6:
        # whole tails go to one part each, so that both look like the test blocks, as long and as near
        shuffled = random.permutation(tailed)
        chosen = shuffled[: max(1, round(len(tailed) * split.report / tail))]
        report = withheld & np.isin(numbers, chosen)
    else:
        report = line.tails(split.report) if split.report else np.zeros(len(withheld), dtype=bool)
    fit, select = ~withheld, withheld & ~report
    return Division(fit, report, {"select": (fit, select)}, line.blocks())


def _time_folds(line: Timeline, split: Split) -> Division:
    """Later rows are never used to predict earlier ones, unless the test rows themselves lie between labelled ones."""
    assert split.folds is not None
    report = line.tails(split.report) if split.report else np.zeros(len(line.segment_of), dtype=bool)
    rest = ~report
    if line.apart and not line.forward:
        chunk = (line.chunks(split.folds, rest) + line.segment_of) % split.folds
        parts = {f"fold{k + 1}": (rest & (chunk != k), rest & (chunk == k)) for k in range(split.folds)}
    else:
        chunk = line.chunks(split.folds + 1, rest, whole=True)
        parts = {f"fold{k + 1}": (rest & (chunk <= k), rest & (chunk == k + 1)) for k in range(split.folds)}
    return Division(rest, report, parts, line.blocks())
