"""Money is a hard limit: exploring ends at it, the aggregator has its share, and what is trained is delivered."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from schemas.budget import Budget, Spend, Usage
from schemas.event import InvocationReported, LimitReached, ManagerDecided, PhaseEntered
from schemas.message import Search
from schemas.person import Extension
from schemas.role import AggregateReport, AggregateRequest, Caps, CodeRequest, DesignRequest, TuneRequest
from schemas.state import Managed, ManageRequest, RunState
from tests.workflows.facts import bounded, folded, prepared, spec, spoken, started
from tests.workflows.stage import Stage, entries, events, holding, staged, start, tuning, until
from workflows import display, money, searched
from workflows.board import board
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(60)
ROLES = ("setup", "designer", "coder", "tuner", "manager")


def spent(cost: float | None, used: int = 0, /, **budget: float) -> RunState:
    first = started()
    asked = first.spec.model_copy(update={"budget": Budget(seconds=3_600, **budget)})
    turn = ManagerDecided(turn=1, spend=Spend(dollars=cost, usage=Usage(output_tokens=used)))
    return folded(prepared(), turn, first=first.model_copy(update={"spec": asked}))


@pytest.mark.parametrize(
    ("budget", "caps"),
    [
        ({"dollars": 10.0}, Caps(dollars=9.0)),
        ({"tokens": 1_000_000}, Caps(tokens=900_000)),
        ({"dollars": 1_000.0, "tokens": 10**9}, Caps(dollars=995.0, tokens=998_000_000)),
        ({}, Caps()),
    ],
)
def test_exploring_leaves_the_aggregator_its_share(budget: dict[str, float], caps: Caps) -> None:
    assert money.exploring(Budget(seconds=1, **budget)) == caps


@pytest.mark.parametrize(
    ("state", "limit"),
    [
        (spent(0.89, dollars=1.0), None),
        (spent(0.90, dollars=1.0), "dollars"),
        (spent(None, dollars=1.0), "dollars"),
        (spent(None, 899, tokens=1_000), None),
        (spent(0.0, 900, tokens=1_000), "tokens"),
    ],
)
def test_exploring_ends_where_its_share_is_spent(state: RunState, limit: str | None) -> None:
    found = money.reached(state)
    assert (found[0] if found else None) == limit


def test_the_board_shows_what_exploring_may_still_spend() -> None:
    state = spent(0.4, 100, dollars=1.0, tokens=1_000)
    shown = board(state, state.clock.started)
    assert (shown.dollars_left, shown.tokens_left) == (pytest.approx(0.5), 800)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (spent(0.4), "$0.40"),
        (spent(0.4, 12_345, dollars=1.0), "$0.40 of $1.00 · 12,345 tokens"),
        (spent(None, 12_345, tokens=20_000), "cost unknown · 12,345 tokens of 20,000"),
    ],
)
def test_money_and_tokens_stand_in_what_operators_see(state: RunState, words: str) -> None:
    assert f"· {words}\n" in display.details(state, state.clock.started)


async def test_every_request_to_a_language_model_says_what_it_may_spend(client: Client) -> None:
    stage = Stage()
    asked = spoken(candidates=1, record=True, replay="/recorded", context_tokens=50_000)
    async with staged(client, stage) as queue:
        state = await (await start(client, queue, bounded(asked, dollars=10.0, tokens=1_000_000))).result()
    assert state.phase == "DONE"
    for role in ROLES:
        for request in stage.requests(role):
            assert request.caps == Caps(dollars=9.0, tokens=900_000)
            assert (request.context_tokens, request.record, request.replay) == (50_000, True, "/recorded")
    [aggregate] = stage.requests("aggregator")
    assert aggregate.caps == Caps(dollars=10.0, tokens=1_000_000)
    assert all(request.web for role in ("designer", "coder") for request in stage.requests(role))


async def test_the_playbook_is_told_nothing_of_money_and_of_the_web(client: Client) -> None:
    stage = Stage()
    async with staged(client, stage) as queue:
        await (await start(client, queue, bounded(spec(candidates=1, record=True), dollars=10.0))).result()
    for role in (*ROLES, "aggregator"):
        assert stage.requests(role), role
        for request in stage.requests(role):
            assert (request.caps, request.record, request.replay) == (Caps(), False, None)
            assert not getattr(request, "web", False)


async def test_the_web_is_shut_off_where_the_run_says_so(client: Client) -> None:
    stage = Stage()
    async with staged(client, stage) as queue:
        await (await start(client, queue, spoken(candidates=1, web=False))).result()
    assert {request.web for request in stage.requests("designer")} == {False}


@pytest.mark.parametrize(
    ("model", "web"),
    [
        ("claude-opus-5-5", True),
        ("vertex/claude-opus-5-5", True),
        ("bedrock/claude-opus-5-5", False),
        ("server/qwen", False),
    ],
)
async def test_a_designer_is_told_of_the_web_where_its_own_model_can_search_it(
    client: Client, model: str, web: bool
) -> None:
    stage = Stage()
    async with staged(client, stage) as queue:
        await (await start(client, queue, spoken(candidates=1, models={"designer": model}))).result()
    assert [request.web for request in stage.requests("designer")] == [web]


async def test_the_manager_is_not_told_the_addresses_that_a_designer_looked_up(client: Client) -> None:
    stage = Stage()

    async def designer(request: DesignRequest) -> Any:
        report = await stage._designer(request)
        return report.model_copy(update={"searches": (Search(query="trees", urls=("https://a.org",)),)})

    stage.parts["designer"] = designer
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spoken(candidates=1))
        await handle.result()
        [told] = [event.report for event in events(await entries(handle), InvocationReported) if event.report.searches]
    assert told.searches[0].urls == ("https://a.org",)
    heard = [
        one for asked in stage.requests("manager") for one in asked.happenings if isinstance(one, InvocationReported)
    ]
    assert [one.report.role for one in heard].count("designer") == 1
    assert not any(one.report.searches for one in heard)


async def test_at_the_cap_a_run_ends_with_the_results_that_it_has(client: Client) -> None:
    stage = Stage()

    async def tuner(request: TuneRequest) -> Any:
        report = await stage._tuner(request)
        return report.model_copy(update={"spend": Spend(dollars=0.95, model_calls=3)})

    async def aggregator(request: AggregateRequest) -> AggregateReport:
        return AggregateReport(invocation=request.invocation, problem="$1.01 are spent, of $1.00")

    stage.parts.update({"tuner": tuner, "aggregator": aggregator})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, bounded(spoken(candidates=3, parallel=1), dollars=1.0))
        state = await handle.result()
        reached = events(await entries(handle), LimitReached)
    assert (state.phase, state.verified) == ("DONE", True)
    assert [(limit.limit, limit.why) for limit in reached] == [
        ("dollars", "$0.95 of $1.00 are spent; what is left is kept for the aggregator")
    ]
    assert state.choice is not None
    assert "alone, by the workflow itself: the aggregator gave no choice" in state.choice.report.summary


def refusing() -> tuple[Stage, asyncio.Event]:
    """The manager is refused its calls once a tuner is at work, for what the reports do not know of."""
    stage, gate = holding()

    async def manager(request: ManageRequest) -> Managed:
        if not stage.requests("tuner") or request.caps.dollars != 9.0:
            return await stage._manager(request)
        return Managed(invocation=request.invocation, thought="$9.02 are spent, of $9.00", limit="dollars")

    stage.parts["manager"] = manager
    return stage, gate


async def test_where_the_purse_is_empty_exploring_ends_at_once_and_says_so(client: Client) -> None:
    stage, gate = refusing()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, bounded(spoken(candidates=2), dollars=10.0))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.steer, "go on")
        await until(handle, lambda state: bool(state.limits))
        assert tuning(await handle.query(BuildWorkflow.state)), "what is at work lands"
        gate.set()
        state = await handle.result()
        found = await entries(handle)
    [reached] = events(found, LimitReached)
    assert (reached.limit, reached.why.partition(";")[0]) == ("dollars", "$9.02 are spent, of $9.00")
    [why] = [event.why for event in events(found, PhaseEntered) if event.phase == "AGGREGATING"]
    assert why.startswith("what may be drawn of $10.00 is spent")
    assert (state.phase, state.verified) == ("DONE", True)


async def test_an_empty_purse_that_a_person_fills_ends_nothing(client: Client) -> None:
    stage, gate = refusing()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, bounded(spoken(candidates=2), dollars=10.0))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.steer, "go on")
        await until(handle, lambda state: bool(state.limits))
        await handle.execute_update(BuildWorkflow.extend, Extension(dollars=10))
        gate.set()
        state = await handle.result()
    assert (state.limits, state.finish) == ((), "all are trained")


async def test_more_money_reaches_agents_at_work(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, bounded(spoken(candidates=1), dollars=10.0, tokens=1_000))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.extend, Extension(dollars=10, tokens=9_000))
        while not stage.requests("hold"):
            await until(handle, tuning)
        gate.set()
        state = await handle.result()
    [told] = stage.requests("hold")
    assert (told.held, told.caps) == (False, Caps(dollars=18.0, tokens=9_000))
    assert (state.budget.dollars, state.budget.tokens) == (20.0, 10_000)
    later: list[ManageRequest] = [request for request in stage.requests("manager") if request.caps == told.caps]
    assert later


async def test_more_time_alone_is_told_to_nobody(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spoken(candidates=1))
        await until(handle, tuning)
        await handle.execute_update(BuildWorkflow.extend, Extension(minutes=5))
        gate.set()
        state = await handle.result()
    assert (state.budget.dollars, stage.requests("hold")) == (None, [])


async def test_what_was_spent_is_searchable_as_it_is_spent(client: Client) -> None:
    stage, gate = holding()

    async def coder(request: CodeRequest) -> Any:
        report = await stage._coder(request)
        return report.model_copy(update={"spend": Spend(dollars=0.25, usage=Usage(output_tokens=700))})

    stage.parts["coder"] = coder
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spoken(candidates=1))
        await until(handle, tuning)
        found = (await handle.describe()).typed_search_attributes
        gate.set()
        await handle.result()
    assert (found.get(searched.DOLLARS), found.get(searched.TOKENS)) == (0.25, 700)
