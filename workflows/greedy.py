"""Greedy search over candidates, as a pure function: draft, implement, mend what failed, improve what leads."""

from schemas.candidate import Candidate
from schemas.decision import Code, Decision, Design, Discard, Finish, Tune, Wait
from schemas.state import Board, Managed, RunState

STALE = 2  # tunes in a row without a better score
MENDS = 2  # failures in a row before a candidate is dropped


def decide(state: RunState, board: Board, because: str = "") -> Managed:
    """The next decisions, as many as there are slots."""
    steps = list(_steps(state, board))[: max(board.slots, 0)]
    if not steps:
        steps = [Wait(why="all is in flight")] if board.in_flight else [Finish(why="no candidate promises more")]
    thought = f"{because} Greedy search steers.".strip()
    return Managed(invocation=f"greedy.{state.turns + 1}", decisions=tuple(steps), policy="greedy", thought=thought)


def stand_in(state: RunState, board: Board, because: str) -> Managed:
    """What is done in the stead of a manager that will be asked again: whether to finish is for that one to say."""
    managed = decide(state, board, because)
    steps = tuple(step for step in managed.decisions if not isinstance(step, Finish))
    return managed.model_copy(update={"decisions": steps or (Wait(why="the manager is asked again"),)})


def _steps(state: RunState, board: Board) -> list[Decision]:
    busy = {flight.candidate for flight in board.in_flight}
    free = [c for c in state.candidates.values() if c.number not in busy and c.status != "discarded"]
    steps: list[Decision] = []
    for candidate in free:
        step = _advance(candidate, board)
        if step is not None:
            steps.append(step)
    number = max(state.candidates, default=0)
    standing = sum(c.status != "discarded" for c in state.candidates.values())
    for _ in range(board.max_candidates - standing):
        number += 1
        if number > board.max_designs:
            break
        steps.append(Design(candidate=number, brief="A strategy that differs in kind from the other candidates'."))
    # what leads is improved only with the slots that building leaves
    steps.extend(_improve(free, board))
    return steps


def _advance(candidate: Candidate, board: Board) -> Decision | None:
    if candidate.failures >= MENDS and candidate.best is None:
        return Discard(
            candidate=candidate.number, why=f"{candidate.failures} failures in a row: {candidate.last[:200]}"
        )
    if candidate.revision is None:
        return Design(candidate=candidate.number, brief="The first design failed; choose a simpler one.")
    if not candidate.codes or (candidate.failures and candidate.best is None):
        return Code(candidate=candidate.number, brief=f"Implement the plan. Last: {candidate.last[:400]}")
    if not candidate.tunes:
        return Tune(candidate=candidate.number, minutes=_minutes(board, 3), brief="Train once for a first score.")
    return None


def _improve(free: list[Candidate], board: Board) -> list[Decision]:
    trained = [c for c in free if c.best is not None and c.best.score is not None and c.stale < STALE]
    ranked: list[Candidate] = []
    while trained:
        best = trained[0]
        for other in trained[1:]:
            if other.best and other.best.score and other.best.score.beats(best.best.score if best.best else None):
                best = other
        ranked.append(best)
        trained.remove(best)
    return [Tune(candidate=c.number, minutes=_minutes(board, 2), brief="Improve the configuration.") for c in ranked]


def _minutes(board: Board, share: int) -> float:
    return max(board.seconds_to_explore / 60 / share, 0.1)
