"""The policy seam: what turns a state into decisions. Only the policy differs when two are compared."""

from typing import Protocol

from temporalio import workflow

from schemas.event import Event
from schemas.role import Role
from schemas.state import Answer, Managed, ManageRequest, RunState
from workflows import greedy
from workflows.attempts import Attempts, GivenUp
from workflows.board import board
from workflows.calls import MANAGE
from workflows.limits import explore_until
from workflows.record import Record


class Policy(Protocol):
    """Decides what happens next."""

    async def decide(self, state: RunState, happenings: tuple[Event, ...], answers: tuple[Answer, ...]) -> Managed:
        """`happenings` came since the last turn; `answers` say what became of its decisions."""
        ...


class Greedy:
    """A search policy: pure code over the state."""

    async def decide(self, state: RunState, happenings: tuple[Event, ...], answers: tuple[Answer, ...]) -> Managed:  # noqa: ARG002
        return greedy.decide(state, board(state, workflow.now()))


class Manager:
    """The manager agent: each turn an activity on the control queue, so that steering outlives the GPU workers."""

    def __init__(self, record: Record, attempts: Attempts) -> None:
        self._record = record
        self._attempts = attempts

    async def decide(self, state: RunState, happenings: tuple[Event, ...], answers: tuple[Answer, ...]) -> Managed:
        assert state.task is not None, "a run is prepared before its manager is asked"
        invocation = f"manager.{state.turns + 1}"
        until = explore_until(state)
        request = ManageRequest(
            run=state.spec.run,
            invocation=invocation,
            turn=state.turns + 1,
            model=state.spec.model_for(Role.MANAGER),
            task=state.task,
            board=board(state, workflow.now()),
            answers=answers,
            happenings=happenings,
            deadline=until,
            seed=state.spec.settings.seed,
        )
        try:
            return await self._attempts.run(
                MANAGE, request, invocation=invocation, summary=f"manager, turn {request.turn}", until=until
            )
        except GivenUp as error:
            # a manager that cannot be asked must not end the run: the search policy steers this turn
            return greedy.decide(
                state, board(state, workflow.now()), because=f"The manager gave no answer: {error.why}"
            )


def policy_for(record: Record, attempts: Attempts) -> Policy:
    return Greedy() if record.state.spec.settings.policy == "greedy" else Manager(record, attempts)
