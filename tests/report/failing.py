"""A made-up run in which everything fails that can: what it cost all the same is in ledger and journals alike."""

from pathlib import Path

from activities.workspace.layout import Layout
from schemas.budget import Spend
from schemas.candidate import Member
from schemas.decision import Design, Wait
from schemas.delivery import Estimated, Refitted, Verified
from schemas.event import (
    AttemptFailed,
    ChoiceMade,
    DeliveryVerified,
    InvocationFailed,
    ManagerDecided,
    RefitEnded,
    ReportScored,
    RunEnded,
)
from schemas.role import AggregateReport, Role
from tests.report import speaking
from tests.report.cast import Cast
from tests.report.made import Made, begun, prepared, score
from tests.report.speaking import FIRST, FOUND, LATER, OPUS, SEARCHED, Journal

MODEL = "claude-opus-5-5"


def failing(folder: Path) -> Layout:
    made = begun(folder, settings=speaking.SETTINGS)
    prepared(made)
    cast = Cast(made, OPUS)
    speaking.turn(made, 1, 10, MODEL, Design(candidate=1, brief="Trees."))
    speaking.design(cast, MODEL)
    _gave_up(cast)
    _called_off(cast)
    _without_manager(made)
    _delivered_twice(made)
    made.tell(500, RunEnded(phase="DONE"))
    return made.save()


def _gave_up(cast: Cast) -> None:
    """A coder that no attempt of which reported: its last call was lost, one answer was of no use."""
    cast.start(61, "coder.1.2", Role.CODER, 1)
    journal = Journal(cast.made, "coder.1.2", 61)
    journal.answered(FIRST, part="void")
    journal.unanswered("the Claude API: overloaded (529)", 4)
    journal.asks()
    for attempt in (1, 2, 3):
        _fails(cast.made, 70 + attempt, journal.name, attempt)
    failed = InvocationFailed(
        invocation=journal.name, role=Role.CODER, candidate=1, why="no worker", spend=journal.kept()
    )
    cast.made.tell(80, failed)


def _called_off(cast: Cast) -> None:
    cast.start(90, "tuner.1.3", Role.TUNER, 1)
    journal = Journal(cast.made, "tuner.1.3", 90)
    journal.answered(SEARCHED)
    spend = journal.kept() + Spend(jobs=1, job_seconds=9)
    failed = InvocationFailed(
        invocation=journal.name, role=Role.TUNER, candidate=1, why="called off", spend=spend, searches=FOUND
    )
    cast.made.tell(120, failed)


def _without_manager(made: Made) -> None:
    """It fails three times, then refuses, then cannot be asked at all; the search decides in its stead."""
    for turn, at, attempts in ((2, 130, 3), (3, 200, 1), (4, 270, 0)):
        journal = Journal(made, f"manager.{turn}", at)
        for attempt in range(1, attempts + 1):
            journal.answered(LATER, part="void")
            _fails(made, at + attempt, journal.name, attempt)
        spend = journal.kept()
        made.tell(at + 10, InvocationFailed(invocation=journal.name, role=Role.MANAGER, why="refused", spend=spend))
        waits = (Wait(why="asked again"),)
        made.tell(at + 11, ManagerDecided(turn=turn, invocation=f"greedy.{turn}", policy="greedy", decisions=waits))


def _delivered_twice(made: Made) -> None:
    """A choice that failed its check was worked on as well."""
    report = AggregateReport(invocation="x", members=(Member(candidate=1, job="j", revision="a" * 40),))
    for at, passed in ((300, False), (400, True)):
        made.tell(at, ChoiceMade(report=report, score=score(0.7)))
        made.tell(at + 1, ReportScored(estimated=Estimated(job_seconds=5)))
        made.tell(at + 2, RefitEnded(refitted=Refitted(done=True, job_seconds=7)))
        made.tell(at + 3, DeliveryVerified(verified=Verified(passed=passed, job_seconds=11)))


def _fails(made: Made, at: float, name: str, attempt: int) -> None:
    made.tell(at, AttemptFailed(invocation=name, attempt=attempt, cause="platform", error="RuntimeError"))
