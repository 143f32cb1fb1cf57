"""`task init`: a task.yaml written by looking at the data and the description, with the reasons as comments."""

from pathlib import Path

import yaml

from activities.workspace.settle import Settled, settle
from activities.workspace.taskfile import TASK_FILE
from schemas.task import SplitFile, TaskFile


def draft(folder: Path, *, seed: int = 0) -> TaskFile:
    """Everything that the folder settles, as one would write it; raises BadInput where it settles too little."""
    return _written_out(settle(folder, seed=seed))


def render_task_yaml(folder: Path, *, seed: int = 0) -> str:
    """The text of a commented task.yaml."""
    settled = settle(folder, seed=seed)
    return "\n".join([*_head(settled), *_keys(settled), *_foot(settled)]) + "\n"


def _written_out(settled: Settled) -> TaskFile:
    task, given = settled.task, settled.given
    made_id = task.settled.get("id", "").startswith("made")
    return TaskFile(
        name=task.name,
        description=_description(settled),
        data=given.file.data or (None if given.data == given.folder else "data"),
        train=task.train,
        test=task.test,
        sample_submission=task.sample_submission,
        id=None if made_id else task.id,
        target=task.targets[0] if len(task.targets) == 1 else list(task.targets),
        metric=task.metric.name,
        direction=given.file.direction,
        split=_split(settled),
        rows_depend=task.rows_depend,
        network=task.network,
    )


def _description(settled: Settled) -> str | None:
    given = settled.given
    if given.description_file is None or not given.description_file.is_relative_to(given.folder):
        return given.file.description
    return given.description_file.relative_to(given.folder).as_posix()


def _split(settled: Settled) -> SplitFile:
    split, given = settled.task.split, settled.given.file.split or SplitFile()
    if split.kind == "files":
        return given.model_copy(update={"kind": "files"})
    share = None if split.folds else split.select
    return SplitFile(kind=split.kind, column=split.column, select=share, folds=split.folds, report=split.report)


def _head(settled: Settled) -> list[str]:
    task = settled.task
    return [
        f"# {TASK_FILE}: what was found by looking at the data and the description. Every key may be changed or",
        "# taken out; what is not here is found again by looking.",
        f"# {task.rows} labelled rows, {task.test_rows} rows to predict; {task.kind}.",
        *(f"# Note: {note}" for note in settled.notes),
        "",
    ]


def _keys(settled: Settled) -> list[str]:
    values = _written_out(settled).model_dump(mode="json", exclude_defaults=True)
    lines = []
    for key, value in values.items():
        why = settled.task.settled.get(key)
        if why:
            lines.append(f"# {why}")
        lines.append(yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=110).rstrip())
    return lines


def _foot(settled: Settled) -> list[str]:
    task = settled.task
    lines = ["", "# rows_depend: true   # if a row's prediction may use the other rows to predict", "# network: true"]
    if task.train_only:
        lines.insert(0, f"# Columns of labelled rows only, no input of a model: {', '.join(task.train_only)}")
    return lines
