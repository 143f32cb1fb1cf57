"""A neural network (PyTorch) that learns all heads at once: embeddings, bags of tokens, a multilayer perceptron."""

import copy
import os

import numpy as np
import torch
from torch.nn import functional

from columns import Rows
from inputs import Encoder, Inputs
from net import Net
from progress import Progress
from targets import Head

ROBUST = ("mae", "mape", "smape")
Outputs = dict[str, np.ndarray]


class Learner:
    def __init__(self, config: dict, heads: tuple[Head, ...], seed: int, metric: str) -> None:
        self.config, self.heads, self.seed, self.metric = config, heads, seed, metric
        self.encoder = Encoder(config)
        self.epochs = 0

    def fit(
        self,
        rows: Rows,
        truth: Outputs,
        valid: Rows | None,
        valid_truth: Outputs | None,
        progress: Progress,
        rounds: int | None = None,
    ) -> None:
        """The weights of the best epoch are kept; without rows to validate on, those of the last of `rounds`."""
        torch.manual_seed(self.seed)
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        random = np.random.default_rng(self.seed)
        inputs = self.encoder.fit(rows)
        held = self.encoder.transform(valid) if valid is not None else None
        outputs = sum(max(len(head.classes), 1) for head in self.heads)
        self.net = Net(inputs.numbers.shape[1], self.encoder.sizes, self.encoder.tokens, outputs, self.config)
        goals = [torch.from_numpy(truth[head.name]) for head in self.heads]
        optimizers = self._optimizers()
        planned = 2 if self.config["quick"] else int(self.config["epochs"])
        size = min(int(self.config["batch"]), max(8, len(rows) // 8))
        first, best = self._resume(progress, optimizers, random)
        for epoch in range(first, planned):
            order = random.permutation(len(rows))
            losses = []
            for start in range(0, len(order), size):
                if progress.should_stop() and self.epochs:
                    break
                done = (epoch + start / len(order)) / planned
                losses.append(self._step(inputs, goals, order[start : start + size], optimizers, done, random))
                if progress.stopped:
                    break
            found = {"train_loss": float(np.mean(losses)) if losses else float("nan")}
            if held is not None:
                found["valid_loss"] = self._valid_loss(held, valid_truth)
            progress.log(epoch + 1, **found)
            loss = found.get("valid_loss", -float(epoch))
            if loss < best[0]:
                best = (loss, copy.deepcopy(self.net.state_dict()))
                self.epochs = epoch + 1
            if progress.should_stop() or epoch + 1 - self.epochs >= int(self.config["patience"]) or epoch + 1 == rounds:
                break
            self._keep(progress, epoch + 1, best, optimizers, random)
        if best[1] is not None:
            self.net.load_state_dict(best[1])

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        sparse, dense = self.net.split_parameters()
        rate = float(self.config["learning_rate"])
        found: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(dense, lr=rate, weight_decay=float(self.config["weight_decay"]))
        ]
        return found + ([torch.optim.SparseAdam(sparse, lr=3 * rate)] if sparse else [])

    def _step(self, inputs: Inputs, goals, index, optimizers, done: float, random: np.random.Generator) -> float:
        """One batch; the rate rises over the first twentieth of the training, then falls to zero."""
        self.net.train()
        pace = min(1.0, done / 0.05 + 0.05) * (1 - done)
        for optimizer in optimizers:
            optimizer.zero_grad()
        outputs = self.net(*inputs.batch(index, float(self.config["token_dropout"]), random))
        loss = self._loss(outputs, [goal[index] for goal in goals], float(self.config["smoothing"]))
        loss.backward()
        for optimizer, scale in zip(optimizers, (1, 3), strict=False):
            for group in optimizer.param_groups:
                group["lr"] = float(self.config["learning_rate"]) * scale * pace
            optimizer.step()
        return float(loss.detach())

    def _loss(self, outputs: torch.Tensor, goals: list[torch.Tensor], smoothing: float) -> torch.Tensor:
        total, place = torch.zeros(()), 0
        for head, goal in zip(self.heads, goals, strict=True):
            width = max(len(head.classes), 1)
            found, place = outputs[:, place : place + width], place + width
            if head.classes:
                total = total + functional.cross_entropy(found, goal, label_smoothing=smoothing)
            elif self.metric in ROBUST:
                total = total + functional.l1_loss(found[:, 0], goal.float())
            else:
                total = total + functional.mse_loss(found[:, 0], goal.float())
        return total / len(self.heads)

    @torch.no_grad()
    def _outputs(self, inputs: Inputs) -> torch.Tensor:
        self.net.eval()
        index = np.arange(inputs.numbers.shape[0])
        random = np.random.default_rng(0)  # never drawn from: nothing is dropped
        parts = [
            self.net(*inputs.batch(index[start : start + 512], 0.0, random)) for start in range(0, len(index), 512)
        ]
        return torch.cat(parts) if parts else torch.zeros((0, 1))

    def _valid_loss(self, held: Inputs, truth: Outputs) -> float:
        goals = [torch.from_numpy(truth[head.name]) for head in self.heads]
        return float(self._loss(self._outputs(held), goals, 0.0))

    def _keep(self, progress: Progress, epoch: int, best, optimizers, random) -> None:
        """Now and then all that a later process needs to go on from here."""
        if progress.partial is not None and progress.time_to_keep():
            states = [optimizer.state_dict() for optimizer in optimizers]
            content = (epoch, best, self.epochs, self.net.state_dict(), states, random.bit_generator.state)
            progress.partial.parent.mkdir(parents=True, exist_ok=True)
            torch.save(content, progress.partial.with_suffix(".new"))
            progress.partial.with_suffix(".new").rename(progress.partial)

    def _resume(self, progress: Progress, optimizers, random):
        if progress.partial is None or not progress.partial.exists():
            return 0, (float("inf"), None)
        epoch, best, self.epochs, net, states, random.bit_generator.state = torch.load(
            progress.partial, weights_only=False
        )
        self.net.load_state_dict(net)
        for optimizer, state in zip(optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        return epoch, best

    def predict(self, rows: Rows) -> Outputs:
        outputs, found, place = self._outputs(self.encoder.transform(rows)), {}, 0
        for head in self.heads:
            width = max(len(head.classes), 1)
            part, place = outputs[:, place : place + width].double(), place + width
            found[head.name] = part.softmax(1).numpy() if head.classes else part[:, 0].numpy()
        return found

    @staticmethod
    def rounds_for_all(members: "list[Learner]", growth: float) -> int:
        """The falling rate was planned for all epochs, so that the folds' best ones are near the end."""
        del growth
        return round(float(np.mean([member.epochs for member in members])))
