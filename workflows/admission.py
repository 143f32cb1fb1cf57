"""Which decisions are carried out: pure code, whose refusals go back to the manager as text."""

from datetime import datetime
from typing import assert_never

from schemas.candidate import Candidate
from schemas.decision import Code, Decision, Design, Discard, Finish, Tune, Wait
from schemas.role import Role
from schemas.state import RunState
from workflows import limits


def slots(state: RunState) -> int:
    """How many further invocations would be admitted now."""
    width = state.spec.settings.parallel or max(state.spec.settings.candidates, 2)
    return max(width - len(state.in_flight), 0)


def max_designs(state: RunState) -> int:
    return 2 * state.spec.settings.candidates


def refusal(state: RunState, decision: Decision, now: datetime) -> str | None:
    """Why a decision cannot be carried out now, in words for the manager; None if it can."""
    match decision:
        case Wait():
            return None
        case Finish():
            return _early(state, now)
        case Discard():
            return _unknown(state, decision.candidate) or _discarded(state, decision.candidate)
        case Design():
            return _no_room(state, now) or _busy(state, decision.candidate) or _design(state, decision)
        case Code():
            return _no_room(state, now) or _workable(state, decision.candidate) or _code(state, decision.candidate)
        case Tune():
            return _no_room(state, now) or _workable(state, decision.candidate) or _tune(state, decision.candidate)
        case _:
            assert_never(decision)


def _no_room(state: RunState, now: datetime) -> str | None:
    limit = limits.reached(state, now)
    if limit is not None:
        return limit[1]
    if limits.seconds_to_explore(state, now) < limits.LEAST_WORK:
        return "too little time is left for any further work"
    if slots(state) == 0:
        return f"{len(state.in_flight)} invocations are in flight, which is all that run at once; wait for a report"
    return None


def _unknown(state: RunState, number: int) -> str | None:
    if number in state.candidates:
        return None
    known = ", ".join(str(key) for key in sorted(state.candidates)) or "none"
    return f"there is no candidate {number}; there are: {known}"


def _discarded(state: RunState, number: int) -> str | None:
    return f"candidate {number} was discarded" if state.candidates[number].status == "discarded" else None


def _busy(state: RunState, number: int) -> str | None:
    for flight in state.in_flight.values():
        if flight.candidate == number:
            return f"{flight.invocation} is at work on candidate {number}; wait for its report"
    return None


def _workable(state: RunState, number: int) -> str | None:
    return _unknown(state, number) or _discarded(state, number) or _busy(state, number)


def _design(state: RunState, decision: Design) -> str | None:
    for parent in decision.parents:
        problem = _unknown(state, parent.candidate)
        if problem:
            return problem
    if decision.candidate in state.candidates:
        return _discarded(state, decision.candidate)
    following = max(state.candidates, default=0) + 1
    if decision.candidate != following:
        return f"a new candidate takes the next number, {following}"
    if following > max_designs(state):
        return f"{max_designs(state)} designs were made, which is the most"
    return None


def _code(state: RunState, number: int) -> str | None:
    candidate = state.candidates[number]
    if candidate.revision is None:
        return f"candidate {number} has no plan yet; design it first"
    if _coded(state, candidate) or _places(state):
        return None
    most = state.spec.settings.candidates
    return f"{most} candidates were coded, which is the most; discard does not free a place"


def _places(state: RunState) -> int:
    """How many further candidates may be coded."""
    taken = sum(_coded(state, candidate) for candidate in state.candidates.values())
    return max(state.spec.settings.candidates - taken, 0)


def _coded(state: RunState, candidate: Candidate) -> bool:
    """Coded, or being coded now."""
    flights = state.in_flight.values()
    return candidate.codes > 0 or any(f.candidate == candidate.number and f.role is Role.CODER for f in flights)


def _tune(state: RunState, number: int) -> str | None:
    return None if state.candidates[number].codes else f"candidate {number} has no code yet; code it first"


def _early(state: RunState, now: datetime) -> str | None:
    """Why it is too early to finish: nothing could be delivered, and work may change that."""
    if state.best is not None:
        return None
    if state.in_flight:
        return f"nothing has a score yet, so nothing could be delivered; wait for {', '.join(state.in_flight)}"
    step = next((step for step in _towards_a_score(state) if refusal(state, step, now) is None), None)
    if step is None:
        return None
    return (
        f"nothing has a score yet, so nothing could be delivered; you may {step.kind} candidate {step.candidate}, "
        "for one, or discard what cannot be mended"
    )


def _towards_a_score(state: RunState) -> list[Tune | Code | Design]:
    """What leads to a first score, the nearest to it first; designs only while what they plan can be coded."""
    known = sorted(state.candidates)
    designs = (*known, max(known, default=0) + 1) if _places(state) else ()
    return [
        *(Tune(candidate=number, minutes=1, brief="") for number in known),
        *(Code(candidate=number, brief="") for number in known),
        *(Design(candidate=number, brief="") for number in designs),
    ]
