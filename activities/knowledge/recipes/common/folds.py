"""Our own validation inside the labelled rows: to stop early and to calibrate, never to report."""

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

Fold = tuple[np.ndarray, np.ndarray]


def make_folds(table: pd.DataFrame, labels: np.ndarray | None, config: dict) -> list[Fold]:
    """Pairs of row numbers (to train on, to validate on) that respect groups and time.

    `labels` are class numbers or None. Kinds: random, stratified, group, time (blocks of consecutive rows, the last
    block first), periods (short blocks of time dealt in turn: for test rows that lie between the training rows).
    """
    count = max(2, min(int(config["folds"]), len(table) // 2))
    kind, column, seed = config["validation"], config.get("validation_column"), int(config["seed"])
    if kind == "group" and column in table and table[column].nunique() >= 2:
        groups = table[column].to_numpy()
        count = min(count, len(np.unique(groups)))
        return list(GroupKFold(count, shuffle=True, random_state=seed).split(groups, groups=groups))
    if kind in ("time", "periods") and column in table:
        return _by_time(_moments(table[column]), count, dealt=kind == "periods")
    if labels is not None and np.bincount(labels).max() >= count:
        return list(StratifiedKFold(count, shuffle=True, random_state=seed).split(labels, labels))
    return list(KFold(count, shuffle=True, random_state=seed).split(np.arange(len(table))))


def _moments(column: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().mean() > 0.9:
        return numbers.fillna(numbers.median()).to_numpy(float)
    times = pd.to_datetime(column, errors="coerce", format="mixed", utc=True)
    return times.fillna(times.min()).dt.as_unit("ns").astype("int64").to_numpy(float)


def _by_time(moments: np.ndarray, count: int, *, dealt: bool) -> list[Fold]:
    """Rows of the same moment stay together."""
    rank = pd.Series(moments).rank(method="min", pct=True).to_numpy()
    blocks = np.minimum((rank * count * (16 if dealt else 1)).astype(int), count * (16 if dealt else 1) - 1)
    part = blocks % count
    order = range(count - 1, -1, -1)
    folds = [(np.flatnonzero(part != number), np.flatnonzero(part == number)) for number in order]
    return [fold for fold in folds if len(fold[0]) and len(fold[1])]
