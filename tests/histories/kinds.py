"""The kinds of run whose histories are kept: each plays its activities, and takes the histories from the server."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from activities.bookkeeping import ledger_of
from schemas.decision import Discard, Tune, Wait
from schemas.delivery import DeliveryRequest, Verified
from schemas.event import LedgerEntry
from schemas.person import Extension, Stop
from schemas.role import CodeReport, CodeRequest, DesignReport, DesignRequest, FellBack, TuneRequest
from schemas.run import RunSpec
from schemas.state import Managed, ManageRequest, RunState
from tests.workflows.facts import bounded, spec
from tests.workflows.facts import spoken as language
from tests.workflows.stage import Stage, holding, plain_manager, staged, start, tuning, until
from workflows.build import BuildWorkflow

Handle = WorkflowHandle[BuildWorkflow, RunState]
Taken = tuple[list[str], list[LedgerEntry]]


async def taken(client: Client, handle: Handle) -> Taken:
    """All histories of the run so far, in order, and what its executions themselves say of their ledgers."""
    histories: list[str] = []
    ledger: list[LedgerEntry] = []
    execution: str | None = None
    while True:
        one: WorkflowHandle[Any, Any] = client.get_workflow_handle(handle.id, run_id=execution)
        ledger[:0] = await ledger_of(one)
        history = await one.fetch_history()
        histories.insert(0, history.to_json())
        execution = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        if not execution:
            return histories, ledger


async def ended(
    client: Client, stage: Stage, asked: RunSpec, act: Callable[[Handle], Awaitable[None]] | None = None
) -> Taken:
    """The run to its end, with what people do meanwhile."""
    async with staged(client, stage) as queue:
        handle = await start(client, queue, asked)
        if act is not None:
            await act(handle)
        await handle.result()
        return await taken(client, handle)


async def delivered(client: Client) -> Taken:
    return await ended(client, Stage(), spec(candidates=2))


async def greedy(client: Client) -> Taken:
    return await ended(client, Stage(), spec(candidates=2, policy="greedy"))


async def continued(client: Client) -> Taken:
    """Two candidates, one after the other, outgrow the number of events after which a new execution takes over."""
    return await ended(client, Stage(), spec(candidates=2, parallel=1, history_events=80))


async def stopped(client: Client) -> Taken:
    stage, _ = holding()

    async def act(handle: Handle) -> None:
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.stop, Stop(why="enough"))

    return await ended(client, stage, spec(candidates=1), act)


async def failed(client: Client) -> Taken:
    """No candidate can be coded, and the manager gives up."""

    async def coder(request: CodeRequest) -> CodeReport:
        raise ApplicationError("no such library", type="Impossible", non_retryable=True)

    async def manager(request: ManageRequest) -> Managed:
        stuck = [candidate.number for candidate in request.board.candidates if candidate.failures]
        if not stuck:
            return await Stage()._manager(request)
        discards = tuple(Discard(candidate=number, why="it cannot be coded") for number in stuck)
        return Managed(invocation=request.invocation, decisions=discards, tool_uses=("t",) * len(discards))

    return await ended(client, Stage({"coder": coder, "manager": manager}), spec(candidates=1))


async def attempts(client: Client) -> Taken:
    """A platform that fails twice, then a person who has to act, then a report; and one limit that is reached."""
    causes = iter(["Error", "NeedsPerson"])

    async def coder(request: CodeRequest) -> CodeReport:
        cause = next(causes, None)
        if cause is not None:
            raise ApplicationError("the disk hiccuped", type=cause, non_retryable=True)
        return CodeReport(invocation=request.invocation, candidate=request.candidate, revision="code")

    async def act(handle: Handle) -> None:
        await until(handle, lambda state: state.paused == "system")
        await handle.execute_update(BuildWorkflow.resume)

    asked = spec(candidates=2)
    calls = asked.model_copy(update={"budget": asked.budget.model_copy(update={"agent_calls": 7})})
    return await ended(client, Stage({"coder": coder}), calls, act)


async def contested(client: Client) -> Taken:
    """A refused decision, a score that the scorer does not find, and a winner that fails its final check."""
    stage = Stage()

    async def tuner(request: TuneRequest) -> Any:
        report = await stage._tuner(request)
        if request.candidate == 1:
            stage.scores[report.trials[0].job] = 0.9
        return report

    async def manager(request: ManageRequest) -> Managed:
        early = (Tune(candidate=7, minutes=1, brief="too early"), Wait(why="for nothing"))
        decisions = early if request.turn == 1 else tuple(plain_manager(request))
        return Managed(invocation=request.invocation, decisions=decisions, tool_uses=("t",) * len(decisions))

    async def verify(request: DeliveryRequest) -> Verified:
        passed = request.members[0].candidate == 2
        return Verified(passed=passed, problem=None if passed else "holds predictions", rows=100)

    stage.parts.update({"tuner": tuner, "manager": manager, "verify": verify})
    return await ended(client, stage, spec(candidates=3))


async def steered(client: Client) -> Taken:
    """Everything that people can do to a run that goes on, and a stop with delivery."""
    stage, gate = holding()

    async def act(handle: Handle) -> None:
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.steer, "prefer small models")
        await handle.execute_update(BuildWorkflow.pause, "lunch")
        await handle.execute_update(BuildWorkflow.resume)
        await handle.execute_update(BuildWorkflow.extend, Extension(minutes=30))
        await until(handle, lambda state: len([name for name in state.in_flight if "tuner" in name]) == 2)
        await handle.execute_update(BuildWorkflow.discard, args=[1, "too slow"])
        gate.set()
        await until(handle, lambda state: state.candidates[2].best is not None)
        await handle.execute_update(BuildWorkflow.stop, Stop(deliver=True, why="good enough"))

    return await ended(client, stage, spec(candidates=2), act)


async def spoken(client: Client) -> Taken:
    """Language models: an unanswered turn, a look aside, a fallback, weights, a refused key, money added."""
    stage, gate = holding()
    broken, refused = iter([True]), iter([True])
    fell = (FellBack(model="claude-opus-5", calls=1, why="it was overloaded"),)

    async def manager(request: ManageRequest) -> Managed:
        if next(broken, False):
            raise RuntimeError("529 overloaded")
        return await stage._manager(request)

    async def designer(request: DesignRequest) -> DesignReport:
        report = await stage._designer(request)
        return report.model_copy(update={"weights": ("org/model",), "fell_back": fell})

    async def coder(request: CodeRequest) -> CodeReport:
        if next(refused, False):
            raise ApplicationError("the API key was refused", type="NeedsPerson", non_retryable=True)
        return CodeReport(invocation=request.invocation, candidate=request.candidate, revision="code")

    async def act(handle: Handle) -> None:
        await until(handle, lambda state: state.turns == 1)
        await handle.execute_update(BuildWorkflow.steer, "it is back")
        await until(handle, lambda state: state.paused == "system")
        await handle.execute_update(BuildWorkflow.resume)
        at_work = await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.extend, Extension(dollars=1))
        await until(handle, lambda state: state.turns > at_work.turns)
        gate.set()

    stage.parts.update({"manager": manager, "designer": designer, "coder": coder})
    asked = language(candidates=1, parallel=1, attempts=1, routing=True, fallback="claude-opus-5")
    return await ended(client, stage, bounded(asked, dollars=10.0), act)


async def paused(client: Client) -> Taken:
    """Taken while the run is paused, with nothing in flight."""
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.pause, "lunch")
        gate.set()
        await until(handle, lambda state: not state.in_flight and state.candidates[1].best is not None)
        found = await taken(client, handle)
        await handle.execute_update(BuildWorkflow.stop, Stop())
        await handle.result()
    return found


async def unfinished(client: Client) -> Taken:
    """Taken while a tuner is at work."""
    stage, _ = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, tuning)
        found = await taken(client, handle)
        await handle.execute_update(BuildWorkflow.stop, Stop())
        await handle.result()
    return found


PLAYED = (delivered, greedy, continued, stopped, failed, attempts, contested, steered, spoken, paused, unfinished)
