"""Labelled and test rows along a column of times."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from activities.workspace.files import Files
from activities.workspace.tables import Column
from activities.workspace.values import as_times

TIME_NAME = re.compile(r"date|time|year|month|week|day|period|quarter|epoch", re.IGNORECASE)
_BLOCKS = 200  # units of the bootstrap over all rows: neighbours in time are alike, and are drawn together


@dataclass(frozen=True)
class Timeline:
    """Labelled rows by time. A segment is a run of labelled times with no test time between them.

    `moment` and `segment_of` have one entry per labelled row; `followed_segments` are those before a test block.
    """

    moment: NDArray[np.float64]
    segment_of: NDArray[np.int64]
    followed_segments: NDArray[np.int64]
    apart: bool  # the times themselves tell test rows from labelled ones
    forward: bool  # all test rows come last

    @property
    def followed(self) -> int:
        return len(self.followed_segments)

    def tails(self, share: float) -> NDArray[np.bool_]:
        """The last rows of every segment that a test block follows: about `share` of all rows, cut between times."""
        ends = self.followed_segments if self.apart else np.unique(self.segment_of)[-1:]
        candidates = np.isin(self.segment_of, ends)
        within = min(share * len(self.moment) / max(candidates.sum(), 1), 0.8)
        tail = np.zeros(len(self.moment), dtype=bool)
        for segment in ends:
            rows = np.flatnonzero(self.segment_of == segment)
            times, counts = np.unique(self.moment[rows], return_counts=True)
            before = np.cumsum(counts) - counts
            cut = times[before >= (1 - within) * len(rows)]
            first = cut[0] if len(cut) and len(cut) < len(times) else times[-1]
            if len(times) > 1:
                tail[rows] = self.moment[rows] >= first
        return tail

    def chunks(self, count: int, rows: NDArray[np.bool_], *, whole: bool = False) -> NDArray[np.int64]:
        """For each row its place among `count` stretches of equal size, of its segment or of the whole line."""
        chunk = np.full(len(self.moment), -1)
        segments = np.zeros_like(self.segment_of) if whole else self.segment_of
        for segment in np.unique(segments):
            inside = np.flatnonzero((segments == segment) & rows)
            if not len(inside):
                continue
            _, index, counts = np.unique(self.moment[inside], return_inverse=True, return_counts=True)
            middle = np.cumsum(counts) - counts / 2
            chunk[inside] = np.minimum((middle * count / len(inside)).astype(int), count - 1)[index]
        return chunk

    def blocks(self) -> NDArray[np.int64]:
        """A number for each row, the same for neighbours in time."""
        ranks = pd.Series(self.moment).rank(method="dense").to_numpy()
        return np.asarray(ranks // (ranks.max() // _BLOCKS + 1), dtype=np.int64)


def read_timeline(files: Files, column: str) -> Timeline | None:
    """The timeline by a column; None if it holds no times."""
    if column not in files.train.columns:
        return None
    moment = _moments(files.train.typed[column], column)
    if moment is None:
        return None
    other = None
    if files.test is not None and column in files.test.columns:
        other = _moments(files.test.typed[column], column)
    if other is None:
        return Timeline(moment, np.zeros(len(moment), dtype=np.int64), np.array([0]), False, True)
    return _against(moment, other)


def _moments(column: Column, name: str) -> NDArray[np.float64] | None:
    """Times as numbers; a column of whole numbers counts if its name speaks of time. Missing ones come first."""
    times = as_times(column)
    if times is not None:
        numbers = _seconds(times)
    elif pd.api.types.is_numeric_dtype(column) and TIME_NAME.search(name):
        numbers = np.asarray(column, dtype=np.float64)
    else:
        return None
    return np.nan_to_num(numbers, nan=np.nanmin(numbers)) if np.isfinite(numbers).any() else None


def _seconds(times: Column) -> NDArray[np.float64]:
    since = (times - pd.Timestamp(0)).dt.total_seconds()
    return np.asarray(since, dtype=np.float64)


def _against(train: NDArray[np.float64], test: NDArray[np.float64]) -> Timeline:
    """Labelled times cut into segments by the test times between them."""
    ours, theirs = np.unique(train), np.unique(test)
    shared = np.isin(ours, theirs).mean()
    times = np.union1d(ours, theirs)
    tested = np.isin(times, theirs) & ~np.isin(times, ours)
    switches = np.flatnonzero(np.diff(tested.astype(int)) != 0)
    share = tested.mean()
    by_chance = 2 * len(times) * share * (1 - share)
    apart = bool(shared <= 0.02 and tested.any() and (len(switches) == 1 or len(switches) + 1 <= 0.1 * by_chance))
    number = np.cumsum(np.r_[0, (np.diff(tested.astype(int)) < 0).astype(int)])  # a new segment after each test block
    segment_of = number[np.searchsorted(times, train)]
    tested_after = np.unique(number[tested])
    followed = np.intersect1d(tested_after, np.unique(segment_of))
    forward = bool(theirs.min() >= ours.max())
    return Timeline(train, segment_of.astype(np.int64), followed, apart and len(followed) > 0, forward)
