"""What learning curves say: whether a training was too long and too free, or not long or free enough."""

import json
from collections.abc import Iterable
from typing import Literal

from schemas.metric import Direction, Metric
from schemas.tool import Curve

Finding = Literal["overfitting", "underfitting", "settled", "unknown"]
LOST = 0.05  # share of the gain that a curve may lose again after its best before it counts as overfitting
LEAST_STEPS = 4


def reading(curves: Iterable[Curve]) -> tuple[Finding, str]:
    """The finding, and the numbers that it rests on."""
    curve = _telling(curves)
    if curve is None:
        return "unknown", "no validation curve"
    gain, lost = abs(curve.first - curve.best), abs(curve.last - curve.best)
    numbers = f"{curve.name} {curve.first:.4g} at first, {curve.best:.4g} at its best, {curve.last:.4g} at the end"
    if lost > LOST * gain and lost > 0:
        return "overfitting", numbers
    if curve.last == curve.best and gain > 0:
        return "underfitting", numbers
    return "settled", numbers


def _telling(curves: Iterable[Curve]) -> Curve | None:
    """A validation loss before any other validation curve: it is smooth. Else the longest: a short one has a point for
    each member of a bag, which says nothing of any one training."""
    found = [curve for curve in curves if curve.name.startswith("valid") and curve.steps >= LEAST_STEPS]
    found.sort(key=lambda curve: (not curve.name.endswith("loss"), -curve.steps, curve.name))
    return found[0] if found else None


def of_file(text: str, metric: Metric) -> list[Curve]:
    """The curves of a metrics.jsonl, as far as it can be read."""
    series: dict[str, list[tuple[float, float]]] = {}
    for line in text.splitlines():
        for name, step, value in _points(line):
            series.setdefault(name, []).append((step, value))
    return [_curve(name, points, metric) for name, points in sorted(series.items())]


def _points(line: str) -> list[tuple[str, float, float]]:
    try:
        point = json.loads(line)
    except ValueError:
        return []
    if not isinstance(point, dict) or not isinstance(point.get("step"), int | float):
        return []
    numbers = {key: value for key, value in point.items() if isinstance(value, int | float) and key[:5] in PREFIXES}
    return [(str(key), float(point["step"]), float(value)) for key, value in numbers.items()]


PREFIXES = ("train", "valid")


def _curve(name: str, points: list[tuple[float, float]], metric: Metric) -> Curve:
    higher = metric.direction is Direction.HIGHER and name.endswith(metric.name)
    step, best = max(points, key=lambda point: point[1]) if higher else min(points, key=lambda point: point[1])
    return Curve(name=name, first=points[0][1], last=points[-1][1], best=best, best_step=step, steps=len(points))
