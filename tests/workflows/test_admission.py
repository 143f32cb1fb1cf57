"""Decisions are admitted by pure code, and refused in words."""

from datetime import timedelta

import pytest

from schemas.decision import Code, Decision, Design, Discard, Finish, Parent, Tune, Wait
from schemas.event import CandidateDiscarded, Event, InvocationReported
from schemas.role import Role, TuneReport
from schemas.state import RunState
from tests.workflows.facts import START, flight, folded, prepared, started
from tests.workflows.test_fold import coded, designed, scored, tuned
from workflows.admission import refusal

NOW = START + timedelta(minutes=1)


def refused(state: RunState, decision: Decision, now=NOW) -> str:
    return refusal(state, decision, now) or ""


def test_a_sensible_sequence_is_admitted() -> None:
    state = folded(prepared())
    assert not refused(state, Design(candidate=1, brief="start"))
    state = folded(prepared(), *designed())
    assert not refused(state, Code(candidate=1, brief="go"))
    state = folded(prepared(), *designed(), *coded())
    assert not refused(state, Tune(candidate=1, minutes=5, brief="go"))
    assert not refused(state, Discard(candidate=1, why="no"))
    assert not refused(state, Wait(why="x"))
    state = folded(prepared(), *designed(), *coded(), scored("j", 0.5))
    assert not refused(state, Finish(why="x"))


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Design(candidate=3, brief="x"), "next number, 2"),
        (Design(candidate=2, brief="x", parents=(Parent(candidate=7, revision="r"),)), "no candidate 7"),
        (Code(candidate=4, brief="x"), "no candidate 4; there are: 1"),
        (Tune(candidate=1, minutes=1, brief="x"), "no code yet"),
        (Discard(candidate=9, why="x"), "no candidate 9"),
    ],
)
def test_what_does_not_fit_the_state_is_refused_with_what_would(decision: Decision, words: str) -> None:
    assert words in refused(folded(prepared(), *designed()), decision)


def test_one_invocation_at_a_time_on_a_repository() -> None:
    state = folded(prepared(), *designed(), flight(Role.CODER, 1))
    assert "coder.1.1 is at work" in refused(state, Code(candidate=1, brief="x"))


def test_a_discarded_candidate_takes_no_more_work() -> None:
    state = folded(prepared(), *designed(), CandidateDiscarded(candidate=1, why="x"))
    assert "was discarded" in refused(state, Code(candidate=1, brief="x"))


def test_the_number_of_candidates_caps_those_that_are_coded_and_twice_as_many_are_designed() -> None:
    first = started(candidates=1)
    state = folded(prepared(), *designed(1), *coded(1), *designed(2), first=first)
    assert "1 candidates were coded, which is the most" in refused(state, Code(candidate=2, brief="x"))
    assert "2 designs were made, which is the most" in refused(state, Design(candidate=3, brief="x"))


def test_a_candidate_that_is_being_coded_takes_a_place_already() -> None:
    first = started(candidates=1, parallel=3)
    state = folded(prepared(), *designed(1), *designed(2), flight(Role.CODER, 1), first=first)
    assert "were coded" in refused(state, Code(candidate=2, brief="x"))


def test_no_more_at_once_than_there_are_slots() -> None:
    state = folded(prepared(), flight(Role.DESIGNER, 1), flight(Role.DESIGNER, 2), first=started(parallel=2))
    assert "all that run at once" in refused(state, Design(candidate=3, brief="x"))


def test_nothing_starts_once_the_time_for_exploring_is_over() -> None:
    state = folded(prepared())
    assert "time for work on candidates is over" in refused(
        state, Design(candidate=1, brief="x"), START + timedelta(minutes=59)
    )
    assert not refused(state, Finish(why="x"), START + timedelta(minutes=59))


OFF = CandidateDiscarded(candidate=1, why="x")
BARREN = InvocationReported(
    invocation="tuner.1.1", report=TuneReport(invocation="tuner.1.1", candidate=1, problem="no training ended")
)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (folded(prepared()), "you may design candidate 1"),
        (folded(prepared(), flight(Role.DESIGNER, 1)), "wait for designer.1.1"),
        (folded(prepared(), *designed()), "you may code candidate 1"),
        (folded(prepared(), *designed(), *coded()), "you may tune candidate 1"),
        (folded(prepared(), *designed(), *coded(), BARREN), "you may tune candidate 1"),
        (folded(prepared(), *designed(), *coded(), tuned("j", 0.5)), "you may tune candidate 1"),
        (folded(prepared(), *designed(), *coded(), OFF), "you may design candidate 2"),
    ],
)
def test_it_is_too_early_to_finish_while_nothing_has_a_score_and_work_may_bring_one(
    state: RunState, words: str
) -> None:
    told = refused(state, Finish(why="x"))
    assert told.startswith("nothing has a score yet")
    assert words in told


def test_one_score_is_enough_to_finish_whatever_is_at_work_and_whoever_has_it() -> None:
    has_score = (*designed(), *coded(), scored("j", 0.5))
    assert not refused(folded(prepared(), *has_score, flight(Role.TUNER, 1, 2)), Finish(why="x"))
    assert not refused(folded(prepared(), *has_score, OFF), Finish(why="x"))


@pytest.mark.parametrize(
    "tried",
    [
        pytest.param((*designed(), *coded(), OFF), id="all that may be coded was discarded"),
        pytest.param((*designed(), OFF, *designed(2), OFF.model_copy(update={"candidate": 2})), id="so were designs"),
    ],
)
def test_where_nothing_more_can_bring_a_score_a_run_may_end(tried: tuple[Event, ...]) -> None:
    assert not refused(folded(prepared(), *tried, first=started(candidates=1)), Finish(why="x"))
