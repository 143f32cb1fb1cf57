"""Gradient boosted trees (LightGBM): one model per head, stopped early on rows it has not seen."""

import os

import lightgbm as lgb
import numpy as np

from columns import Rows
from matrix import TreeMatrix
from progress import Progress
from targets import Head

ROBUST = {"mae": "l1", "mape": "l1", "smape": "l1"}
Outputs = dict[str, np.ndarray]


class Learner:
    def __init__(self, config: dict, heads: tuple[Head, ...], seed: int, metric: str) -> None:
        self.config, self.heads, self.seed, self.metric = config, heads, seed, metric
        self.matrix = TreeMatrix(config, seed)
        self.models: dict[str, lgb.Booster] = {}
        self.rounds: dict[str, int] = {}

    def fit(
        self,
        rows: Rows,
        truth: Outputs,
        valid: Rows | None,
        valid_truth: Outputs | None,
        progress: Progress,
        rounds: dict[str, int] | None = None,
    ) -> None:
        """Without rows to validate on, each head's `rounds` are trained."""
        table = self.matrix.fit(rows)
        held = self.matrix.transform(valid) if valid is not None else None
        for head in self.heads:
            data = lgb.Dataset(
                table, truth[head.name], categorical_feature=self.matrix.categorical, free_raw_data=False
            )
            checks = [lgb.Dataset(held, valid_truth[head.name], reference=data)] if held is not None else []
            most = rounds[head.name] if rounds else int(self.config["rounds"])
            most = min(most, 30) if self.config["quick"] else most
            calls = [self._watch(progress, head)]
            if checks:
                calls.insert(0, lgb.early_stopping(int(self.config["early_stopping_rounds"]), verbose=False))
            model = lgb.train(self._parameters(head), data, most, checks, ["valid"] * len(checks), callbacks=calls)
            self.models[head.name], self.rounds[head.name] = model, model.best_iteration or model.current_iteration()

    def _parameters(self, head: Head) -> dict:
        count = len(head.classes)
        goal = ROBUST.get(self.metric, "l2") if not count else "binary" if count == 2 else "multiclass"
        loss = {"l2": "rmse", "l1": "l1", "binary": "binary_logloss", "multiclass": "multi_logloss"}[goal]
        names = ("learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "feature_fraction", "bagging_fraction",
                 "lambda_l1", "lambda_l2", "cat_smooth", "max_bin", "extra_trees", "linear_tree")  # fmt: skip
        return {name: self.config[name] for name in names if name in self.config} | {
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

    def _watch(self, progress: Progress, head: Head):
        def after_round(env: lgb.callback.CallbackEnv) -> None:
            for _, loss, value, *_ in env.evaluation_result_list or ():
                progress.log_often(env.iteration + 1, **{f"valid_{head.name}_{loss}": value})
            if progress.should_stop():
                raise lgb.callback.EarlyStopException(env.iteration, env.evaluation_result_list or [])

        after_round.order = 20
        return after_round

    def predict(self, rows: Rows) -> Outputs:
        table = self.matrix.transform(rows)
        found = {}
        for head in self.heads:
            values = self.models[head.name].predict(table, num_iteration=self.rounds[head.name])
            found[head.name] = np.column_stack([1 - values, values]) if len(head.classes) == 2 else values
        return found

    @staticmethod
    def rounds_for_all(members: "list[Learner]", growth: float) -> dict[str, int]:
        """More rows bear a few more rounds."""
        return {
            head.name: max(1, round(growth * float(np.mean([member.rounds[head.name] for member in members]))))
            for head in members[0].heads
        }
