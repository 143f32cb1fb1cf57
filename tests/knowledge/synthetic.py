"""Tiny tasks with a signal that any sensible model finds, and the commands of a candidate's repository."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from activities.knowledge import catalogue
from activities.knowledge.render import render
from activities.workspace.profile import profile_view
from schemas.metric import Direction, Metric
from schemas.profile import DataProfile
from schemas.task import Split, Task
from schemas.tool import KnowledgeEntry

Frame = pd.DataFrame
WORDS = {"a": "card lost stolen", "b": "money transfer bank", "c": "code pin secret"}
SCAFFOLDS = ["C" * n + tail for n in range(1, 9) for tail in ("O", "N", "Cl", "C(=O)O", "c1ccccc1", "c1ccncc1")]


@dataclass(frozen=True)
class Case:
    """A task with its rows; the first 140 of 200 are labelled."""

    task: Task
    frame: Frame

    @property
    def rows(self) -> Frame:
        return self.frame.iloc[140:].reset_index(drop=True)


def case(name: str) -> Case:
    random = np.random.default_rng(5)
    maker = {
        "mixed": _mixed, "text": _text, "smiles": _smiles, "dna": _dna, "several": _several, "ordinal": _ordinal,
        "binary_label": _binary_label, "binary_probability": _binary_probability, "many": _many, "grouped": _grouped,
    }[name]  # fmt: skip
    return maker(random, _table(random))


def _table(random: np.random.Generator, rows: int = 200) -> Frame:
    x, z = random.normal(size=rows), random.normal(size=rows)
    x[random.random(rows) < 0.1] = np.nan
    colour = random.choice(["red", "green", "blue", ""], rows)
    return pd.DataFrame({"id": np.arange(rows) + 1000, "x": x, "z": z, "colour": colour})


def _case(frame: Frame, kind: str, metric: tuple[str, str, str], targets: tuple[str, ...], **more: Any) -> Case:
    name, direction, predicts = metric
    task = Task(
        name="tiny", kind=kind, metric=Metric(name=name, direction=Direction(direction), predicts=predicts),
        split=more.pop("split", Split(kind="random")), train="train.csv", test="test.csv", id="id", targets=targets,
        prediction_columns=("id", *more.pop("columns", targets)), rows=140, test_rows=60, **more,
    )  # fmt: skip
    return Case(task, frame)


def _mixed(random: np.random.Generator, frame: Frame) -> Case:
    """Numbers with holes, categories, dates, a skewed target that is the sum of two columns known in training only."""
    when = pd.date_range("2024-01-01", periods=len(frame), freq="5h")
    base = np.exp(0.8 * frame["z"] + (when.hour > 11) + (frame["colour"] == "red"))
    frame["when"] = when.strftime("%Y-%m-%d %H:%M:%S")
    frame["left"], frame["right"] = np.round(base * 5), np.round(base * 20 + random.poisson(3, len(frame)))
    frame["total"] = frame["left"] + frame["right"]
    metric = ("rmsle", "lower", "value")
    split = Split(kind="time", column="when")
    return _case(frame, "regression", metric, ("total",), train_only=("left", "right"), split=split)


def _text(random: np.random.Generator, frame: Frame) -> Case:
    label = random.choice(list(WORDS), len(frame))
    said = [" ".join(random.choice([*WORDS[one].split(), "please", "my", "the"], 9)) + "!" for one in label]
    plain = frame[["id"]].assign(said=[f"{said[row]} number {row}" for row in range(len(frame))], intent=label)
    return _case(plain, "multiclass", ("accuracy", "higher", "label"), ("intent",), classes=("a", "b", "c"))


def _smiles(random: np.random.Generator, frame: Frame) -> Case:
    frame["smiles"] = random.choice(SCAFFOLDS, len(frame))
    frame["logs"] = -0.5 * frame["smiles"].str.count("C") + frame["smiles"].str.count("O") + 0.1 * frame["z"]
    return _case(frame, "regression", ("rmse", "lower", "value"), ("logs",))


def _dna(random: np.random.Generator, frame: Frame) -> Case:
    label = random.integers(0, 2, len(frame))
    shares = ([0.1, 0.4, 0.4, 0.1], [0.4, 0.1, 0.1, 0.4])
    frame["dna"] = ["".join(random.choice(list("ACGT"), 24, p=shares[one])) for one in label]
    frame["y"] = label
    return _case(frame, "binary", ("balanced_accuracy", "higher", "label"), ("y",), classes=("0", "1"))


def _several(random: np.random.Generator, frame: Frame) -> Case:
    frame["one"], frame["two"] = 3 * frame["z"] + 5, -frame["z"] + (frame["colour"] == "blue")
    return _case(frame, "regression", ("rmse", "lower", "value"), ("one", "two"))


def _ordinal(random: np.random.Generator, frame: Frame) -> Case:
    frame["grade"] = np.digitize(frame["z"] + 0.1 * random.normal(size=len(frame)), [-1, 0, 1])
    metric = ("quadratic_weighted_kappa", "higher", "label")
    return _case(frame, "multiclass", metric, ("grade",), classes=("0", "1", "2", "3"))


def _binary_label(random: np.random.Generator, frame: Frame) -> Case:
    """One row in six is positive."""
    frame["ill"] = np.where(frame["z"] + 0.3 * random.normal(size=len(frame)) > 1, "yes", "no")
    return _case(frame, "binary", ("f1", "higher", "label"), ("ill",), classes=("no", "yes"))


def _binary_probability(random: np.random.Generator, frame: Frame) -> Case:
    frame["y"] = (frame["z"] + 0.3 * random.normal(size=len(frame)) > 0).astype(int)
    return _case(frame, "binary", ("roc_auc", "higher", "probability"), ("y",), classes=("0", "1"))


def _many(random: np.random.Generator, frame: Frame) -> Case:
    classes = tuple(f"k{number}" for number in range(6))
    frame["kind"] = [classes[int(number)] for number in np.digitize(frame["z"], [-1.2, -0.5, 0, 0.5, 1.2])]
    metric = ("log_loss", "lower", "probability")
    return _case(frame, "multiclass", metric, ("kind",), classes=classes, columns=classes)


def _grouped(random: np.random.Generator, frame: Frame) -> Case:
    frame["person"] = [f"p{row // 5}" for row in range(len(frame))]
    frame["pulse"] = 2 * frame["z"] + random.normal(size=len(frame)) * 0.1
    split = Split(kind="group", column="person")
    return _case(frame, "regression", ("mae", "lower", "value"), ("pulse",), split=split)


def write_view(folder: Path, case: Case, *, train: Frame | None = None, test: Frame | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.json").write_text(case.task.model_dump_json(), encoding="utf-8")
    if train is not None:
        train.to_csv(folder / "train.csv", index=False)
    if test is not None:
        hidden = [name for name in (*case.task.targets, *case.task.train_only) if name in test]
        test.drop(columns=hidden).to_csv(folder / "test.csv", index=False)
    return folder


class Bench:
    """A candidate's repository with a recipe in it, and a view to train on."""

    def __init__(self, folder: Path, case: Case, recipe: str, **changes: Any) -> None:
        self.folder, self.case = folder, case
        self.fit = write_view(folder / "fit", case, train=case.frame.iloc[:140], test=case.rows)
        self.entry: KnowledgeEntry = catalogue.entry(recipe, self.profile(), case.task)
        self.code = folder / "code"
        self.code.mkdir(exist_ok=True)
        for name, text in self.entry.files.items():
            (self.code / name).write_text(text, encoding="utf-8")
        (self.code / "config.yaml").write_text(render(self.entry.config | changes), encoding="utf-8")

    def profile(self) -> DataProfile:
        return profile_view(self.fit, self.case.task)

    def training_command(self, out: str = "out", *, quick: bool = True) -> list[str]:
        command = ["train.py", "--config", str(self.code / "config.yaml"), "--data", str(self.fit)]
        return [*command, "--out", str(self.folder / out), *(["--quick"] if quick else [])]

    def predicting_command(self, rows: Frame, name: str = "all", out: str = "out") -> list[str]:
        view = write_view(self.folder / f"view-{name}", self.case, test=rows)
        command = ["inference.py", "--data", str(view), "--model", str(self.folder / out / "model")]
        return [*command, "--out", str(self.folder / f"predictions-{name}" / "predictions.csv")]

    def training(self, out: str = "out", *, quick: bool = True) -> "subprocess.Popen[str]":
        command = [sys.executable, *self.training_command(out, quick=quick)]
        return subprocess.Popen(command, cwd=self.code, env=environment(), stderr=subprocess.PIPE, text=True)

    def train(self, out: str = "out", *, quick: bool = True) -> None:
        run_all(self.code, [self.training_command(out, quick=quick)])

    def predict(self, rows: Frame, name: str = "all", out: str = "out") -> Frame:
        run_all(self.code, [self.predicting_command(rows, name, out)])
        return self.predicted(name)

    def predicted(self, name: str = "all") -> Frame:
        """predictions.csv as text."""
        return pd.read_csv(self.folder / f"predictions-{name}" / "predictions.csv", dtype=str, keep_default_na=False)

    def metrics(self, out: str = "out") -> list[dict[str, float]]:
        path = self.folder / out / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def probabilities(self, name: str = "all") -> Frame:
        return pd.read_csv(self.folder / f"predictions-{name}" / "probabilities.csv")


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}


SESSION = """
import json, runpy, sys
sys.path.insert(0, ".")
for argv in json.load(sys.stdin):
    sys.argv = argv
    runpy.run_path(argv[0], run_name="__main__")
"""


def run_all(code: Path, commands: list[list[str]]) -> None:
    """Runs a repository's scripts one after another in one process, for to import the libraries takes longest."""
    done = subprocess.run(
        [sys.executable, "-c", SESSION], cwd=code, env=environment(), input=json.dumps(commands), text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
