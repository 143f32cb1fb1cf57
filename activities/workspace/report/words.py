"""Numbers, times, metrics and splits in words."""

import math
import re
from datetime import UTC, datetime

from schemas.metric import Direction, Metric, Score
from schemas.task import Split

UNPRINTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "f1_macro": "macro F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "rmse": "RMSE",
    "mae": "MAE",
    "rmsle": "RMSLE",
    "r2": "R²",
    "mape": "MAPE",
    "smape": "SMAPE",
    "quadratic_weighted_kappa": "quadratic weighted kappa",
}


def clean(text: str) -> str:
    """Without control characters, and those that make text read otherwise than it is written."""
    return UNPRINTED.sub("\N{REPLACEMENT CHARACTER}", text)


def metric_name(metric: Metric) -> str:
    return METRICS.get(metric.name, metric.name)


def direction(metric: Metric) -> str:
    return "higher is better" if metric.direction is Direction.HIGHER else "lower is better"


def decimals(score: Score) -> int:
    """As many places as give the uncertainty (half the interval) two figures: more would pretend to know."""
    half = abs(score.high - score.low) / 2 or abs(score.value) / 100
    if not half or not math.isfinite(half):
        return 4
    return min(8, max(0, 1 - math.floor(math.log10(half))))


def value(score: Score) -> str:
    return number(score.value, decimals(score))


def interval(score: Score) -> str:
    places = decimals(score)
    return f"{number(score.low, places)} to {number(score.high, places)}"


def number(amount: float, places: int) -> str:
    return f"{amount:,.{places}f}".replace("-", "\N{MINUS SIGN}")


def count(amount: float) -> str:
    return f"{amount:,.0f}"


def plural(amount: int, one: str, many: str = "") -> str:
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """`9.4 s`, `4 min 12 s`, `3 h 05 min`."""
    if seconds < 0:
        return "\N{MINUS SIGN}" + duration(-seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """Time into the run: `04:12`, `3:05:00`."""
    whole = round(max(0.0, seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def memory(megabytes: float) -> str:
    """`640 MB`, `1.8 GB`."""
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1000 else f"{megabytes:,.0f} MB"


def dollars(amount: float | None) -> str:
    if amount is None:
        return "unknown"
    return "$0" if amount == 0 else f"${amount:,.2f}" if amount >= 0.01 else "under $0.01"


def cost(amount: float | None) -> str:
    """As exact as a single call needs it."""
    return "unknown" if amount is None else f"${amount:,.4f}"


def share(part: float) -> str:
    return f"{100 * part:.0f} %" if part == 0 or part >= 0.01 else f"{100 * part:.1f} %"


def split(split: Split) -> str:
    """How labelled rows were divided, for someone who was not there."""
    how = {
        "random": "Rows were drawn at random",
        "stratified": "Rows were drawn at random, each class in its proportion",
        "group": f"Rows were drawn by group: all rows that share a value of “{split.column}” stay on the same side",
        "time": f"Rows were divided by time: the latest by “{split.column}” are withheld, as in use",
        "files": "The withheld rows were given as files of their own",
    }[split.kind]
    return f"{how}. {_select(split)} {_report(split)}"


def _select(split: Split) -> str:
    if split.folds:
        return (
            f"Decisions rest on “select”: {split.folds}-fold cross-validation, in which the system trains a candidate "
            f"{split.folds} times and each row is predicted by a model that has not seen it."
        )
    part = "" if split.kind == "files" else f", {share(split.select)} of the labelled rows"
    return f"Decisions rest on “select”{part}: withheld from every training, looked at after each."


def _report(split: Split) -> str:
    if not split.report and split.kind != "files":
        return "Nothing was withheld for a last estimate, so the score on “select” is somewhat flattering."
    part = "" if split.kind == "files" else f", {share(split.report)} of the labelled rows"
    return f"The last estimate rests on “report”{part}: scored at the very end, untouched by any decision."
