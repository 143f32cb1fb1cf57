"""Whole conversations of the agent's loop, with our client, against the strict server: nothing of them is refused."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.agent.context import SUMMARISE
from activities.agent.journal import read
from activities.agent.outages import Backoff
from activities.agent.records import Condensed, Replied, Unanswered
from activities.models.factory import Models
from tests.agent.world import Killed, World
from tests.strict.answers import Answer, answer
from tests.strict.conftest import Serve
from tests.strict.faults import PASSING
from tests.strict.minds import ScriptMind, Thoughtful
from tests.strict.raw import Json, use
from tests.strict.server import StrictServer
from tests.strict.service import Service
from tests.strict.spoilt import unspoilt

MODEL = "claude-opus-5-5"
LONG = "y" * 6_000
Agents = Callable[..., tuple[World, StrictServer]]


def heard(body: Json) -> int:
    """The place of the last call that was answered, by its own number, whatever else was cut from the conversation."""
    text = str(unspoilt(body["messages"]))
    return max((n for n in range(100) if f"toolu_{n}'" in text or f"number {n} " in text), default=-1)


def session(turns: int) -> Callable[[Json], Answer]:
    """Calls with long results, then as many with long arguments, then the report."""

    def said(body: Json) -> Answer:
        number = heard(body) + 1
        if body["messages"][-1]["content"][-1].get("text") == SUMMARISE:
            return answer([{"type": "text", "text": f"I called number {number - 1} last, and report after {turns}."}])
        if number >= turns:
            return answer([use(f"toolu_{number}", "report")])
        if number < turns // 2:
            return answer([use(f"toolu_{number}", "read", place=number)])
        return answer([use(f"toolu_{number}", "write", name=f"f{number}", text=LONG)])

    return said


@pytest_asyncio.fixture(loop_scope="session")
async def agents(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Agents]:
    models = Models()

    def made(script: Callable[[Json], Answer], faults: str = "", **more: Any) -> tuple[World, StrictServer]:
        server = serve(Service(Thoughtful(ScriptMind(script)), faults=faults))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key")
        world = World(tmp_path, models(MODEL), more={"backoff": Backoff(0.01, 0.02)} | more)
        world.limits = replace(world.limits, max_turns=200)
        return world, server

    yield made
    await models.close()


def journaled(world: World, kind: type) -> list[Any]:
    return [record for record in read(world.folder / "journal") if isinstance(record, kind)]


def sound(server: StrictServer) -> Json:
    """That no request was refused, no whole reply asked for again, and no thinking sent that is not read."""
    counters = server.service.record.counters()
    assert counters["refused"] == {}
    assert (counters["repeated"], counters["dropped_thinking"]) == (0, 0)
    return counters


async def test_a_coders_session_of_forty_turns_is_read_from_the_cache_for_nine_tenths(agents: Agents) -> None:
    world, server = agents(session(39))
    await world.attempt()
    [share] = sound(server)["conversations"].values()
    assert len(journaled(world, Replied)) == 40
    assert share["share"] >= 0.9


async def test_a_conversation_that_is_cleared_and_cut_keeps_to_the_rules_of_thinking(agents: Agents) -> None:
    world, server = agents(session(40), context_tokens=16_000)
    await world.attempt()
    sound(server)
    steps = journaled(world, Condensed)
    assert {bool(step.summary) for step in steps} == {True, False}, "both were needed"
    assert [name for name in world.used if name.startswith("write")] == [f"write f{n}" for n in range(20, 40)]
    thought = [b for message in world.said for b in message.content if b.type == "thinking"]
    assert len(thought) >= 40


async def test_with_a_fault_at_every_third_call_the_conversation_comes_to_its_end(agents: Agents) -> None:
    kinds = "|".join(kind.replace("rate_limit:1", "rate_limit:0") for kind in PASSING)
    world, server = agents(session(30), f"{kinds}/3")
    await world.attempt()
    counters = sound(server)
    assert set(counters["faults"]) == {kind.partition(":")[0] for kind in PASSING}
    assert [name for name in world.used if name.startswith("write")] == [f"write f{n}" for n in range(15, 30)]
    assert journaled(world, Unanswered)


async def test_newer_code_with_other_prompts_goes_on_where_the_older_stopped(agents: Agents) -> None:
    world, server = agents(session(8))
    with pytest.raises(Killed):
        await world.attempt(1, die_at=8, written=True)
    world.system = "Prompts are rewritten at times."
    await world.attempt(2)
    sound(server)


@pytest.mark.parametrize("at", [2, 5, 11, 23, 37, 52])
async def test_killed_anywhere_the_next_attempt_goes_on_and_nothing_is_refused(agents: Agents, at: int) -> None:
    world, server = agents(session(20), context_tokens=16_000)
    with pytest.raises(Killed):
        await world.attempt(1, die_at=at, written=True)
    await world.attempt(2)
    sound(server)
    replied = journaled(world, Replied)
    assert len({record.turn for record in replied}) == len(replied)
