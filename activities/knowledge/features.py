"""What the profile says about the columns, as the recipes' configurations want it."""

from typing import Any

from schemas.profile import ColumnProfile, DataProfile
from schemas.task import Task

Config = dict[str, Any]


def column_lists(profile: DataProfile, task: Task) -> Config:
    """Columns by kind, without those that say nothing about a new row."""
    lists: dict[str, list[str]] = {kind: [] for kind in ("number", "category", "date", "text", "sequence")}
    alphabets = {}
    for column in profile.columns:
        kind = _kind(column, profile, task)
        if kind in lists:
            lists[kind].append(column.name)
        if kind == "sequence":
            alphabets[column.name] = column.alphabet or "other"
    return {f"features_{kind}": names for kind, names in lists.items()} | {"alphabets": alphabets}


def _kind(column: ColumnProfile, profile: DataProfile, task: Task) -> str | None:
    hidden = {*task.targets, *task.train_only, *profile.train_only}
    if column.name in hidden or not column.in_test or column.kind == "constant":
        return None
    if column.name == task.id:
        return "date" if task.id_is_feature else None
    if column.kind == "category":
        strange = (column.unseen_in_test or 0) > 0.5 or column.unique > 0.9 * profile.rows
        return None if strange and column.name != profile.time_column else "category"
    return column.kind


def parts(profile: DataProfile, task: Task) -> list[str]:
    """Train-only columns that add up to the one target, which the profile notes where it is so; none elsewhere."""
    if len(task.targets) != 1 or task.metric.predicts != "value" or len(task.train_only) < 2:
        return []
    finding = f"{task.targets[0]} is the sum of {' and '.join(task.train_only)}"
    return list(task.train_only) if finding in profile.notes else []


def transform(profile: DataProfile, task: Task) -> str:
    """`log1p` where errors are relative, or the target has a long tail of large values."""
    if task.metric.predicts != "value":
        return "none"
    name = task.metric.name.lower()
    if all(target.nonnegative for target in profile.targets):
        if name in ("rmsle", "mape", "smape"):
            return "log1p"
        if name == "mae" and any((target.skew or 0) > 2 for target in profile.targets):
            return "log1p"
    return "none"


def validation(profile: DataProfile, task: Task) -> Config:
    """Our own validation mirrors the split that candidates are scored on."""
    kind, column = task.split.kind, task.split.column
    if kind == "group":
        return {"validation": "group", "validation_column": column or profile.group_column}
    if kind == "time":
        between = "blocks" in task.split.why  # test rows lie between the labelled ones, not after them
        return {"validation": "periods" if between else "time", "validation_column": column or profile.time_column}
    if profile.group_column:
        return {"validation": "group", "validation_column": profile.group_column}
    return {"validation": "random" if task.metric.predicts == "value" else "stratified", "validation_column": None}


def has(profile: DataProfile, task: Task, kind: str) -> bool:
    return bool(column_lists(profile, task)[f"features_{kind}"])


def prose(profile: DataProfile, task: Task) -> bool:
    """True if free text is what rows consist of, not a name beside other columns."""
    lists = column_lists(profile, task)
    others = sum(len(lists[f"features_{kind}"]) for kind in ("number", "category", "date", "sequence"))
    lengths = [column.mean_length or 0 for column in profile.columns if column.name in lists["features_text"]]
    return bool(lists["features_text"]) and (others <= 2 or max(lengths) > 60)


def classes(profile: DataProfile, task: Task) -> int:
    """How many classes there are; 0 for numbers."""
    if task.metric.predicts == "value":
        return 0
    return max([len(task.classes), *(target.classes or 0 for target in profile.targets)])
