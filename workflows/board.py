"""The state as the manager is shown it."""

from datetime import datetime

from schemas.candidate import Candidate
from schemas.state import Board, RunState
from workflows import admission, limits, money

SAID = 500  # characters of a candidate's last report: whole it was told when it came, and a day has hundreds of boards


def board(state: RunState, now: datetime) -> Board:
    """A projection of the state, true at `now`."""
    leader = state.best
    left = money.left(state)
    return Board(
        phase=state.phase,
        candidates=tuple(_shown(candidate) for candidate in state.candidates.values()),
        max_candidates=state.spec.settings.candidates,
        max_designs=admission.max_designs(state),
        in_flight=tuple(state.in_flight.values()),
        slots=admission.slots(state),
        leader=leader.number if leader else None,
        seconds_to_explore=limits.seconds_to_explore(state, now),
        seconds_left=limits.seconds_left(state, now),
        agent_calls_left=limits.agent_calls_left(state),
        dollars_left=left.dollars,
        tokens_left=left.tokens,
        spend=state.spend,
        training_seconds=state.budget.training_seconds,
        longest_training=max((c.best.seconds for c in state.candidates.values() if c.best), default=0.0),
        select_looks=state.select_looks,
    )


def _shown(candidate: Candidate) -> Candidate:
    last = candidate.last
    return candidate if len(last) <= SAID else candidate.model_copy(update={"last": f"{last[: SAID - 1]}…"})
