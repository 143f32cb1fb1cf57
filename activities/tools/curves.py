"""Learning curves, read from what training wrote as it went: lines of JSON that nobody vouches for."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

from activities.errors import ToolFailed
from activities.execution.walking import printable
from activities.tools.reading import open_beneath
from schemas.tool import Curve

MOST_CURVES = 24
MOST_BYTES = 16 * 2**20
END_BYTES = 64 * 2**10  # of a file that is looked at every few seconds
_RISING = ("acc", "auc", "f1", "r2", "kappa", "precision", "recall")  # names of what is better when it is larger


def curves(out: Path, *, end: bool = False) -> tuple[Curve, ...]:
    """Each named series of `metrics.jsonl`, or of its `end`, in few numbers; nothing where the file is not there."""
    series: dict[str, list[tuple[float, float]]] = {}
    for place, line in enumerate(_lines(out, end=end)):
        step = _number(line.get("step"))
        for name, given in line.items():
            value = _number(given)
            if name not in ("step", "time") and value is not None:
                series.setdefault(printable(name[:80]), []).append((float(place) if step is None else step, value))
    return tuple(_summary(name, points) for name, points in list(series.items())[:MOST_CURVES])


def latest(out: Path) -> str:
    """The last validation value, in words for people: `valid_rmse 0.31`."""
    found = [curve for curve in curves(out, end=True) if curve.name.startswith("valid")]
    return f"{found[-1].name} {found[-1].last:.4g}" if found else ""


def _summary(name: str, points: list[tuple[float, float]]) -> Curve:
    pick = max if any(word in name.lower() for word in _RISING) else min
    best_step, best = pick(points, key=lambda point: point[1])
    return Curve(name=name, first=points[0][1], last=points[-1][1], best=best, best_step=best_step, steps=len(points))


def _lines(out: Path, *, end: bool) -> Iterator[dict[str, object]]:
    try:
        with open_beneath(out, ("metrics.jsonl",)) as file:
            skipped = max(file.seek(0, os.SEEK_END) - END_BYTES, 0) if end else 0
            file.seek(skipped)
            text = file.read(MOST_BYTES)
    except ToolFailed:
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue  # a line that is being written or was cut, or nonsense
        if isinstance(value, dict):
            yield value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has integers of any length
        return None
    return number if math.isfinite(number) else None
