"""Extremely randomised trees: many deep trees with random cuts, averaged; all numbers are learnt by the same trees."""

import os
import warnings

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from columns import Rows
from matrix import TreeMatrix, views_of
from progress import Progress
from targets import Head

CHUNK = 20  # trees grown between two looks at the clock
NUMBERS = "numbers"  # the forest of all heads that are numbers
Outputs = dict[str, np.ndarray]
Forest = ExtraTreesClassifier | ExtraTreesRegressor


class Learner:
    def __init__(self, config: dict, heads: tuple[Head, ...], seed: int, metric: str) -> None:
        self.config, self.heads, self.seed, self.metric = config, heads, seed, metric
        self.views = [TreeMatrix(config, seed, parts) for parts in views_of(config)]
        self.numbers = [head.name for head in heads if not head.classes]
        self.goals = [head.name for head in heads if head.classes] + ([NUMBERS] if self.numbers else [])
        self.forests: dict[tuple[str, int], Forest] = {}

    def fit(
        self,
        rows: Rows,
        truth: Outputs,
        valid: Rows | None,
        valid_truth: Outputs | None,
        progress: Progress,
        rounds: None = None,
    ) -> None:
        """More trees never overfit, so that nothing is stopped early; `rounds` are not needed."""
        del rounds
        for place, matrix in enumerate(self.views):
            table = _filled(matrix.fit(rows))
            held = _filled(matrix.transform(valid)) if valid is not None else None
            for goal in self.goals:
                forest = self._forest(goal)
                until = progress.portion(len(self.views) * len(self.goals) - len(self.forests))
                self.forests[goal, place] = forest
                for count in self._counts():
                    _grow(forest, count, table, self._truth(goal, truth))
                    if held is not None:
                        loss = _loss(forest, held, self._truth(goal, valid_truth))
                        progress.log_often(count, **{f"valid_{goal}_loss": loss})
                    if progress.stopped or progress.elapsed > until:
                        break

    def _counts(self) -> list[int]:
        most = CHUNK if self.config["quick"] else max(int(self.config["trees"]) // len(self.views), CHUNK)
        return list(range(CHUNK, most + 1, CHUNK))

    def _forest(self, goal: str) -> Forest:
        kind = ExtraTreesRegressor if goal == NUMBERS else ExtraTreesClassifier
        return kind(
            warm_start=True,
            random_state=self.seed,
            n_jobs=int(os.environ.get("OMP_NUM_THREADS", "1")),
            min_samples_leaf=int(self.config["min_rows"]),
            max_features=float(self.config["max_features"]),
        )

    def _truth(self, goal: str, truth: Outputs) -> np.ndarray:
        return np.column_stack([truth[name] for name in self.numbers]) if goal == NUMBERS else truth[goal]

    def predict(self, rows: Rows) -> Outputs:
        """The mean over the views."""
        tables = [_filled(matrix.transform(rows)) for matrix in self.views]
        found = {}
        for goal in self.goals:
            every = [self._of(goal, self.forests[goal, place], table) for place, table in enumerate(tables)]
            mean = np.mean(every, axis=0)
            if goal == NUMBERS:
                found |= {name: mean[:, place] for place, name in enumerate(self.numbers)}
            else:
                found[goal] = mean
        return found

    def _of(self, goal: str, forest: Forest, table: np.ndarray) -> np.ndarray:
        if goal == NUMBERS:
            return forest.predict(table).reshape(len(table), -1)
        head = next(head for head in self.heads if head.name == goal)
        full = np.full((len(table), len(head.classes)), 1e-4)  # a leaf knows few rows: nothing is impossible
        full[:, forest.classes_] += forest.predict_proba(table)
        return full / full.sum(axis=1, keepdims=True)

    @staticmethod
    def rounds_for_all(members: "list[Learner]", growth: float) -> None:
        """Nothing is carried over from the folds."""
        del members, growth


def _grow(forest: Forest, count: int, table: np.ndarray, truth: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a single column of targets is meant
        forest.set_params(n_estimators=count).fit(table, truth)


def _filled(table: np.ndarray) -> np.ndarray:
    """Missing lies below everything, so that one cut tells it apart."""
    return np.nan_to_num(table, nan=-1e6).astype(np.float32)


def _loss(forest: Forest, table: np.ndarray, truth: np.ndarray) -> float:
    if isinstance(forest, ExtraTreesRegressor):
        return float(np.mean((forest.predict(table).reshape(truth.shape) - truth) ** 2))
    return float(np.mean(forest.predict(table) != truth))
