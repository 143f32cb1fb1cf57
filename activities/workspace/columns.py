"""Which column is what: the id, the targets, and the columns that only labelled rows have."""

import re
from dataclasses import dataclass, field, replace

import pandas as pd

from activities.errors import BadInput
from activities.workspace.files import Files
from activities.workspace.tables import Table
from activities.workspace.taskfile import TASK_FILE, Given, nearest
from activities.workspace.values import as_times, matched, written
from activities.workspace.wording import target_in

_ID_NAME = re.compile(r"^(id|index|row|key|uuid|guid|row_?(id|number|num|idx)|unnamed: 0|.*_id|.*Id|.*ID)$")
_TARGET_NAMES = ("target", "label", "class", "y", "labels", "outcome", "response")


@dataclass(frozen=True)
class Columns:
    """The settled columns, and the tables with an id column in each. `class_columns` are a sample submission's
    columns of one class each, in its order."""

    files: Files
    id: str
    targets: tuple[str, ...]
    train_only: tuple[str, ...]
    class_columns: tuple[str, ...] = ()
    id_is_feature: bool = False
    why: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def settle_columns(given: Given, files: Files) -> Columns:
    """Finds id and targets; BadInput where they are missing, doubled or contradict one another."""
    why: dict[str, str] = {}
    id_column = _find_id(given, files, why)
    targets, class_columns = _find_targets(given, files, id_column, why)
    files, notes = _without_empty_targets(files, targets)
    if id_column is None:
        id_column = _free_name(files)
        files = _with_ids(files, id_column)
        why["id"] = f"made: row numbers in a new column {id_column!r}, as no column names the rows"
    elif id_column not in files.train.columns or (files.test and id_column not in files.test.columns):
        files = _with_ids(files, id_column)
        why["id"] = f"{id_column!r}, its values made where a table lacks it"
    _check_ids(files, id_column)
    train_only = _train_only(files, targets)
    times = as_times(files.train.typed[id_column])
    return Columns(files, id_column, targets, train_only, class_columns, times is not None, why, notes)


def _find_id(given: Given, files: Files, why: dict[str, str]) -> str | None:
    if given.file.id is not None:
        return _given_id(given.file.id, files)
    if files.sample is not None:
        return _sample_id(files, files.sample, why)
    for name in files.train.columns:
        if _ID_NAME.match(name) and _names_rows(files, name):
            why["id"] = f"{name!r}: its name, and no value occurs twice"
            return name
    return None


def _given_id(name: str, files: Files) -> str:
    for table in (files.train, files.test):
        if table is not None and name not in table.columns:
            raise BadInput(
                f"{TASK_FILE}: key `id` names column {name!r}, which {table.name} does not have; "
                f"{nearest(name, table.columns)}"
            )
    return name


def _sample_id(files: Files, sample: Table, why: dict[str, str]) -> str:
    inputs = files.test or files.train
    shared = [name for name in sample.columns if name in inputs.columns]
    if files.test is None and sample.columns[0] in shared:
        shared = [sample.columns[0]]  # beside the id, the labelled rows share the targets with it too
    if len(shared) > 1:  # a target in the test file is another error, and gets its own message
        shared = [name for name in shared if _unique(sample, name)] or shared
    if len(shared) == 1 or (shared and _unique(sample, shared[0])):
        why["id"] = f"{shared[0]!r}: shared by {sample.name} and {inputs.name}"
        return shared[0]
    first = sample.columns[0]
    if not shared and files.test is not None and len(sample.rows) == len(files.test.rows) and _unique(sample, first):
        return first  # row numbers that only the sample submission writes out
    if shared:
        raise BadInput(
            f"{sample.name}: no single column names a row ({', '.join(shared)} do together): make one id column"
        )
    raise BadInput(
        f"{sample.name} (columns {', '.join(sample.columns[:6])}) fits neither: it shares no column with "
        f"{inputs.name}, so that its rows cannot be told: add the id column, or name the right "
        "file with `sample_submission`"
    )


def _unique(table: Table, name: str) -> bool:
    return bool(table.rows[name].is_unique)


