"""Gradient boosted trees (LightGBM): a model for each head and view, stopped early on rows it has not seen."""

import os

import lightgbm as lgb
import numpy as np

from columns import Rows
from matrix import TreeMatrix, views_of
from progress import Progress
from targets import Head

ROBUST = {"mae": "l1", "mape": "l1", "smape": "l1"}
TUNED = ("learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "feature_fraction", "bagging_fraction",
         "lambda_l1", "lambda_l2", "cat_smooth", "max_bin", "extra_trees", "linear_tree")  # fmt: skip
Outputs = dict[str, np.ndarray]
Key = tuple[str, int]  # head, view


class Learner:
    def __init__(self, config: dict, heads: tuple[Head, ...], seed: int, metric: str) -> None:
        self.config, self.heads, self.seed, self.metric = config, heads, seed, metric
        self.views = [TreeMatrix(config, seed, parts) for parts in views_of(config)]
        self.models: dict[Key, lgb.Booster] = {}
        self.rounds: dict[Key, int] = {}

    def fit(
        self,
        rows: Rows,
        truth: Outputs,
        valid: Rows | None,
        valid_truth: Outputs | None,
        progress: Progress,
        rounds: dict[Key, int] | None = None,
    ) -> None:
        """Without rows to validate on, each model's `rounds` are trained."""
        for place, matrix in enumerate(self.views):
            table = matrix.fit(rows)
            held = matrix.transform(valid) if valid is not None else None
            for head in self.heads:
                data = lgb.Dataset(table, truth[head.name], categorical_feature=matrix.categorical)
                check = lgb.Dataset(held, valid_truth[head.name], reference=data) if held is not None else None
                key = (head.name, place)
                most = rounds[key] if rounds else int(self.config["rounds"])
                self._boost(key, head, data, check, min(most, 30) if self.config["quick"] else most, progress)

    def _boost(self, key: Key, head: Head, data: lgb.Dataset, check: lgb.Dataset | None, most: int, progress: Progress):
        left = len(self.views) * len(self.heads) - len(self.models)
        name = head.name if len(self.views) == 1 else f"{head.name}_{key[1] + 1}"
        calls = [_watch(progress, name, progress.portion(left))]
        if check is not None:
            calls.insert(0, lgb.early_stopping(int(self.config["early_stopping_rounds"]), verbose=False))
        checks = [] if check is None else [check]
        model = lgb.train(self._parameters(head), data, most, checks, ["valid"] * len(checks), callbacks=calls)
        self.models[key], self.rounds[key] = model, model.best_iteration or model.current_iteration()

    def _parameters(self, head: Head) -> dict:
        count = len(head.classes)
        goal = ROBUST.get(self.metric, "l2") if not count else "binary" if count == 2 else "multiclass"
        loss = {"l2": "rmse", "l1": "l1", "binary": "binary_logloss", "multiclass": "multi_logloss"}[goal]
        return {name: self.config[name] for name in TUNED if name in self.config} | {
            "objective": goal,
            "metric": loss,
            "num_class": count if goal == "multiclass" else 1,
            "bagging_freq": 1,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": int(os.environ.get("OMP_NUM_THREADS", "1")),
            "verbosity": -1,
        }

    def predict(self, rows: Rows) -> Outputs:
        """The mean over the views."""
        tables = [matrix.transform(rows) for matrix in self.views]
        found = {}
        for head in self.heads:
            keys = [(head.name, place) for place in range(len(tables))]
            every = [self.models[key].predict(tables[key[1]], num_iteration=self.rounds[key]) for key in keys]
            values = np.mean(every, axis=0)
            found[head.name] = np.column_stack([1 - values, values]) if len(head.classes) == 2 else values
        return found

    @staticmethod
    def rounds_for_all(members: "list[Learner]", growth: float) -> dict[Key, int]:
        """More rows bear a few more rounds."""
        keys = members[0].rounds
        return {key: max(1, round(growth * float(np.mean([one.rounds[key] for one in members])))) for key in keys}


def _watch(progress: Progress, name: str, until: float):
    """Logs each round's loss, and stops where the time is up: all of it, or this model's part of it."""

    def after_round(env: lgb.callback.CallbackEnv) -> None:
        for _, loss, value, *_ in env.evaluation_result_list or ():
            progress.log_often(env.iteration + 1, **{f"valid_{name}_{loss}": value})
        if progress.stopped or progress.elapsed > until:
            raise lgb.callback.EarlyStopException(env.iteration, env.evaluation_result_list or [])

    after_round.order = 20
    return after_round
