"""Gaussian process regression: exact on few rows, on the most telling of them otherwise; also for classes, by scores.

The kernel is a sum of a linear one, a smooth one with a length for every number, and one of how much two rows' parts
have in common (min over max of counts). All its numbers are found by the likelihood of the training rows.
"""

import os

import numpy as np
import torch
from scipy import sparse
from scipy.special import softmax

from columns import Rows
from progress import Progress
from targets import Head
from wide import WideNumbers

Outputs = dict[str, np.ndarray]


class Learner:
    def __init__(self, config: dict, heads: tuple[Head, ...], seed: int, metric: str) -> None:
        self.config, self.heads, self.seed, self.metric = config, heads, seed, metric
        self.wide = WideNumbers(config)

    def fit(
        self,
        rows: Rows,
        truth: Outputs,
        valid: Rows | None,
        valid_truth: Outputs | None,
        progress: Progress,
        rounds: int | None = None,
    ) -> None:
        """`rounds` steps of fitting the kernel; with rows to validate on, their loss is logged."""
        del rounds
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        random = np.random.default_rng(self.seed)
        index = np.arange(len(rows))
        if len(index) > int(self.config["rows_max"]):
            index = np.sort(random.choice(index, int(self.config["rows_max"]), replace=False))
        rows = rows.take(index)
        goals = np.column_stack([_scores(head, truth[head.name][index]) for head in self.heads])
        self.center = goals.mean(axis=0)
        self.numbers, self.counts = self.wide.fit(rows)
        self._fit_kernel(torch.from_numpy(goals - self.center), progress, random)
        if valid is not None:
            outputs = self._means(valid)
            checks = np.column_stack([_scores(head, valid_truth[head.name]) for head in self.heads])
            progress.log(len(index), valid_loss=float(np.mean((outputs - checks) ** 2)))

    def _fit_kernel(self, goals: torch.Tensor, progress: Progress, random: np.random.Generator) -> None:
        size = self.numbers.shape[1]
        start = {"lengths": np.full(size, 0.5 * np.log(max(size, 1))), "logs": np.log([1.0, 0.5, 1.0, 0.1])}
        self.lengths = torch.tensor(start["lengths"], requires_grad=True)
        self.logs = torch.tensor(start["logs"], requires_grad=True)  # smooth, linear, shared parts, noise
        few = np.sort(random.permutation(len(goals))[: int(self.config["rows_fit"])])
        numbers, shared = (
            torch.from_numpy(self.numbers[few]),
            torch.from_numpy(_shared(self.counts[few], self.counts[few])),
        )
        optimizer = torch.optim.Adam([self.lengths, self.logs], lr=float(self.config["learning_rate"]))
        steps = 5 if self.config["quick"] else int(self.config["steps"])
        for step in range(steps):
            optimizer.zero_grad()
            covariance = self._kernel(numbers, numbers, shared) + self._noise(len(few))
            factor = torch.linalg.cholesky(covariance)
            fitted = torch.cholesky_solve(goals[few], factor)
            width = goals.shape[1]
            loss = 0.5 * (goals[few] * fitted).sum() / width + factor.diagonal().log().sum()
            prior = 0.02 * ((self.lengths - start["lengths"][0]) ** 2).sum() if size else 0.0
            ((loss + prior) / len(few)).backward()
            optimizer.step()
            progress.log_often(step + 1, train_loss=float(loss.detach()) / len(few))
            if progress.should_stop():
                break
        with torch.no_grad():
            every = torch.from_numpy(self.numbers)
            shared = torch.from_numpy(_shared(self.counts, self.counts))
            covariance = self._kernel(every, every, shared) + self._noise(len(goals))
            self.weights = torch.cholesky_solve(goals, torch.linalg.cholesky(covariance))

    def _noise(self, size: int) -> torch.Tensor:
        return (torch.exp(self.logs[3]) + 1e-5) * torch.eye(size, dtype=torch.float64)

    def _kernel(self, left: torch.Tensor, right: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
        scaled, other = left * torch.exp(-self.lengths), right * torch.exp(-self.lengths)
        squares = (scaled**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * scaled @ other.T
        distance = torch.sqrt(squares.clamp_min(1e-10))
        root = 5**0.5 * distance
        smooth = (1 + root + root**2 / 3) * torch.exp(-root)  # Matern 5/2
        linear = left @ right.T / max(left.shape[1], 1)
        return torch.exp(self.logs[0]) * smooth + torch.exp(self.logs[1]) * linear + torch.exp(self.logs[2]) * shared

    @torch.no_grad()
    def _means(self, rows: Rows) -> np.ndarray:
        numbers, counts = self.wide.transform(rows)
        every, parts = torch.from_numpy(self.numbers), []
        for start in range(0, len(numbers), 1000):
            shared = torch.from_numpy(_shared(counts[start : start + 1000], self.counts))
            kernel = self._kernel(torch.from_numpy(numbers[start : start + 1000]), every, shared)
            parts.append((kernel @ self.weights).numpy())
        return np.concatenate(parts) + self.center if parts else np.zeros((0, len(self.center)))

    def predict(self, rows: Rows) -> Outputs:
        outputs, found, place = self._means(rows), {}, 0
        for head in self.heads:
            width = max(len(head.classes), 1)
            part, place = outputs[:, place : place + width], place + width
            found[head.name] = softmax(4 * part, axis=1) if head.classes else part[:, 0]
        return found

    @staticmethod
    def rounds_for_all(members: "list[Learner]", growth: float) -> None:
        del members, growth


def _scores(head: Head, truth: np.ndarray) -> np.ndarray:
    """Numbers as they are; a class as one column for each, 1 where it is the row's."""
    return np.eye(len(head.classes))[truth] if head.classes else truth[:, None]


def _shared(left: sparse.csr_matrix, right: sparse.csr_matrix) -> np.ndarray:
    """How much two rows have in common: the sum of the smaller counts over the sum of the larger, rows x rows."""
    if not left.shape[1]:
        return np.zeros((left.shape[0], right.shape[0]))
    most = int(min(max(left.max(), right.max(), 1), 12))
    smaller = np.zeros((left.shape[0], right.shape[0]))
    for level in range(1, most + 1):  # min(a, b) counts the levels that both reach
        smaller += ((left >= level).astype(float) @ (right >= level).astype(float).T).toarray()
    total = np.asarray(left.minimum(most).sum(axis=1)) + np.asarray(right.minimum(most).sum(axis=1)).T
    return smaller / np.maximum(total - smaller, 1e-9)
