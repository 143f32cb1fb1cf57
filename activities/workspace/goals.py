"""What is to be reached: the kind of task, its metric, its classes, and whether the metric fits the targets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from activities.errors import BadInput
from activities.workspace import metrics
from activities.workspace.columns import Columns
from activities.workspace.tables import Column, Table
from activities.workspace.taskfile import TASK_FILE, Given
from activities.workspace.values import ordered_classes, written
from activities.workspace.wording import metric_in
from schemas.metric import Metric
from schemas.task import TaskKind

_VALUES_MEAN_CLASSES = 20  # whole numbers with more values than this are a quantity


@dataclass(frozen=True)
class Goal:
    kind: TaskKind
    metric: Metric
    classes: dict[str, tuple[str, ...]]  # by target; empty for regression
    prediction_columns: tuple[str, ...]
    why: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def settle_goal(given: Given, columns: Columns) -> Goal:
    """Settles metric and kind together, since each tells of the other."""
    train = columns.files.train
    targets = train.typed[list(columns.targets)].dropna()
    if targets.empty:
        raise BadInput(
            f"{train.name}: no row has a value in {', '.join(columns.targets)}: there is nothing to learn from"
        )
    why: dict[str, str] = {}
    notes: list[str] = []
    metric = _metric(given, columns, targets, why, notes)
    as_classes = _has_classes(metric, targets, columns)
    classes = {name: ordered_classes(written(targets[name])) for name in columns.targets} if as_classes else {}
    if columns.class_columns:
        classes = {columns.targets[0]: _in_column_order(classes[columns.targets[0]], columns.class_columns)}
    _check_classes(train, classes, targets)
    kind: TaskKind = "regression" if not classes else "binary" if _all_two(classes) else "multiclass"
    why["kind"] = _why_kind(kind, targets, classes)
    metric = _fitting_f1(given, metric, kind, why)
    _check_fit(train, metric, kind, targets)
    return Goal(kind, metric, classes, _prediction_columns(columns, metric, classes, kind), why, tuple(notes))


def _metric(given: Given, columns: Columns, targets: pd.DataFrame, why: dict[str, str], notes: list[str]) -> Metric:
    name = given.file.metric
    if name is not None and metrics.is_custom(name):
        return _custom(given, columns, targets, name)
    if name is not None:
        return metrics.find(name).metric
    spoken = metric_in(given.description)
    if spoken is not None:
        metric = metrics.REGISTRY[spoken[0]].metric
        if _numeric(targets) if metric.predicts == "value" else _can_be_classes(targets):
            why["metric"] = f"{metric.name}: the description says {spoken[1]!r}"
            return metric
        notes.append(f"the description says {spoken[1]!r}, which does not fit the target: the metric is the usual one")
    return _usual(columns, targets, why)


def _usual(columns: Columns, targets: pd.DataFrame, why: dict[str, str]) -> Metric:
    """The usual metric where none is named: what the sample submission holds tells labels from probabilities."""
    if not _look_like_classes(targets):
        name = "rmse"
    elif columns.class_columns:
        name = "log_loss"
    elif _fractions(columns.files.sample, columns.targets) and all(targets.nunique() == 2):
        name = "roc_auc"
    else:
        name = "accuracy"
    why["metric"] = f"{name}: usual for such a target, as neither task.yaml nor the description names one"
    return metrics.REGISTRY[name].metric


def _custom(given: Given, columns: Columns, targets: pd.DataFrame, name: str) -> Metric:
    script, _, function = name.partition(":")
    if not (given.folder / script).is_file():
        raise BadInput(f"{TASK_FILE}: key `metric` names {script}, which is not in {given.folder}")
    if not function.isidentifier():
        raise BadInput(f"{TASK_FILE}: key `metric`: write it as `{script}:function`, with the name of the function")
    if given.file.direction is None:
        raise BadInput(f"{TASK_FILE}: a metric of your own needs `direction: higher` or `direction: lower`")
    fractions = columns.class_columns or _fractions(columns.files.sample, columns.targets)
    if not _look_like_classes(targets):
        return Metric(name=name, direction=given.file.direction, predicts="value")
    return Metric(name=name, direction=given.file.direction, predicts="probability" if fractions else "label")


def _fractions(sample: Table | None, targets: Sequence[str]) -> bool:
    """True if the sample submission's predictions are such as 0.5."""
    if sample is None or any(name not in sample.columns for name in targets):
        return False
    values = sample.typed[list(targets)]
    return _numeric(values) and bool(((values % 1) != 0).to_numpy().any())


def _numeric(values: pd.DataFrame) -> bool:
    return all(
        pd.api.types.is_numeric_dtype(values[name]) and not pd.api.types.is_bool_dtype(values[name]) for name in values
    )


def _has_classes(metric: Metric, targets: pd.DataFrame, columns: Columns) -> bool:
    if metrics.is_custom(metric.name):
        return metric.predicts != "value"
    if metric.predicts == "value" and not _numeric(targets):
        name = next(name for name in targets if not _numeric(targets[[name]]))
        table = columns.files.train
        texts = pd.to_numeric(table.typed[name], errors="coerce").isna() & table.typed[name].notna()
        line = int(texts.to_numpy().argmax()) + 2
        raise BadInput(
            f"{table.name}, line {line}: the target {name!r} holds {table.rows[name].iloc[line - 2]!r}, and the metric "
            f"{metric.name} needs numbers: mend the column, or choose a metric of classes such as accuracy"
        )
    return metric.predicts != "value"


