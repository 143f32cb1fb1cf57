"""Claude's client against a server that refuses what the real one refuses."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from activities.errors import NeedsPerson
from activities.models.base import Model, Unavailable
from activities.models.factory import Models
from schemas.message import (
    Effort,
    Message,
    ModelRequest,
    OtherBlock,
    Reply,
    TextBlock,
    ToolResultBlock,
    ToolSpec,
)
from tests.models.wire import KEY
from tests.strict.answers import Answer, answer
from tests.strict.minds import ScriptMind, Thoughtful
from tests.strict.models import MODELS
from tests.strict.server import serving
from tests.strict.service import Service

TURNS = 40
READ = ToolSpec(
    name="read_file",
    description="Reads a file.",
    input_schema={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
START = ModelRequest(
    model="claude-opus-5-5",
    system="You write training code. " * 200,
    tools=(READ,),
    messages=(Message(role="user", content=(TextBlock(text="Improve the model."),)),),
    web_searches=3,
    cache="1h",
    effort="high",
)
Asker = Callable[[Service], Model]


@pytest_asyncio.fixture
async def at(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Asker]:
    """The model `claude-opus-5-5`, as a service answers for it."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with AsyncExitStack() as stack:

        def asked(service: Service) -> Model:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", stack.enter_context(serving(service)).url)
            models = Models()
            stack.push_async_callback(models.close)
            return models("claude-opus-5-5")

        yield asked


def reads(body: dict[str, Any]) -> Answer:
    """Reads a file in each turn, and at the end says so."""
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    if turn + 1 >= TURNS:
        return answer([{"type": "text", "text": "Done."}])
    return answer([{"type": "tool_use", "id": f"toolu_{turn}", "name": "read_file", "input": {"path": f"{turn}.py"}}])


def heard(request: ModelRequest, reply: Reply) -> ModelRequest:
    """The next request of the conversation."""
    results = [ToolResultBlock(tool_use_id=use.id, content="x = 1\n" * 40) for use in reply.tool_uses]
    said = Message(role="assistant", content=reply.content)
    more = (said, Message(role="user", content=tuple(results))) if results else (said,)
    return request.model_copy(update={"messages": (*request.messages, *more)})


async def test_a_long_conversation_that_thinks_and_searches_is_taken_and_mostly_read_from_the_cache(
    at: Asker,
) -> None:
    service = Service(Thoughtful(ScriptMind(reads), searches=True), keys={KEY})
    model, request, replies = at(service), START, list[Reply]()
    while not replies or replies[-1].stop_reason != "end_turn":
        replies.append(await model.ask(request))
        request = heard(request, replies[-1])
    assert len(replies) == TURNS
    assert replies[-1].text == "Done."
    kinds = {block.type for reply in replies for block in reply.content if isinstance(block, OtherBlock)}
    assert {"thinking", "server_tool_use", "web_search_tool_result"} <= kinds
    total = sum((reply.usage for reply in replies[1:]), replies[0].usage)
    given = total.tokens - total.output_tokens
    assert total.cache_read_tokens >= 0.9 * given
    assert (total.cache_write_5m_tokens, total.web_searches) == (0, 1)
    assert total.cache_write_1h_tokens > 0


async def test_a_turn_of_many_calls_does_not_put_the_cache_out_of_sight(at: Asker) -> None:
    def many(body: dict[str, Any]) -> Answer:
        turn = len(body["messages"])
        uses = [{"type": "tool_use", "id": f"toolu_{turn}_{n}", "name": "read_file", "input": {}} for n in range(15)]
        return answer([{**use, "input": {"path": "a.py"}} for use in uses])

    model, request = at(Service(ScriptMind(many), keys={KEY})), START
    used = []
    for _ in range(4):
        replied = await model.ask(request)
        used.append(replied.usage)
        request = heard(request, replied)
    for before, after in pairwise(used):
        known = before.cache_read_tokens + before.cache_write_1h_tokens
        assert after.cache_read_tokens == known


@pytest.mark.parametrize(
    "fault",
    [
        "rate_limit",
        "rate_limit:0.2",
        "overloaded",
        "internal",
        "bad_gateway",
        "cut",
        "cut_at:1",
        "cut_at:4",
        "garbage",
        "stream_error:0",
        "stream_error:3",
    ],
)
async def test_after_a_fault_that_passes_the_same_call_is_answered(at: Asker, fault: str) -> None:
    model = at(Service(ScriptMind(reads), faults=f"{fault}@1"))
    with pytest.raises(Unavailable) as raised:
        await model.ask(START)
    assert raised.value.retry_after == (0.2 if fault.endswith("0.2") else None)
    assert (await model.ask(START)).tool_uses[0].input == {"path": "0.py"}


@pytest.mark.parametrize("fault", ["bad_key", "no_credit", "unknown_model", "forbidden"])
async def test_after_a_fault_that_a_person_mends_the_same_call_is_answered(at: Asker, fault: str) -> None:
    model = at(Service(ScriptMind(reads), faults=f"{fault}@1"))
    with pytest.raises(NeedsPerson, match="aibuildai resume RUN"):
        await model.ask(START)
    assert (await model.ask(START)).tool_uses[0].input == {"path": "0.py"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("effort", [None, "low", "medium", "high", "xhigh", "max"])
async def test_every_model_takes_every_effort_that_it_is_asked_for(
    at: Asker, monkeypatch: pytest.MonkeyPatch, model: str, effort: Effort | None
) -> None:
    service = Service(Thoughtful(ScriptMind([[{"type": "text", "text": "Yes."}]])))
    at(service)  # its address is in the environment now
    models = Models()
    said = await models(model).ask(START.model_copy(update={"model": model, "effort": effort}))
    await models.close()
    assert (said.text, said.model) == ("Yes.", model)
