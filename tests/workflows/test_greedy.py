"""The greedy policy is a pure function from state to decisions."""

from datetime import timedelta

from schemas.decision import Code, Decision, Design, Discard, Finish, Tune, Wait
from schemas.event import InvocationFailed
from schemas.role import Role
from schemas.state import RunState
from tests.workflows.facts import START, flight, folded, prepared, started
from tests.workflows.test_fold import coded, designed, scored, tuned
from workflows import greedy
from workflows.board import board


def decided(state: RunState) -> tuple[Decision, ...]:
    return greedy.decide(state, board(state, START + timedelta(minutes=1))).decisions


def stood_in(state: RunState) -> tuple[Decision, ...]:
    return greedy.stand_in(state, board(state, START + timedelta(minutes=1)), "529").decisions


def test_it_drafts_as_many_designs_as_there_are_candidates() -> None:
    steps = decided(folded(prepared()))
    assert [step.candidate for step in steps if isinstance(step, Design)] == [1, 2, 3]


def test_what_is_designed_is_coded_and_what_is_coded_is_trained() -> None:
    assert any(isinstance(step, Code) for step in decided(folded(prepared(), *designed())))
    assert any(isinstance(step, Tune) for step in decided(folded(prepared(), *designed(), *coded())))


def test_the_leader_is_improved_first() -> None:
    both = (*designed(1), *coded(1), *designed(2), *coded(2))
    scores = (scored("a", 0.5, 1), tuned("a", 0.5, 1), scored("b", 0.4, 2), tuned("b", 0.4, 2))
    steps = decided(folded(prepared(), *both, *scores, first=started(candidates=2)))
    assert [step.candidate for step in steps if isinstance(step, Tune)] == [2, 1]


def test_a_candidate_that_keeps_failing_is_dropped_and_replaced() -> None:
    failed = InvocationFailed(invocation="coder.1.1", role=Role.CODER, candidate=1, why="no")
    steps = decided(folded(prepared(), *designed(), failed, failed, first=started(candidates=1)))
    assert isinstance(steps[0], Discard)


def test_it_waits_for_what_is_in_flight_and_finishes_when_nothing_promises_more() -> None:
    first = started(candidates=1)
    waiting = folded(prepared(), flight(Role.DESIGNER, 1), first=first)
    assert [type(step) for step in decided(waiting)] == [Wait]
    once = (scored("a", 0.5), tuned("a", 0.5))
    stale = folded(prepared(), *designed(), *coded(), *once, tuned("b", 0.6), tuned("c", 0.6), first=first)
    assert [type(step) for step in decided(stale)] == [Finish]


def test_in_the_stead_of_a_manager_that_is_asked_again_it_does_the_same_but_never_finishes() -> None:
    first = started(candidates=1)
    building = folded(prepared(), *designed(), first=first)
    assert stood_in(building) == decided(building)
    once = (scored("a", 0.5), tuned("a", 0.5))
    stale = folded(prepared(), *designed(), *coded(), *once, tuned("b", 0.6), tuned("c", 0.6), first=first)
    assert [type(step) for step in stood_in(stale)] == [Wait]
