"""Linear models on wide features: ridge for numbers, calibrated logistic regression or a linear SVM for classes."""

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from columns import Rows
from design import Design
from progress import Progress
from targets import Head

Outputs = dict[str, np.ndarray]


class Learner:
    def __init__(self, config: dict, heads: tuple[Head, ...], seed: int, metric: str) -> None:
        self.config, self.heads, self.seed, self.metric = config, heads, seed, metric
        self.design = Design(config)
        self.models: dict[str, object] = {}
        self.chosen: dict[str, float] = {}

    def fit(
        self,
        rows: Rows,
        truth: Outputs,
        valid: Rows | None,
        valid_truth: Outputs | None,
        progress: Progress,
        rounds: dict[str, float] | None = None,
    ) -> None:
        """The penalty is picked on the rows to validate on; without them `rounds` holds each head's."""
        table = self.design.fit(rows)
        held = self.design.transform(valid) if valid is not None else None
        for head in self.heads:
            grid = [rounds[head.name]] if rounds else self._grid(head)
            best = np.inf
            for step, strength in enumerate(grid):
                if head.name in self.models and progress.should_stop():
                    break
                model = self._model(head, strength).fit(table, truth[head.name])
                loss = self._loss(head, model, held, valid_truth[head.name]) if held is not None else 0.0
                progress.log(step + 1, **{f"valid_{head.name}_loss": loss} if held is not None else {})
                if loss < best:
                    best, self.models[head.name], self.chosen[head.name] = loss, model, strength

    def _grid(self, head: Head) -> list[float]:
        found = self.config["classes_c" if head.classes else "values_alpha"]
        grid = [float(value) for value in (found if isinstance(found, list) else [found])]
        return grid[:1] if self.config["quick"] else grid

    def _model(self, head: Head, strength: float):
        if not head.classes:
            return Ridge(alpha=strength, solver="auto", random_state=self.seed)
        if self.config["classifier"] == "svm":
            return LinearSVC(C=strength, random_state=self.seed)
        return LogisticRegression(C=strength, max_iter=300, random_state=self.seed)

    def _loss(self, head: Head, model, table: sparse.csr_matrix, truth: np.ndarray) -> float:
        if not head.classes:
            return float(np.mean((model.predict(table) - truth) ** 2))
        found = self._probabilities(head, model, table)
        if self.metric in ("log_loss", "roc_auc"):
            return float(-np.mean(np.log(np.clip(found[np.arange(len(truth)), truth], 1e-9, 1))))
        return float(np.mean(found.argmax(axis=1) != truth))

    def _probabilities(self, head: Head, model, table: sparse.csr_matrix) -> np.ndarray:
        """Of all the head's classes, also those that these training rows lacked."""
        margins = model.decision_function(table)
        if margins.ndim == 1:
            margins = np.column_stack([-margins, margins]) / (1 if self.config["classifier"] == "svm" else 2)
        full = np.full((table.shape[0], len(head.classes)), margins.min() - 5.0)
        full[:, model.classes_] = margins
        return softmax(full, axis=1)

    def predict(self, rows: Rows) -> Outputs:
        table = self.design.transform(rows)
        return {
            head.name: self._probabilities(head, self.models[head.name], table)
            if head.classes
            else self.models[head.name].predict(table)
            for head in self.heads
        }

    @staticmethod
    def rounds_for_all(members: "list[Learner]", growth: float) -> dict[str, float]:
        """The penalty that the folds chose, in the middle; for more rows a little weaker."""
        return {
            head.name: growth * float(np.exp(np.mean([np.log(member.chosen[head.name]) for member in members])))
            for head in members[0].heads
        }
