"""Metrics, and scores that know which way is better."""

from enum import StrEnum
from typing import Literal

from schemas.base import Record


class Direction(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"


class Metric(Record):
    """What is measured.

    `name` is a registered name (`rmse`), or `grade.py:function` for a task's own. `predicts` says what a prediction
    holds: `label` (one of the classes), `probability` (of each class, or of the positive one), or `value` (a number).
    """

    name: str
    direction: Direction
    predicts: Literal["label", "probability", "value"]

    def better(self, left: float, right: float) -> bool:
        """True if `left` is strictly better than `right`."""
        return left > right if self.direction is Direction.HIGHER else left < right


class Score(Record):
    """A metric's value on withheld labels, as the scorer computed it; nothing else is a score.

    `low` and `high` bound a 95 % bootstrap interval over `rows` rows.
    """

    metric: Metric
    value: float
    low: float
    high: float
    rows: int
    split: Literal["select", "report"] = "select"

    def beats(self, other: "Score | None") -> bool:
        """True if better, which need not be larger; any score beats none."""
        return other is None or self.metric.better(self.value, other.value)
