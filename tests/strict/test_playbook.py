"""The playbook over HTTP, asked by our own client, says to the byte what it says in the process."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from activities.models.base import Model
from activities.models.factory import Models
from schemas.message import Message, ModelRequest, OtherBlock, Reply, ToolSpec, ToolUseBlock
from tests.models.run import Simulation
from tests.models.test_playbook import REQUESTS
from tests.models.world import World, ask, play
from tests.strict.conftest import Serve
from tests.strict.minds import PlaybookMind, Thoughtful
from tests.strict.server import StrictServer
from tests.strict.service import Service

MODEL = "claude-opus-5-5"
PLAN = "---\napproach: trees\nfamily: boosted trees\nrecipe: boosted\n---\n# Plan\n"
KINDS: dict[str, Callable[[], Any]] = {
    "plain": PlaybookMind,
    "thoughtful": lambda: Thoughtful(PlaybookMind(), searches=True),
}
Served = tuple[StrictServer, Model]


async def recorded(role: str) -> tuple[Message, ...]:
    """A whole conversation of the playbook's, as it is in the process."""
    if role == "manager":
        return (await Simulation(minutes=5, candidates=2).run()).messages
    return await play(World(files={"PLAN.md": PLAN, "config.yaml": "rounds: 100\n"}), REQUESTS[role])


def request(messages: tuple[Message, ...]) -> ModelRequest:
    names = {block.name for message in messages for block in message.content if isinstance(block, ToolUseBlock)}
    specs = [ToolSpec(name=name, description=name, input_schema={"type": "object"}) for name in sorted(names)]
    return ModelRequest(
        model=MODEL, system="You are one of six.", messages=messages, tools=tuple(specs), web_searches=3, effort="high"
    )


def said(reply: Reply) -> bytes:
    """What the reply says and asks for, without what only a language model does."""
    blocks = [block.model_dump(mode="json") for block in reply.content if not isinstance(block, OtherBlock)]
    return json.dumps([blocks, reply.stop_reason, reply.unparsed], ensure_ascii=False).encode()


@pytest_asyncio.fixture(loop_scope="session")
async def served(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Served]:
    server = serve(Service(KINDS[request.param]()))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key")
    models = Models()
    yield server, models(MODEL)
    await models.close()


@pytest.mark.parametrize("served", KINDS, indirect=True)
@pytest.mark.parametrize("role", [*REQUESTS, "manager"])
async def test_every_reply_is_the_same_to_the_byte(served: Served, role: str) -> None:
    """The conversation over HTTP grows by what comes over HTTP, thinking and searches with it."""
    server, claude = served
    here = await recorded(role)
    tools = request(here).tools
    there: tuple[Message, ...] = ()
    for end in range(1, len(here), 2):
        there += (here[end - 1],)
        reply = await claude.ask(request(there).model_copy(update={"tools": tools}))
        assert said(reply) == said(await ask(here[:end]))
        there += (Message(role="assistant", content=reply.content),)
    counters = server.service.record.counters()
    assert (counters["whole"], counters["repeated"], counters["dropped_thinking"]) == (len(here) // 2, 0, 0)
    assert counters["refused"] == {}


@pytest.mark.parametrize("served", ["thoughtful"], indirect=True)
async def test_what_went_over_the_wire_was_thought_about_and_cached(served: Served) -> None:
    server, claude = served
    here = await recorded("manager")
    tools = request(here).tools
    there: tuple[Message, ...] = ()
    kinds: list[str] = []
    for end in range(1, len(here), 2):
        there += (here[end - 1],)
        reply = await claude.ask(request(there).model_copy(update={"tools": tools}))
        kinds += [block.type for block in reply.content]
        there += (Message(role="assistant", content=reply.content),)
    assert kinds.count("thinking") == len(here) // 2
    assert kinds.count("web_search_tool_result") == 1
    [share] = server.service.record.counters()["conversations"].values()
    assert share["share"] > 0.7