def _can_be_classes(targets: pd.DataFrame) -> bool:
    return not _numeric(targets) or bool((targets % 1 == 0).to_numpy().all())


def _look_like_classes(targets: pd.DataFrame) -> bool:
    return all(_looks_like_classes(targets[name]) for name in targets)


def _looks_like_classes(column: Column) -> bool:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return True
    numbers = column.to_numpy(dtype=float)
    if (numbers % 1 != 0).any():
        return False
    unique = len(np.unique(numbers))
    spread = numbers.max() - numbers.min()
    return unique <= 2 or (unique <= _VALUES_MEAN_CLASSES and spread < 3 * unique and len(numbers) >= 10 * unique)


def _in_column_order(classes: Sequence[str], class_columns: Sequence[str]) -> tuple[str, ...]:
    """Each column's class; the longest that the column's name ends with, so that `a_b` is not taken for `b`."""
    return tuple(
        max((label for label in classes if column == label or column.endswith(f"_{label}")), key=len)
        for column in class_columns
    )


def _check_classes(train: Table, classes: dict[str, tuple[str, ...]], targets: pd.DataFrame) -> None:
    for name, labels in classes.items():
        if len(labels) == 1:
            raise BadInput(
                f"{train.name}: the target {name!r} has one class only ({labels[0]!r}): give rows of other classes too"
            )
        if len(labels) > max(20, len(targets) // 2):
            raise BadInput(
                f"{train.name}: the target {name!r} has {len(labels)} different values in {len(targets)} rows, which "
                "are no classes: name another column with `target`, or a metric for numbers such as rmse"
            )


def _all_two(classes: dict[str, tuple[str, ...]]) -> bool:
    return all(len(labels) == 2 for labels in classes.values())


def _why_kind(kind: TaskKind, targets: pd.DataFrame, classes: dict[str, tuple[str, ...]]) -> str:
    if kind == "regression":
        return "regression: the target is a quantity"
    counts = ", ".join(f"{name!r} has {len(labels)} classes" for name, labels in list(classes.items())[:3])
    return f"{kind}: {counts} in {len(targets)} rows"


def _fitting_f1(given: Given, metric: Metric, kind: TaskKind, why: dict[str, str]) -> Metric:
    """F1 said of many classes means the macro average; where a person wrote `f1`, that is theirs to say."""
    if metric.name != "f1" or kind == "binary":
        return metric
    if given.file.metric is not None:
        raise BadInput(f"{TASK_FILE}: key `metric`: f1 is for two classes, and the target has more: use f1_macro")
    why["metric"] = f"f1_macro: {why.get('metric', 'F1')}, of more than two classes"
    return metrics.REGISTRY["f1_macro"].metric


def _check_fit(train: Table, metric: Metric, kind: TaskKind, targets: pd.DataFrame) -> None:
    numbers = targets.to_numpy(dtype=float) if kind == "regression" else np.zeros((1, 1))
    where = f"{train.name}: the target {', '.join(map(str, targets))}"
    if not np.isfinite(numbers).all():
        raise BadInput(f"{where} holds infinite values: mend those rows")
    if metric.name == "rmsle" and (numbers < 0).any():
        raise BadInput(f"{where} has negative values ({numbers.min():g}), which rmsle cannot take: use rmse or mae")
    if metric.name == "mape" and (numbers == 0).any():
        raise BadInput(f"{where} has zeros, by which mape would divide: use smape or mae")
    if metric.predicts == "value" and kind == "regression" and (numbers == numbers[0]).all():
        raise BadInput(f"{where} has the same value in every row: there is nothing to predict")
    if metric.name == "quadratic_weighted_kappa" and not _numeric(targets):
        raise BadInput(f"{where} holds words, and quadratic_weighted_kappa needs ordered numbers: use f1_macro")


def _prediction_columns(
    columns: Columns, metric: Metric, classes: dict[str, tuple[str, ...]], kind: TaskKind
) -> tuple[str, ...]:
    if columns.class_columns and metric.predicts == "probability":
        return (columns.id, *columns.class_columns)
    if columns.class_columns:
        sample = columns.files.sample
        raise BadInput(
            f"{sample.name if sample else 'the sample submission'} has a column for each class, which are "
            f"probabilities, and the metric {metric.name} needs labels: use log_loss or roc_auc, or mend the file"
        )
    if metric.predicts != "probability" or kind == "binary":
        return (columns.id, *_sample_order(columns))
    if len(columns.targets) > 1:
        raise BadInput(f"{metric.name} of several targets needs two classes each: use a metric of labels instead")
    return (columns.id, *classes[columns.targets[0]])


def _sample_order(columns: Columns) -> tuple[str, ...]:
    sample = columns.files.sample
    if sample is None:
        return columns.targets
    return tuple(name for name in sample.columns if name in columns.targets)
