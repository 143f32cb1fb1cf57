"""A task: what a person writes in `task.yaml`, and what it comes to once the data was looked at."""

from typing import Literal

from pydantic import Field

from schemas.base import Input, Record
from schemas.metric import Direction, Metric

SplitKind = Literal["random", "stratified", "group", "time", "files"]
TaskKind = Literal["binary", "multiclass", "regression", "custom"]


class SplitFile(Input):
    """The `split` key of `task.yaml`; shares are of the labelled rows."""

    kind: SplitKind | None = None
    column: str | None = Field(None, description="the group or time column")
    select: float | None = Field(None, ge=0.0, le=0.5)
    report: float | None = Field(None, ge=0.0, le=0.5, description="0 withholds nothing for the last estimate")
    folds: int | None = Field(None, ge=2, le=10)
    select_file: str | None = None
    report_file: str | None = None


class TaskFile(Input):
    """`task.yaml`: every key optional where looking at the data settles it. Paths are relative to the file."""

    name: str | None = None
    description: str | None = Field(None, description="text, or the name of a file")
    data: str | None = Field(None, description="the data folder")
    train: str | None = None
    test: str | None = None
    sample_submission: str | None = None
    id: str | None = None
    target: str | list[str] | None = None
    metric: str | None = Field(None, description="a registered name, or grade.py:function")
    direction: Direction | None = Field(None, description="for a metric of one's own")
    split: SplitFile | None = None
    split_script: str | None = Field(None, description="split.py, for a task that is no table")
    rows_depend: bool = Field(False, description="true if a row's prediction may depend on the other rows")
    network: bool = Field(False, description="true lets the task's jobs reach the network; reports say so")


class Split(Record):
    """How labelled rows are divided. With `folds`, `select` is cross-validated over all rows outside `report`."""

    kind: SplitKind
    column: str | None = None
    select: float = 0.2
    report: float = 0.1
    folds: int | None = None
    seed: int = 0
    why: str = ""


class Task(Record):
    """A task with everything settled. Small: what is large (description, profile) lies in the run's folder.

    `train`, `test` and `sample_submission` are file names inside the view. `prediction_columns` are the columns of a
    prediction file in order, the id first. `train_only` are columns that test rows lack, beside the targets.
    """

    name: str
    kind: TaskKind
    metric: Metric
    split: Split
    train: str
    test: str | None = None
    sample_submission: str | None = None
    id: str
    id_is_feature: bool = False  # a datetime that names the row and also says something about it
    targets: tuple[str, ...]
    classes: tuple[str, ...] = ()  # at most 200, in the scorer's order; the label `predictions` must use
    prediction_columns: tuple[str, ...]
    train_only: tuple[str, ...] = ()
    rows: int
    test_rows: int = 0
    rows_depend: bool = False
    network: bool = False
    settled: dict[str, str] = Field(default_factory=dict)  # key -> why, for what was inferred
