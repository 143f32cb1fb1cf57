"""The policy seam: what turns a state into decisions. Only the policy differs when two are compared."""

from dataclasses import dataclass
from typing import Protocol

from temporalio import workflow

from schemas.event import Event, InvocationFailed, InvocationReported, LimitReached
from schemas.role import ModelChoice, Role
from schemas.state import Answer, Board, Managed, ManageRequest, RunState
from workflows import asking, greedy, money, routing
from workflows.accounting import account
from workflows.attempts import Attempts, GivenUp
from workflows.board import board
from workflows.calls import MANAGE
from workflows.limits import explore_until
from workflows.record import Record

Happenings = tuple[Event, ...]
Answers = tuple[Answer, ...]


@dataclass(frozen=True)
class Turn:
    """What a turn came to. `model` is the language model that was asked, None where rules decided.

    After a look `aside`, or where the manager is yet to be asked again, it has still to be told what happened.
    """

    managed: Managed
    model: ModelChoice | None = None
    aside: bool = False
    ask_again: bool = False


class Policy(Protocol):
    """Decides what happens next."""

    async def decide(self, state: RunState, happenings: Happenings, answers: Answers) -> Turn:
        """`happenings` came since the last turn; `answers` say what became of its decisions."""
        ...


class Greedy:
    """A search policy: pure code over the state."""

    async def decide(self, state: RunState, happenings: Happenings, answers: Answers) -> Turn:  # noqa: ARG002 - the protocol's
        return Turn(greedy.decide(state, board(state, workflow.now())))


class Manager:
    """The manager agent: each turn an activity on the control queue, so that steering outlives the GPU workers."""

    def __init__(self, record: Record, attempts: Attempts) -> None:
        self._record = record
        self._attempts = attempts

    async def decide(self, state: RunState, happenings: Happenings, answers: Answers) -> Turn:
        shown = board(state, workflow.now())
        model = asking.choice(state.spec, Role.MANAGER, routing.glance(state, happenings, answers, shown.slots))
        request = _request(state, shown, model, happenings, answers)
        words = ", ".join(
            ["manager" + (", aside" if request.aside else f", turn {request.turn}"), *asking.named(model)]
        )
        try:
            managed = await self._attempts.run(
                MANAGE, request, invocation=request.invocation, summary=words, until=request.deadline
            )
        except GivenUp as error:
            return await self._without(request, error)
        self._record.fell_back(request.invocation, Role.MANAGER, model, managed.fell_back)
        self._spent_up(request, managed)
        return Turn(managed, model if routing.language(model) else None, aside=request.aside)

    def _spent_up(self, request: ManageRequest, managed: Managed) -> None:
        """Notes that the money is spent, unless a person has given more since the manager was asked."""
        state = self._record.state
        if managed.limit is None or managed.limit in state.limits or request.caps != money.caps(state, Role.MANAGER):
            return
        why = f"{managed.thought[:400]}{money.KEPT_WORDS}"
        self._record.add(LimitReached(limit=managed.limit, why=why))

    async def _without(self, request: ManageRequest, error: GivenUp) -> Turn:
        """A manager that cannot be asked must not end the run: the search policy steers this turn.

        It ends a run only where the manager would fail in the same way if it was asked again.
        """
        because = f"The manager gave no answer: {error.why}"
        if not workflow.patched("unanswered-turns"):
            return Turn(greedy.decide(self._record.state, board(self._record.state, workflow.now()), because))
        name, told = request.invocation, await account(self._attempts, request.run, request.invocation)
        self._record.fell_back(name, Role.MANAGER, request.model, told.fell_back)
        self._record.add(InvocationFailed(invocation=name, role=Role.MANAGER, why=error.why, spend=told.spend))
        now, final = self._record.state, error.cause == "manager"
        steer = greedy.decide if final else greedy.stand_in
        return Turn(steer(now, board(now, workflow.now()), because), ask_again=not final)


def _request(
    state: RunState, shown: Board, model: ModelChoice, happenings: Happenings, answers: Answers
) -> ManageRequest:
    assert state.task is not None, "a run is prepared before its manager is asked"
    aside = bool(model.routed)
    return ManageRequest(
        run=state.spec.run,
        invocation=f"manager.{state.turns + 1}" + (".aside" if aside else ""),
        turn=state.turns + 1,
        model=model,
        task=state.task,
        board=shown,
        answers=() if aside else answers,
        happenings=tuple(map(_brief, happenings)),
        deadline=explore_until(state),
        seed=state.spec.settings.seed,
        aside=aside,
        **asking.terms(state, Role.MANAGER, model),
    )


def _brief(event: Event) -> Event:
    """Without the addresses that a designer looked up, which would fill the manager's conversation."""
    match event:
        case InvocationReported(report=report):
            return event.model_copy(update={"report": report.model_copy(update={"searches": ()})})
        case InvocationFailed():
            return event.model_copy(update={"searches": ()})
        case _:
            return event


def policy_for(record: Record, attempts: Attempts) -> Policy:
    return Greedy() if record.state.spec.settings.policy == "greedy" else Manager(record, attempts)
