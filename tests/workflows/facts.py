"""Small facts that tests of the workflow are built from."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.base import RunRef
from schemas.budget import Budget, Clock
from schemas.candidate import Trial
from schemas.delivery import Prepared
from schemas.event import Event, InvocationStarted, RunPrepared, RunStarted
from schemas.metric import Metric, Score
from schemas.role import ModelChoice, Role
from schemas.run import RunSettings, RunSpec
from schemas.state import RunState
from schemas.task import Task
from tests.regression import RMSE, regression
from workflows import fold, ledger

START = datetime(2026, 1, 1, tzinfo=UTC)
TASK = regression("toy", "y", rows=10_000, test_rows=100)


def spec(minutes: float = 60, folder: str = "/nowhere", **settings: Any) -> RunSpec:
    run = RunRef(id="toy-1", folder=folder)
    return RunSpec(run=run, name="toy", settings=RunSettings(**settings), budget=Budget(seconds=minutes * 60))


def bounded(asked: RunSpec, **limits: float) -> RunSpec:
    """The spec with such limits in its budget."""
    return asked.model_copy(update={"budget": asked.budget.model_copy(update=limits)})


def spoken(minutes: float = 60, **settings: Any) -> RunSpec:
    """A run whose roles are language models."""
    return spec(minutes, **{"model": "claude-opus-5-5", **settings})


def score(value: float, metric: Metric = RMSE, width: float = 0.01) -> Score:
    return Score(metric=metric, value=value, low=value - width, high=value + width, rows=2_000)


def trial(job: str, value: float | None, seconds: float = 60.0, quick: bool = False) -> Trial:
    found = None if value is None else score(value)
    return Trial(job=job, revision=f"revision-of-{job}", score=found, seconds=seconds, quick=quick)


def started(minutes: float = 60, **settings: Any) -> RunStarted:
    deadline = START + timedelta(minutes=minutes)
    clock = Clock(started=START, explore_until=START + 0.88 * timedelta(minutes=minutes), deadline=deadline)
    return RunStarted(spec=spec(minutes, **settings), clock=clock)


def prepared(task: Task = TASK) -> RunPrepared:
    return RunPrepared(prepared=Prepared(task=task, environment="/environment", sandbox="bubblewrap"))


def flight(role: Role, candidate: int | None, number: int = 1) -> InvocationStarted:
    name = f"{role}.{candidate}.{number}"
    return InvocationStarted(
        invocation=name, role=role, model=ModelChoice(), candidate=candidate, deadline=START + timedelta(hours=1)
    )


def folded(*events: Event, first: RunStarted | None = None) -> RunState:
    """The state after these events, a second apart."""
    begin = ledger.entry(first or started(), seq=1, at=START, previous=ledger.GENESIS)
    state = fold.begin(begin)
    for number, event in enumerate(events, start=2):
        at = START + timedelta(seconds=number)
        state = fold.apply(state, ledger.entry(event, seq=number, at=at, previous=state.head))
    return state
