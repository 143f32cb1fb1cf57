"""Trains on the labelled rows of a view: python train.py --config config.yaml --data VIEW --out OUT [--quick]

One member per fold is trained on the other folds; the rows it has not seen serve to stop early and to calibrate. With
`refit: true` a last member then learns from all rows for as long as the folds found best, and stands alone.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import yaml

import decide
from columns import Columns
from folds import make_folds
from learner import Learner
from progress import Progress
from tables import View
from targets import Targets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--config", "--data", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--quick", action="store_true", help="a sample of rows and few iterations")
    arguments = parser.parse_args()
    config = yaml.safe_load(Path(arguments.config).read_text(encoding="utf-8")) | {"quick": arguments.quick}
    progress = Progress(Path(arguments.out), 60 if arguments.quick else float(config["time_limit"]))
    Training(config, View.open(arguments.data), progress).run()


class Training:
    """One training: rows, targets and folds, the members made so far, and their outputs on rows they did not see."""

    def __init__(self, config: dict, view: View, progress: Progress) -> None:
        self.config, self.progress = config, progress
        table = view.train()
        if config["quick"]:
            table = table.sample(min(len(table), int(config["quick_rows"])), random_state=int(config["seed"]))
        self.targets = Targets(view.task, config, table)
        self.table = table = table.iloc[self.targets.usable(table)].reset_index(drop=True)
        self.columns = Columns(config).fit(table)
        self.rows = self.columns.transform(table)
        self.truth = self.targets.encode(table)
        first = self.targets.heads[0]
        self.folds = make_folds(table, self.truth[first.name] if first.classes else None, config)
        self.members: list[Learner] = []
        self.unseen: dict[str, np.ndarray] = {}
        self.known = np.zeros(len(table), bool)
        self.checkpoint = progress.out / "checkpoint"

    def run(self) -> None:
        bags = 1 if self.config["quick"] else min(int(self.config["bags"]), len(self.folds))
        longest = 0.0
        for number, (fit, valid) in enumerate(self.folds[:bags]):
            if number and not self.progress.room_for(1.2 * longest):
                break
            began = time.monotonic()
            self.add(self.member(number, fit, valid), number, valid)
            longest = max(longest, time.monotonic() - began)
        self.finish()
        if self.config["refit"] and not self.config["quick"] and self.progress.room_for(1.5 * longest):
            self.refit()
        self.save()

    def member(self, number: int, fit: np.ndarray, valid: np.ndarray) -> Learner:
        """Trained now, or taken from the checkpoint that an interrupted training of the same data and config left."""
        path = self.checkpoint / f"{self.key()}-{number}.joblib"
        if path.exists():
            return joblib.load(path)
        self.progress.partial = path.with_suffix(".partial")
        learner, rows, truth = self.learner(number), self.rows, self.truth
        learner.fit(rows.take(fit), take(truth, fit), rows.take(valid), take(truth, valid), self.progress)
        if not self.progress.stopped:
            self.checkpoint.mkdir(parents=True, exist_ok=True)
            joblib.dump(learner, path)
        return learner

    def learner(self, number: int) -> Learner:
        return Learner(self.config, self.targets.heads, int(self.config["seed"]) + number, self.targets.metric)

    def key(self) -> str:
        """What the training depends on: the config, and the rows."""
        config = json.dumps(self.config, sort_keys=True, default=str).encode()
        rows = pd.util.hash_pandas_object(self.table, index=False).to_numpy().tobytes()
        return hashlib.sha256(config + rows).hexdigest()[:16]

    def add(self, learner: Learner, number: int, valid: np.ndarray) -> None:
        self.members.append(learner)
        outputs = learner.predict(self.rows.take(valid))
        for name, values in outputs.items():
            self.unseen.setdefault(name, np.zeros((len(self.table), *values.shape[1:])))[valid] = values
        self.known[valid] = True
        value = decide.score(self.targets, take(self.truth, valid), outputs)
        self.progress.log(number + 1, **{f"valid_{self.targets.metric}": value})

    def finish(self) -> None:
        """Calibration on all rows that some member has not seen, and its score there."""
        index = np.flatnonzero(self.known)
        truth, outputs = take(self.truth, index), take(self.unseen, index)
        decide.calibrate(self.targets, truth, outputs)
        value = decide.score(self.targets, truth, outputs)
        self.progress.log(len(self.members), **{f"valid_all_{self.targets.metric}": value})
        self.save()

    def refit(self) -> None:
        seeds = int(self.config.get("refit_seeds", 1))
        rounds = Learner.rounds_for_all(self.members, 1 + 0.5 / len(self.folds))
        members = []
        for number in range(seeds):
            learner = self.learner(100 + number)
            self.progress.partial = self.checkpoint / f"{self.key()}-all-{number}.partial"
            learner.fit(self.rows, self.truth, None, None, self.progress, rounds=rounds)
            if self.progress.should_stop():
                return  # cut short: the folds' members are whole, and stay
            members.append(learner)
        self.members = members

    def save(self) -> None:
        """Replaces the model in one step, so that there is a usable one at any moment."""
        folder = self.progress.out / "model"
        folder.mkdir(parents=True, exist_ok=True)
        content = {"columns": self.columns, "targets": self.targets, "members": self.members}
        joblib.dump(content, folder / "model.part", compress=1)
        (folder / "model.part").rename(folder / "model.joblib")


def take(arrays: dict[str, np.ndarray], index: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[index] for name, values in arrays.items()}


if __name__ == "__main__":
    main()
