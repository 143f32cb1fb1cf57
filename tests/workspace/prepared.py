"""Prepared tasks, one for every kind of split."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from activities.workspace.layout import Layout
from activities.workspace.parts import Part, select_parts
from activities.workspace.prepare import Preparation, prepare
from activities.workspace.tables import read_table
from schemas.task import Task
from tests.workspace import tasks


def given_files(folder: Path) -> Path:
    split = {"select_file": "later.csv", "report_file": "last.csv"}
    tasks.houses(folder, split=split)
    tasks.numbers(50, start=10_000, seed=5).to_csv(folder / "data" / "later.csv", index=False)
    tasks.numbers(30, start=20_000, seed=6).to_csv(folder / "data" / "last.csv", index=False)
    return folder


def unlabelled_test(folder: Path) -> Path:
    return tasks.write(folder, tasks.numbers(400), description="Predict the `price`.")


def time_in_holdout(folder: Path) -> Path:
    return tasks.sales(folder, split={"select": 0.2})


def groups_in_holdout(folder: Path) -> Path:
    return tasks.patients(folder, split={"select": 0.2})


def bikes_in_folds(folder: Path) -> Path:
    return tasks.bikes(folder, hours=4)


def without_report(folder: Path) -> Path:
    return tasks.flowers(folder, split={"report": 0})


KINDS: dict[str, Callable[[Path], Path]] = {
    "random folds": tasks.houses,
    "stratified folds": tasks.flowers,
    "stratified holdout": tasks.intents,
    "group folds": tasks.patients,
    "group holdout": groups_in_holdout,
    "time folds": tasks.sales,
    "time holdout": time_in_holdout,
    "interleaved time holdout": tasks.bikes,
    "interleaved time folds": bikes_in_folds,
    "files": given_files,
    "no test file": unlabelled_test,
    "no report": without_report,
}


@dataclass(frozen=True)
class Prepared:
    made: Preparation
    layout: Layout

    @property
    def task(self) -> Task:
        return self.made.task

    @property
    def parts(self) -> list[Part]:
        return select_parts(self.layout, self.task)

    def ids(self, view: Path) -> set[str]:
        return set(read_table(view / self.task.train).rows[self.task.id])

    def inputs(self, view: Path) -> pd.DataFrame:
        return read_table(view / (self.task.test or "test.csv")).rows


def new_run(folder: Path) -> Layout:
    """A run's folder, empty."""
    layout = Layout(folder / "run")
    layout.folder.mkdir(parents=True)
    return layout


def prepare_kind(folder: Path, kind: str) -> Prepared:
    layout = new_run(folder)
    return Prepared(prepare(KINDS[kind](folder / "given"), layout), layout)


def labels_of(part: Part) -> pd.DataFrame:
    assert part.labels is not None
    return pd.read_parquet(part.labels)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
