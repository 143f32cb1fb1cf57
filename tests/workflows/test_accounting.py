"""What an invocation came to that never reported: read from its journal, it counts like that of one that did."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.agent.journal import FileJournal
from activities.agent.records import Asking, Replied
from activities.scoring import ScoringActivities
from activities.workspace.layout import Layout
from schemas.budget import Spend, Usage
from schemas.event import FallbackUsed, InvocationFailed
from schemas.message import Message, Reply, Search, TextBlock
from schemas.role import DesignRequest, Role
from schemas.state import Managed, ManageRequest
from tests.workflows.facts import spoken
from tests.workflows.stage import Stage, entries, events, staged, start
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(60)
OWN, OTHER = "claude-opus-5-5", "bedrock/claude-opus-5"
ADDRESS = "https://a.example/1"
OPENING = Message(role="user", content=(TextBlock(text="begin"),))
SPENT = Spend(usage=Usage(output_tokens=14, web_searches=2), dollars=0.5, model_calls=2, model_seconds=2.0)
SEARCHES = (Search(query="trees", urls=(ADDRESS,)), Search(query="folds", urls=(ADDRESS,)))


def searched(query: str) -> Reply:
    blocks = (
        {"type": "server_tool_use", "id": query, "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": query, "content": [{"url": ADDRESS}]},
    )
    said = Message.model_validate({"role": "assistant", "content": blocks})
    usage = Usage(output_tokens=7, web_searches=1)
    return Reply(model=OTHER, content=said.content, stop_reason="pause_turn", usage=usage, dollars=0.25)


async def journaled(request: DesignRequest | ManageRequest) -> None:
    """As if the request had been at work: two searches, both in replies of the fallback."""
    folder, now = Layout.of(request.run).journals(request.invocation), datetime.now(UTC)
    journal = await FileJournal.open(folder, request.attempt, OPENING, now=lambda: now)
    for turn, search in enumerate(SEARCHES, start=1):
        reply = searched(search.query)
        await journal.append(Asking(at=now, turn=turn, model=OTHER))
        await journal.append(Replied(turn=turn, reply=reply, seconds=1.0, asked=OTHER, instead="it was overloaded"))
    journal.close()


Happened = tuple[list[FallbackUsed], list[InvocationFailed]]


async def ran(client: Client, stage: Stage, folder: Path, off: asyncio.Event | None = None) -> Happened:
    """A run whose spend is read from real journals; candidate 1 is discarded once `off` is set."""
    stage.parts["account"] = ScoringActivities().account
    asked = spoken(folder=str(folder), candidates=2, fallback=OTHER)
    async with staged(client, stage) as queue:
        handle = await start(client, queue, asked)
        if off is not None:
            await off.wait()
            await handle.execute_update(BuildWorkflow.discard, args=[1, "a better idea"])
        state = await handle.result()
        found = await entries(handle)
    assert state.phase == "DONE"
    return events(found, FallbackUsed), events(found, InvocationFailed)


def told(used: list[FallbackUsed]) -> list[tuple[Role, str, str, int, str]]:
    return [(event.role, event.chosen, event.used, event.calls, event.why) for event in used]


async def test_of_a_design_that_failed_fallback_searches_and_cost_are_known(client: Client, tmp_path: Path) -> None:
    stage = Stage()

    async def designer(request: DesignRequest) -> Any:
        if request.candidate > 1:
            return await stage._designer(request)
        await journaled(request)
        raise ApplicationError("no such data", type="Impossible", non_retryable=True)

    stage.parts["designer"] = designer
    used, [failed] = await ran(client, stage, tmp_path)
    assert (failed.why, failed.spend, failed.searches) == ("no such data", SPENT, SEARCHES)
    assert told(used) == [(Role.DESIGNER, OWN, OTHER, 2, "it was overloaded")]
    heard = [one for asked in stage.requests("manager") for one in asked.happenings if one.kind == "invocation_failed"]
    assert [one.searches for one in heard] == [()], "addresses would fill the manager's conversation"


async def test_of_a_design_that_is_called_off_they_are_known_too(client: Client, tmp_path: Path) -> None:
    stage, at_work = Stage(), asyncio.Event()

    async def designer(request: DesignRequest) -> Any:
        if request.candidate > 1:
            return await stage._designer(request)
        await journaled(request)
        at_work.set()
        while True:
            activity.heartbeat("reading")
            await asyncio.sleep(0.05)

    stage.parts["designer"] = designer
    used, [failed] = await ran(client, stage, tmp_path, off=at_work)
    assert (failed.why, failed.spend, failed.searches) == ("cancelled", SPENT, SEARCHES)
    assert told(used) == [(Role.DESIGNER, OWN, OTHER, 2, "it was overloaded")]


async def test_a_turn_that_came_to_nothing_tells_its_fallback_too(client: Client, tmp_path: Path) -> None:
    stage = Stage()

    async def manager(request: ManageRequest) -> Managed:
        if request.turn > 1:
            return await Stage()._manager(request)
        await journaled(request)
        raise ApplicationError("both refused", type="Impossible", non_retryable=True)

    stage.parts["manager"] = manager
    used, [failed] = await ran(client, stage, tmp_path)
    assert (failed.role, failed.spend) == (Role.MANAGER, SPENT)
    assert told(used) == [(Role.MANAGER, OWN, OTHER, 2, "it was overloaded")]
