"""From the task's targets to what models learn (heads), and back from their outputs to predictions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

import metrics


@dataclass(frozen=True)
class Head:
    """One thing to learn: class numbers if `classes`, else a number in its transformed scale."""

    name: str
    classes: tuple[str, ...] = ()
    transform: str = "none"
    low: float = 0.0  # range in training, in the target's own scale
    high: float = 0.0
    center: float = 0.0
    scale: float = 1.0

    def forward(self, values: np.ndarray) -> np.ndarray:
        moved = np.log1p(np.maximum(values - min(self.low, 0), 0)) if self.transform == "log1p" else values
        return (moved - self.center) / self.scale

    def back(self, values: np.ndarray) -> np.ndarray:
        moved = values * self.scale + self.center
        if self.transform == "log1p":
            moved = np.expm1(np.minimum(moved, 50)) + min(self.low, 0)
        return moved


class Targets:
    """The heads of a task. Parts that add up to a target (`parts` in the config) each get a head of their own."""

    def __init__(self, task: dict, config: dict, table: pd.DataFrame) -> None:
        self.task = task
        self.metric = metrics.canonical(task["metric"]["name"])
        self.predicts = task["metric"]["predicts"]
        self.ordinal = self.metric == "quadratic_weighted_kappa"
        self.parts = tuple(config.get("parts") or ())
        self.clip = bool(config.get("clip", True))
        self.heads = tuple(self._head(name, config, table) for name in self._names())
        self.temperature = 1.0
        self.weights = {head.name: np.ones(len(head.classes)) for head in self.heads}
        self.cuts: dict[str, np.ndarray] = {}
        self.spread: dict[str, float] = {}

    def _names(self) -> tuple[str, ...]:
        return self.parts if self.parts else tuple(self.task["targets"])

    def classes_of(self, column: pd.Series) -> tuple[str, ...]:
        """In the task's order; of several targets each has its own, sorted."""
        declared = tuple(self.task.get("classes") or ())
        if len(self.task["targets"]) == 1 and declared:
            return declared
        return tuple(sorted(set(column), key=_as_number))

    def _head(self, name: str, config: dict, table: pd.DataFrame) -> Head:
        labels = self.predicts != "value"
        if labels and not self.ordinal:
            return Head(name, self.classes_of(table[name]))
        values = self._numbers(name, table)
        transform = config.get("target_transform", "none")
        plain = Head(name, (), transform, float(values.min()), float(values.max()))
        moved = plain.forward(values)
        return Head(name, (), transform, plain.low, plain.high, float(moved.mean()), float(moved.std()) or 1.0)

    def _numbers(self, name: str, table: pd.DataFrame) -> np.ndarray:
        if self.ordinal:
            return _codes(table[name], self.classes_of(table[name])).astype(float)
        return pd.to_numeric(table[name], errors="coerce").to_numpy(float)

    def usable(self, table: pd.DataFrame) -> np.ndarray:
        """Rows whose targets can be read."""
        good = np.ones(len(table), bool)
        for name in self._names():
            column = table[name].str.strip()
            good &= (column != "").to_numpy()
            if self.predicts == "value":
                good &= np.isfinite(pd.to_numeric(column, errors="coerce").to_numpy(float))
        return np.flatnonzero(good)

    def encode(self, table: pd.DataFrame) -> dict[str, np.ndarray]:
        """What each head learns."""
        return {
            head.name: _codes(table[head.name], head.classes)
            if head.classes
            else head.forward(self._numbers(head.name, table))
            for head in self.heads
        }

    def values(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Numbers per target in their own scale; parts are added up."""
        found = {head.name: head.back(outputs[head.name]) for head in self.heads}
        if self.clip:
            found = {head.name: np.clip(found[head.name], head.low, head.high) for head in self.heads}
        if self.parts:
            return {self.task["targets"][0]: sum(found[name] for name in self.parts)}
        return found


def _as_number(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label


def _codes(column: pd.Series, classes: tuple[str, ...]) -> np.ndarray:
    """Class numbers; labels that differ only in how a number is written (1 and 1.0) are the same."""
    plain = column.str.strip()
    codes = plain.map({label: code for code, label in enumerate(classes)})
    if codes.isna().any():
        numbers = {_as_number(label)[0]: code for code, label in enumerate(classes)}
        codes = codes.fillna(plain.map(lambda label: numbers.get(_as_number(label)[0])))
    if codes.isna().any():
        raise ValueError(f"label {plain[codes.isna()].iloc[0]!r} of {column.name!r} is none of the task's classes")
    return codes.to_numpy(int)