def _names_rows(files: Files, name: str) -> bool:
    tables = [table for table in (files.train, files.test) if table is not None]
    if any(name not in table.columns or not _unique(table, name) for table in tables):
        return False
    return not pd.api.types.is_float_dtype(files.train.typed[name])


def _find_targets(
    given: Given, files: Files, id_column: str | None, why: dict[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(targets, columns of one class each)"""
    wanted = [] if files.sample is None else [name for name in files.sample.columns if name != id_column]
    if given.file.target is not None:
        named = [given.file.target] if isinstance(given.file.target, str) else list(given.file.target)
        _check_targets(named, files.train, id_column)
        return tuple(named), _class_columns(files, named, wanted)
    if files.sample is not None and wanted and all(name in files.train.columns for name in wanted):
        why["target"] = f"{', '.join(wanted)}: in {files.sample.name} and {files.train.name}"
        return tuple(wanted), ()
    lacking = [name for name in files.train.columns if name != id_column and not _in_test(files, name)]
    if files.sample is not None:
        return _target_of_classes(files, lacking, wanted, why)
    return (_target_by_name(given, files, lacking, why),), ()


def _in_test(files: Files, name: str) -> bool:
    return files.test is not None and name in files.test.columns


def _check_targets(named: list[str], train: Table, id_column: str | None) -> None:
    if not named:
        raise BadInput(f"{TASK_FILE}: key `target` is an empty list: name the column to predict")
    for name in named:
        if name not in train.columns:
            raise BadInput(
                f"{TASK_FILE}: key `target` names column {name!r}, which {train.name} does not have; "
                f"{nearest(name, train.columns)}"
            )
        if name == id_column:
            raise BadInput(f"{TASK_FILE}: column {name!r} cannot be both `id` and `target`")


def _class_columns(files: Files, named: list[str], wanted: list[str]) -> tuple[str, ...]:
    if files.sample is None or wanted == named:
        return ()
    if sorted(wanted) == sorted(named):
        return ()
    if len(named) == 1 and _classes_fit(files.train, named[0], wanted):
        return tuple(wanted)
    raise BadInput(
        f"{files.sample.name} has the columns {', '.join(wanted[:6])} beside the id, which are neither the target "
        f"({', '.join(named)}) nor its classes: mend it, or name the right file with `sample_submission`"
    )


def _classes_fit(train: Table, target: str, wanted: list[str]) -> bool:
    """True if each wanted column is a class of the target, perhaps behind a prefix such as `Status_`."""
    labels = set(written(train.typed[target].dropna()))
    if len(labels) != len(wanted) or len(wanted) < 2:
        return False
    return all(any(name == label or name.endswith(f"_{label}") for label in labels) for name in wanted)


def _target_of_classes(
    files: Files, lacking: list[str], wanted: list[str], why: dict[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    assert files.sample is not None
    fitting = [name for name in lacking if _classes_fit(files.train, name, wanted)]
    if len(fitting) == 1:
        why["target"] = f"{fitting[0]!r}: its classes are the columns of {files.sample.name}"
        return (fitting[0],), tuple(wanted)
    absent = [name for name in wanted if name not in files.train.columns]
    raise BadInput(
        f"{files.sample.name} fits neither: its columns {', '.join(absent[:6]) or '(none beside the id)'} are no "
        f"columns of {files.train.name} and no classes of one: name the column to predict with "
        "`target`, or mend the file"
    )


def _target_by_name(given: Given, files: Files, lacking: list[str], why: dict[str, str]) -> str:
    if files.test is not None and len(lacking) == 1:
        why["target"] = f"{lacking[0]!r}: the one column that {files.test.name} lacks"
        return lacking[0]
    spoken = target_in(given.description, lacking)
    if spoken is not None:
        why["target"] = f"{spoken!r}: the description says so"
        return spoken
    for name in _TARGET_NAMES:
        found = [column for column in lacking if column.lower() == name]
        if found:
            why["target"] = f"{found[0]!r}, by its name"
            return found[0]
    if not lacking:
        raise BadInput(
            f"{files.test.name if files.test else 'the test file'} has all columns of {files.train.name}, a target "
            "among them: take the target out of the test file, and name it with the key `target`"
        )
    shown = ", ".join(lacking[:12])
    raise BadInput(f"which column is to be predicted? Name one of {shown} with the key `target` in {TASK_FILE}")


def _without_empty_targets(files: Files, targets: tuple[str, ...]) -> tuple[Files, tuple[str, ...]]:
    """A target in the test file is an error, unless it is there without a single value."""
    there = [name for name in targets if _in_test(files, name)]
    if not there or files.test is None:
        return files, ()
    for name in there:
        if not files.test.typed[name].isna().all():
            raise BadInput(
                f"{files.test.name} has the target column {name!r}, with values: take it out, or the score would mean "
                "nothing (labels of one's own for the last estimate go into `split.report_file`)"
            )
    note = f"{files.test.name}: the empty target column {', '.join(there)} was left out"
    return replace(files, test=files.test.without(there)), (note,)


def _free_name(files: Files) -> str:
    taken = {*files.train.columns, *(files.test.columns if files.test else ())}
    return next(name for name in ("id", "row_id", "generated_row_id") if name not in taken)


def _with_ids(files: Files, name: str) -> Files:
    """Adds row numbers where the id column is missing; those of test rows are the sample's, or go on from train's."""
    train, test = files.train, files.test
    if name not in train.columns:
        start = _after(test, name)
        train = train.with_first(name, range(start, start + len(train.rows)))
    if test is not None and name not in test.columns:
        start = len(train.rows)
        values = files.sample.rows[name].tolist() if files.sample else range(start, start + len(test.rows))
        test = test.with_first(name, values)
    extra = [
        None
        if table is None or name in table.columns
        else table.with_first(name, range(start, start + len(table.rows)))
        for start, table in ((10**7, files.select), (2 * 10**7, files.report))
    ]
    return replace(files, train=train, test=test, select=extra[0] or files.select, report=extra[1] or files.report)


def _after(test: Table | None, name: str) -> int:
    """A number beyond every id of the test file, so that made ids meet none."""
    if test is None or name not in test.columns:
        return 0
    numbers = pd.to_numeric(test.rows[name], errors="coerce").dropna()
    return 0 if numbers.empty else int(numbers.max()) + 1


def _check_ids(files: Files, name: str) -> None:
    for table in (files.train, files.test, files.sample, files.select, files.report):
        if table is not None:
            _check_id(table, name)
    if files.sample is not None:
        _check_sample_ids(files, files.sample, name)


def _check_id(table: Table, name: str) -> None:
    if name not in table.columns:
        raise BadInput(f"{table.name} lacks the id column {name!r}: add it, or name another with the key `id`")
    column = table.typed[name]
    if column.isna().any():
        line = int(column.isna().to_numpy().argmax()) + 2
        raise BadInput(f"{table.name}, line {line}: the id column {name!r} is empty: give every row its id")
    twice = table.rows[name][table.rows[name].duplicated()]
    if not twice.empty:
        raise BadInput(
            f"{table.name}: {len(twice)} duplicate ids in column {name!r}, such as {twice.iloc[0]!r}: make ids unique, "
            "or name another column with the key `id`"
        )


def _check_sample_ids(files: Files, sample: Table, name: str) -> None:
    inputs = files.test or files.train
    wanted = written(inputs.typed[name])
    found = set(matched(wanted, written(sample.typed[name])))
    missing, unknown = len(set(wanted) - found), sorted(found - set(wanted))
    if unknown or (missing and files.test is not None):
        what = f"{len(unknown)} ids that {inputs.name} does not have, such as {unknown[0]!r}" if unknown else ""
        lacks = f"lacks {missing} of its {len(wanted)} ids" if missing else ""
        raise BadInput(
            f"{sample.name} does not fit {inputs.name}: it has {' and '.join(part for part in (what, lacks) if part)}: "
            "mend it, or name the right file with `sample_submission`"
        )


def _train_only(files: Files, targets: tuple[str, ...]) -> tuple[str, ...]:
    if files.test is None:
        return ()
    return tuple(name for name in files.train.columns if name not in files.test.columns and name not in targets)
