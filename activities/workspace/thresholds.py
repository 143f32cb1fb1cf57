"""The probability from which on the second of two classes is the label: chosen where the metric is best."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.workspace.blend import labels_of
from activities.workspace.interval import value
from activities.workspace.metrics import Registered
from schemas.metric import Direction

MIDDLE = 0.5
STEPS = tuple(round(step / 100, 2) for step in range(2, 99))  # fine enough: more would fit the rows


def tuned(metric: Registered, target: str, truth: NDArray[Any], probabilities: NDArray[np.float64]) -> float:
    """Of equally good ones the one in the middle of their run, where a few rows more would change least."""
    sign = 1 if metric.direction is Direction.HIGHER else -1
    found = np.array(
        [sign * value(metric, {target: truth}, {target: labels_of(probabilities, step)}) for step in STEPS]
    )
    first = int(found.argmax())
    run = first
    while run + 1 < len(found) and found[run + 1] == found[first]:
        run += 1
    return STEPS[(first + run) // 2]
