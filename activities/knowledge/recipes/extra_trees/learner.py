"""Extremely randomised trees: many deep trees with random cuts, averaged; all numbers are learnt by the same trees."""

import os
import warnings

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from columns import Rows
from matrix import TreeMatrix
from progress import Progress
from targets import Head

CHUNK = 20  # trees grown between two looks at the clock
Outputs = dict[str, np.ndarray]


class Learner:
    def __init__(self, config: dict, heads: tuple[Head, ...], seed: int, metric: str) -> None:
        self.config, self.heads, self.seed, self.metric = config, heads, seed, metric
        self.matrix = TreeMatrix(config, seed)
        self.forests: dict[str, ExtraTreesClassifier | ExtraTreesRegressor] = {}
        self.values = [head.name for head in heads if not head.classes]

    def fit(
        self,
        rows: Rows,
        truth: Outputs,
        valid: Rows | None,
        valid_truth: Outputs | None,
        progress: Progress,
        rounds: dict[str, int] | None = None,
    ) -> None:
        """`rounds` is not needed: more trees never overfit."""
        table = self._filled(self.matrix.fit(rows))
        held = self._filled(self.matrix.transform(valid)) if valid is not None else None
        for name in [head.name for head in self.heads if head.classes] + (["values"] if self.values else []):
            goal = np.column_stack([truth[value] for value in self.values]) if name == "values" else truth[name]
            check = None
            if held is not None:
                check = (
                    np.column_stack([valid_truth[value] for value in self.values])
                    if name == "values"
                    else valid_truth[name]
                )
            self.forests[name] = self._grow(name, table, goal, held, check, progress)

    def _grow(self, name, table, goal, held, check, progress):
        kind = ExtraTreesRegressor if name == "values" else ExtraTreesClassifier
        forest = kind(
            n_estimators=0, warm_start=True, random_state=self.seed, n_jobs=int(os.environ.get("OMP_NUM_THREADS", "1")),
            min_samples_leaf=int(self.config["min_rows"]), max_features=float(self.config["max_features"]),
        )  # fmt: skip
        most = CHUNK if self.config["quick"] else int(self.config["trees"])
        for count in range(min(CHUNK, most), most + CHUNK, CHUNK):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a single column of targets is meant
                forest.set_params(n_estimators=min(count, most)).fit(table, goal)
            if held is not None and count % (5 * CHUNK) == 0:
                progress.log(count, **{f"valid_{name}_loss": _loss(forest, held, check)})
            if progress.should_stop():
                break
        return forest

    def _filled(self, table: np.ndarray) -> np.ndarray:
        """Missing lies below everything, so that one cut tells it apart."""
        return np.nan_to_num(table, nan=-1e6).astype(np.float32)

    def predict(self, rows: Rows) -> Outputs:
        table = self._filled(self.matrix.transform(rows))
        found = {}
        for name, forest in self.forests.items():
            if name == "values":
                values = forest.predict(table).reshape(len(rows), -1)
                found |= {value: values[:, place] for place, value in enumerate(self.values)}
            else:
                head = next(head for head in self.heads if head.name == name)
                full = np.full((len(rows), len(head.classes)), 1e-4)  # a leaf knows few rows: nothing is impossible
                full[:, forest.classes_] += forest.predict_proba(table)
                found[name] = full / full.sum(axis=1, keepdims=True)
        return found

    @staticmethod
    def rounds_for_all(members: "list[Learner]", growth: float) -> None:
        del members, growth


def _loss(forest: ExtraTreesClassifier | ExtraTreesRegressor, table: np.ndarray, truth: np.ndarray) -> float:
    if isinstance(forest, ExtraTreesRegressor):
        return float(np.mean((forest.predict(table).reshape(truth.shape) - truth) ** 2))
    return float(np.mean(forest.predict(table) != truth))
