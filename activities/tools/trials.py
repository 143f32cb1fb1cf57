"""A training's record beside its job: whose it is, what was trained, and what it came to."""

from collections.abc import Sequence

from activities.agent.records import Result
from activities.errors import ToolFailed
from activities.execution.durable import write_whole
from activities.workspace.layout import Layout
from schemas.base import Record
from schemas.candidate import Trial


class TrialFile(Record):
    """`trial.json` of a job. Written with the revision before the job starts, and again with what it came to."""

    candidate: int
    trial: Trial
    tree: str


def write_trial(layout: Layout, file: TrialFile) -> None:
    path = layout.trial(file.trial.job)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, file.model_dump_json(indent=1))


def find_trial(layout: Layout, job: str) -> TrialFile | None:
    """None if that job is no training of this run."""
    if "/" in job or not layout.trial(job).is_file():
        return None
    return TrialFile.model_validate_json(layout.trial(job).read_bytes())


def read_trial(layout: Layout, job: str) -> TrialFile:
    """Raises ToolFailed if that job is no training of this run."""
    found = find_trial(layout, job)
    if found is None:
        raise ToolFailed(f"there is no training {job!r}; name a job that `train` gave")
    return found


def trials_of(layout: Layout, invocation: str, done: Sequence[Result]) -> tuple[Trial, ...]:
    """The trainings that an invocation made, in order."""
    jobs = [f"{invocation}.j{result.number}" for result in done if result.tool == "train"]
    return tuple(found.trial for job in jobs if (found := find_trial(layout, job)) is not None)
