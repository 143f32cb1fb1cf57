"""A task that is no table: its own `split.py` makes the parts, and its own `grade.py` scores them.

The script is run as `python split.py --data DATA --out DIR --seed N` in the task's folder, outside the sandbox, as the
person's own code. It writes, in whatever layout suits the task:

    DIR/select/fit/       what agents see and models train on
    DIR/select/inputs/    what is to be predicted, without its answers, and `sample_submission.csv`
    DIR/select/labels.csv the answers
    DIR/final/fit/        everything that is labelled; and DIR/final/inputs/, the test, where there is one
    DIR/estimate/         fit/, inputs/ and labels.csv as in select, for the last estimate; may be left out

Each `sample_submission.csv` has the id first, then the columns of a prediction, and one row for each thing to predict;
the labels have the same ids in a column of the same name. The grading function gets labels and predictions as two
frames in the order of the sample's rows.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from activities.errors import BadInput
from activities.handing import handed_on
from activities.workspace.metrics import is_custom
from activities.workspace.parts import BLOCK, ESTIMATE, FINAL
from activities.workspace.tables import Table, read_table
from activities.workspace.taskfile import TASK_FILE, Given
from activities.workspace.values import matched
from schemas.metric import Metric
from schemas.task import Split, Task

SAMPLE = "sample_submission.csv"
_SECONDS = 3_600.0


@dataclass(frozen=True)
class OwnSplit:
    """The task as its parts tell it, and the rows withheld by part."""

    task: Task
    withheld: dict[str, int]


def check_own_split(given: Given) -> str:
    """The script's name; BadInput if keys are missing that such a task needs."""
    script, metric = given.file.split_script or "", given.file.metric or ""
    if not (given.folder / script).is_file():
        raise BadInput(f"{TASK_FILE}: key `split_script` names {script}, which is not in {given.folder}")
    if not is_custom(metric) or given.file.direction is None:
        raise BadInput(f"{TASK_FILE}: a task with `split_script` needs `metric: grade.py:function` and `direction`")
    if not (given.folder / metric.partition(":")[0]).is_file():
        raise BadInput(f"{TASK_FILE}: key `metric` names {metric.partition(':')[0]}, which is not in {given.folder}")
    return script


def run_own_split(given: Given, parts: Path, *, name: str, seed: int) -> OwnSplit:
    """Runs the script into `parts`, checks what it wrote, and puts the labels into the scorer's form."""
    script = check_own_split(given)
    parts.mkdir(parents=True, exist_ok=True)
    _run(given, script, parts, seed)
    for needed in (parts / "select" / "fit", parts / "select" / "inputs", parts / FINAL / "fit"):
        if not needed.is_dir() or not any(needed.iterdir()):
            raise BadInput(f"{script} must write files to DIR/{needed.relative_to(parts)}")
    if not (parts / ESTIMATE).is_dir():
        shutil.copytree(parts / FINAL / "fit", parts / ESTIMATE / "fit")
    sample = _sample(script, parts / "select" / "inputs")
    withheld = {"select": _labels(script, parts / "select", sample.columns[0])}
    estimated = (parts / ESTIMATE / "inputs").is_dir()
    withheld["report"] = _labels(script, parts / ESTIMATE, sample.columns[0]) if estimated else 0
    tested = (parts / FINAL / "inputs").is_dir()
    test_rows = len(_sample(script, parts / FINAL / "inputs").rows) if tested else 0
    return OwnSplit(_task(given, name, seed, sample, withheld, test_rows), withheld)


def _run(given: Given, script: str, out: Path, seed: int) -> None:
    command = [
        sys.executable,
        "-B",
        script,
        "--data",
        str(given.data.resolve()),
        "--out",
        str(out),
        "--seed",
        str(seed),
    ]
    try:
        done = subprocess.run(
            command, cwd=given.folder, capture_output=True, timeout=_SECONDS, env=handed_on(), check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"{script} was not done after {_SECONDS / 60:.0f} minutes") from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
        raise BadInput(f"{script} failed with exit code {done.returncode}: {' / '.join(last)}")


def _sample(script: str, inputs: Path) -> Table:
    path = inputs / SAMPLE
    if not path.is_file():
        raise BadInput(f"{script} must write {SAMPLE} to {inputs.parent.name}/inputs: the id, and what to predict")
    sample = read_table(path)
    if len(sample.columns) < 2:
        raise BadInput(f"{script}: {SAMPLE} needs the id and at least one column to predict")
    if not sample.rows[sample.columns[0]].is_unique:
        raise BadInput(f"{script}: {SAMPLE} of {inputs.parent.name} has duplicate ids")
    return sample


def _labels(script: str, part: Path, name: str) -> int:
    """Rewrites labels.csv as labels.parquet, in the order of the sample."""
    path = part / "labels.csv"
    ids = _sample(script, part / "inputs").rows[name].tolist()
    labels = read_table(path)
    if name not in labels.columns:
        raise BadInput(f"{script}: labels.csv of {part.name} lacks the id column {name!r}")
    found = matched(ids, labels.rows[name].tolist())
    if sorted(found) != sorted(ids):
        raise BadInput(f"{script}: labels.csv of {part.name} must have the ids of its {SAMPLE}, each once")
    ordered = labels.typed.assign(**{name: found}).set_index(pd.Index(found)).loc[ids].reset_index(drop=True)
    ordered.assign(**{BLOCK: range(len(ids))}).to_parquet(part / "labels.parquet", index=False)
    path.unlink()
    return len(ids)


def _task(given: Given, name: str, seed: int, sample: Table, withheld: dict[str, int], test_rows: int) -> Task:
    assert given.file.direction is not None
    total = max(sum(withheld.values()), 1)
    select, report = withheld["select"] / total, withheld["report"] / total
    return Task(
        name=name,
        kind="custom",
        metric=Metric(name=given.file.metric or "", direction=given.file.direction, predicts="value"),
        split=Split(kind="files", select=select, report=report, seed=seed, why=f"by {given.file.split_script}"),
        train=given.file.train or "",
        test=given.file.test,
        sample_submission=SAMPLE,
        id=sample.columns[0],
        targets=tuple(sample.columns[1:]),
        prediction_columns=tuple(sample.columns),
        rows=total,
        test_rows=test_rows,
        rows_depend=given.file.rows_depend,
        network=given.file.network,
        settled={"split": f"by {given.file.split_script}"},
    )
