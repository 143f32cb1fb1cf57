"""What a design needs before it can be coded: pure questions over the state."""

from datetime import datetime

from schemas.role import DesignReport
from schemas.state import RunState
from workflows import limits


def missing(state: RunState, report: DesignReport) -> tuple[str, ...]:
    """The weights that a design asks for and the run does not have; a revision counts only where one is named."""
    had = {name for one in state.weights for name in (one.name, f"{one.name}@{one.revision}")}
    return tuple(asked for asked in report.weights if asked not in had)


def admitted(state: RunState, candidate: int, now: datetime) -> bool:
    """True while the candidate could still be coded after it."""
    if state.stop is not None or state.candidates[candidate].status == "discarded":
        return False
    return limits.reached(state, now) is None and limits.seconds_to_explore(state, now) >= limits.LEAST_WORK
