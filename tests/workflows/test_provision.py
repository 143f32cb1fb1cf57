"""Weights and packages that a design asks for are there before its code is written."""

import asyncio

import pytest
from temporalio.client import Client

from schemas.decision import Code
from schemas.event import DecisionRefused, InvocationReported
from schemas.role import DesignReport, DesignRequest, Role, SetupReport, SetupRequest, Weights
from schemas.state import Managed, ManageRequest, RunState
from tests.workflows.facts import flight, folded, prepared, spec
from tests.workflows.stage import Stage, entries, events, plain_manager, staged, start, until
from workflows import provision

pytestmark = pytest.mark.timeout(60)

MODEL = Weights(name="org/model", revision="main", digest="d", size=10, files=2)


def asking(*candidates: int) -> Stage:
    """A stage whose designs of these candidates ask for weights and a package, and whose setup provides them."""
    stage = Stage()

    async def designer(request: DesignRequest) -> DesignReport:
        report = await stage._designer(request)
        if request.candidate not in candidates:
            return report
        return report.model_copy(update={"weights": ("org/model",), "packages": ("timm",)})

    async def setup(request: SetupRequest) -> SetupReport:
        if request.candidate is None:
            return await stage._setup(request)
        return SetupReport(
            invocation=request.invocation,
            environment=f"{request.environment}+{request.candidate}",
            installed=request.packages,
            weights=(MODEL,),
        )

    stage.parts.update({"designer": designer, "setup": setup})
    return stage


def setups(stage: Stage) -> list[SetupRequest]:
    return [request for request in stage.requests("setup") if request.candidate is not None]


async def test_what_a_design_asks_for_is_there_before_its_code_is_written(client: Client) -> None:
    stage = asking(1)
    async with staged(client, stage) as queue:
        state = await (await start(client, queue, spec(candidates=1))).result()
    [asked] = setups(stage)
    assert (asked.role, asked.candidate, asked.weights, asked.packages) == (Role.SETUP, 1, ("org/model",), ("timm",))
    names = [name for name, _ in stage.asked if name in ("setup", "designer", "coder")]
    assert names == ["setup", "designer", "setup", "coder"]
    assert stage.requests("coder")[0].environment == "/environment+1"
    assert (state.phase, state.environment, state.weights) == ("DONE", "/environment+1", (MODEL,))


async def test_until_then_the_candidate_is_busy(client: Client) -> None:
    stage, gate = asking(1), asyncio.Event()
    provided = stage.parts["setup"]

    async def setup(request: SetupRequest) -> SetupReport:
        if request.candidate is not None:
            await gate.wait()
        report: SetupReport = await provided(request)
        return report

    async def manager(request: ManageRequest) -> Managed:
        busy = any(flight.role is Role.SETUP for flight in request.board.in_flight)
        steps = [Code(candidate=1, brief="implement")] if busy else plain_manager(request)
        return Managed(invocation=request.invocation, decisions=tuple(steps), tool_uses=("t",) * len(steps))

    stage.parts.update({"setup": setup, "manager": manager})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await until(handle, lambda state: state.turns == 2)
        gate.set()
        state = await handle.result()
        refused = events(await entries(handle), DecisionRefused)
    assert state.phase == "DONE"
    assert [decision.why for decision in refused] == ["setup.1.3 is at work on candidate 1; wait for its report"]


async def test_several_are_provided_one_after_the_other_each_on_what_the_last_one_left(client: Client) -> None:
    stage = asking(1, 2)
    stage_setup = stage.parts["setup"]
    at_once: list[int] = []

    async def setup(request: SetupRequest) -> SetupReport:
        at_once.append(1)
        await asyncio.sleep(0.2 if request.candidate else 0)
        report: SetupReport = await stage_setup(request)
        assert sum(at_once) == 1
        at_once.append(-1)
        return report

    stage.parts["setup"] = setup
    async with staged(client, stage) as queue:
        state = await (await start(client, queue, spec(candidates=2))).result()
    first, second = setups(stage)
    assert first.environment == "/environment"
    assert second.environment == f"/environment+{first.candidate}"
    assert state.environment == f"{second.environment}+{second.candidate}"
    assert state.phase == "DONE"


async def test_what_cannot_be_provided_is_the_candidates_failure_and_the_manager_is_told(client: Client) -> None:
    stage = asking(1)

    async def setup(request: SetupRequest) -> SetupReport:
        problem = None if request.candidate is None else "the hub has no org/model"
        return SetupReport(invocation=request.invocation, problem=problem)

    stage.parts["setup"] = setup
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        await handle.result()
    [asked] = setups(stage)
    told = next(request for request in stage.requests("manager") if _heard(request, asked.invocation))
    [candidate] = told.board.candidates
    assert (candidate.failures, candidate.stumbled, candidate.last) == (1, "setup", "the hub has no org/model")


def _heard(request: ManageRequest, invocation: str) -> bool:
    return any(isinstance(event, InvocationReported) and event.invocation == invocation for event in request.happenings)


async def test_a_design_that_asks_for_nothing_starts_nothing(client: Client) -> None:
    stage = asking()
    async with staged(client, stage) as queue:
        await (await start(client, queue, spec(candidates=1))).result()
    assert setups(stage) == []


def test_weights_that_the_run_has_are_not_asked_for_again() -> None:
    report = SetupReport(invocation="setup.1.1", weights=(MODEL,))
    reported = InvocationReported(invocation="setup.1.1", report=report)
    state: RunState = folded(prepared(), flight(Role.SETUP, 1), reported)
    names = ("org/model", "org/model@main", "org/model@v2", "org/other")
    design = DesignReport(invocation="designer.1.2", candidate=1, weights=names)
    assert provision.missing(state, design) == ("org/model@v2", "org/other")
