"""A metric's value over all targets, and its 95 % bootstrap interval."""

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.workspace.metrics import Numbers, Registered

Arrays = dict[str, NDArray[Any]]
_DRAWS, _FEWEST = 1_000, 200
_WORK = 2e7  # draws x rows (x classes), about a second
_CHUNK = 2_000_000  # weights held at once


def value(metric: Registered, truth: Arrays, predicted: Arrays) -> float:
    """The mean of the metric over the targets."""
    return float(np.mean([metric.value(truth[name], predicted[name]) for name in truth]))


def interval(metric: Registered, truth: Arrays, predicted: Arrays, blocks: NDArray[np.int64]) -> tuple[float, float]:
    """Bounds from resampled blocks of rows (groups, stretches of time, or single rows); seeded, so always the same."""
    rows = len(blocks)
    width = max(array.shape[1] if array.ndim == 2 and metric.name == "roc_auc" else 1 for array in predicted.values())
    draws = int(np.clip(_WORK / (rows * width * len(truth)), _FEWEST, _DRAWS))
    values: list[Numbers] = []
    for weights in _weights(blocks, draws):
        values.append(np.mean([metric.resampled(truth[name], predicted[name], weights) for name in truth], axis=0))
    return _bounds(np.concatenate(values), value(metric, truth, predicted))


def interval_of(
    function: Callable[[NDArray[np.int64]], float], blocks: NDArray[np.int64], point: float, seconds: float
) -> tuple[float, float]:
    """The same for a function of row numbers, which has to be called once a draw: as many as the time allows."""
    until, values = monotonic() + seconds, []
    for weights in _weights(blocks, _FEWEST, chunk=1):
        values.append(function(np.repeat(np.arange(len(blocks)), weights[0].astype(int))))
        if monotonic() > until:
            break
    return _bounds(np.array(values), point)


def _weights(blocks: NDArray[np.int64], draws: int, chunk: int | None = None) -> Iterator[Numbers]:
    """How often each row is drawn: arrays of draws x rows, a few draws at a time."""
    random = np.random.default_rng(20_240_501)
    names, block_of = np.unique(blocks, return_inverse=True)
    size = chunk or max(1, min(draws, _CHUNK // len(blocks)))
    for start in range(0, draws, size):
        many = min(size, draws - start)
        drawn = random.integers(len(names), size=(many, len(names))) + len(names) * np.arange(many)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=many * len(names)).reshape(many, len(names))
        yield counts[:, block_of].astype(float)


def _bounds(values: Numbers, point: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return point, point
    low, high = np.percentile(known, [2.5, 97.5])
    return min(float(low), point), max(float(high), point)
