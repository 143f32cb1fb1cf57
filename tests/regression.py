"""A regression on a table, for tests that need its task but none of its data."""

from typing import Any

from schemas.metric import Direction, Metric
from schemas.task import Split, Task

RMSE = Metric(name="rmse", direction=Direction.LOWER, predicts="value")


def regression(name: str, target: str, *, rows: int, test_rows: int, **more: Any) -> Task:
    settled: dict[str, Any] = {
        "kind": "regression",
        "metric": RMSE,
        "split": Split(kind="random"),
        "train": "train.csv",
        "test": "test.csv",
        "id": "id",
        "targets": (target,),
        "prediction_columns": ("id", target),
    }
    return Task(name=name, rows=rows, test_rows=test_rows, **(settled | more))
