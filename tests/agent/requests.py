"""A request of every kind, with every optional part in use."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.base import RunRef
from schemas.candidate import Candidate, Trial
from schemas.decision import Tune
from schemas.event import DecisionRefused, InvocationReported, PersonSteered, TrialScored
from schemas.metric import Score
from schemas.role import AggregateRequest, CodeRequest, DesignRequest, Role, SetupRequest, TuneReport, TuneRequest
from schemas.state import Answer, Board, InFlight, ManageRequest
from schemas.task import Split, Task
from tests.regression import RMSE, regression

SCORE = Score(metric=RMSE, value=0.5, low=0.45, high=0.55, rows=900)
TASK = regression(
    "houses",
    "price",
    rows=4_000,
    test_rows=400,
    split=Split(kind="group", column="town", folds=5, why="towns are not shared"),
    sample_submission="sample_submission.csv",
    classes=("a", "b"),
    train_only=("sold_by",),
    settled={"metric": "named in the description"},
)
CARD = Candidate(
    number=1,
    approach="boosted: trees",
    family="boosted trees",
    status="trained",
    revision="a" * 40,
    best=Trial(job="tuner.1.3.j2", revision="b" * 40, score=SCORE, seconds=30.0),
    stale=1,
    failures=1,
    last="it went well",
)
FRESH = Candidate(number=2)
HAPPENINGS = (
    PersonSteered(note="prefer small models"),
    TrialScored(invocation="tuner.1.3", candidate=1, job="tuner.1.3.j2", revision="b" * 40, score=SCORE, seconds=9.0),
    InvocationReported(invocation="tuner.1.3", report=TuneReport(invocation="tuner.1.3", candidate=1, summary="tuned")),
    DecisionRefused(turn=2, decision=Tune(candidate=1, minutes=5, brief="more"), why="it is at work"),
)


def board(**more: object) -> Board:
    fields = {
        "phase": "EXPLORING",
        "candidates": (CARD, FRESH),
        "max_candidates": 3,
        "max_designs": 6,
        "in_flight": (),
        "slots": 2,
        "leader": 1,
        "seconds_to_explore": 300.0,
        "seconds_left": 500.0,
        **more,
    }
    return Board.model_validate(fields)


def busy(until: datetime) -> Board:
    """With a coder at work, and every limit in force."""
    return board(
        in_flight=(InFlight(invocation="coder.2.5", role=Role.CODER, candidate=2, started=until, deadline=until),),
        agent_calls_left=4,
        dollars_left=1.5,
        tokens_left=1_000,
        training_seconds=60.0,
        longest_training=40.0,
    )


def requests(folder: Path, *, deadline: datetime | None = None, task: Task = TASK) -> dict[str, object]:
    """By a name that says which."""
    until = deadline or datetime.now(UTC) + timedelta(minutes=5)
    run = RunRef(id="run", folder=str(folder))
    common = {"run": run, "task": task, "deadline": until}
    return {
        "setup": SetupRequest(invocation="setup.1", **common),
        "designer, new": DesignRequest(invocation="designer.1.2", candidate=1, brief="be bold", **common),
        "designer, again": DesignRequest(
            invocation="designer.1.4",
            candidate=1,
            brief="mend it",
            revision="a" * 40,
            parents=((2, "c" * 40),),
            others=(FRESH,),
            card=CARD,
            **common,
        ),
        "coder": CodeRequest(invocation="coder.1.3", candidate=1, brief="code it", revision="a" * 40, **common),
        "tuner": TuneRequest(
            invocation="tuner.1.3",
            candidate=1,
            brief="tune it",
            revision="a" * 40,
            seconds=120.0,
            card=CARD,
            training_seconds=60.0,
            **common,
        ),
        "tuner, fresh": TuneRequest(
            invocation="tuner.2.3", candidate=2, brief="tune it", revision="a" * 40, seconds=120.0, card=FRESH, **common
        ),
        "aggregator": AggregateRequest(invocation="aggregator.9", candidates=(CARD, FRESH), seconds=90.0, **common),
        "manager, first": ManageRequest(
            invocation="manager.1", turn=1, board=board(candidates=(), leader=None), **common
        ),
        "manager": ManageRequest(
            invocation="manager.3",
            turn=3,
            board=busy(until),
            answers=(Answer(tool_use="u1", text="tuner.1.3 has begun"),),
            happenings=HAPPENINGS,
            **common,
        ),
    }
