"""What is sent to the Messages API: nothing that it does not know, and what changes behind what does not."""

from typing import Any, cast

import anthropic
import pytest

from activities.models.claude.abilities import abilities
from activities.models.claude.address import Address
from activities.models.claude.client import Claude
from activities.models.claude.connect import connect
from activities.models.claude.request import wire
from schemas.message import (
    Effort,
    Message,
    ModelRequest,
    OtherBlock,
    TextBlock,
    ToolResultBlock,
    ToolSpec,
    ToolUseBlock,
)
from schemas.role import searches as can_search
from tests.models.wire import KEY, REQUEST, Server, reply, streamed, text

TOOL = ToolSpec(name="check", description="Checks.", input_schema={"type": "object", "properties": {}})
FULL = ModelRequest(
    model="claude-opus-5-5",
    system="You train.",
    tools=(TOOL,),
    messages=REQUEST.messages,
    max_tokens=9_000,
    effort="xhigh",
    web_searches=4,
    cache="1h",
    invocation="designer.1.2",
    turn=3,
)


def sent(request: ModelRequest) -> dict[str, Any]:
    address = Address.of(request.model)
    assert address is not None
    return wire(request, address)


async def test_over_the_wire_a_request_is_what_the_api_documents(server: Server, claude: Claude) -> None:
    server.will(streamed(reply(text("Yes."))))
    await claude.ask(FULL)
    asked = server.asked[0]
    assert asked.path == "/v1/messages"
    assert asked.headers["anthropic-version"]
    assert KEY in asked.headers.get("x-api-key", asked.headers.get("authorization"))
    assert "traceparent" not in asked.headers
    assert asked.body == {
        "model": "claude-opus-5-5",
        "max_tokens": 9_000,
        "stream": True,
        "system": "You train.",
        "tools": [
            {"name": "check", "description": "Checks.", "input_schema": {"type": "object", "properties": {}}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 4},
        ],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Go on."}]}],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "xhigh"},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    }


def test_every_argument_is_one_of_the_sdk() -> None:
    known = anthropic.types.message_create_params.MessageCreateParamsBase.__annotations__
    assert set(sent(FULL)) <= set(known)


def test_what_is_not_asked_for_is_not_sent() -> None:
    bare = sent(ModelRequest(model="claude-opus-5-5", system="", messages=REQUEST.messages))
    assert set(bare) == {"model", "max_tokens", "messages", "thinking", "cache_control"}
    assert bare["cache_control"] == {"type": "ephemeral", "ttl": "5m"}


def test_a_later_turn_changes_nothing_in_front_of_its_own_messages() -> None:
    use = ToolUseBlock(id="toolu_1", name="check", input={})
    more = (
        Message(role="assistant", content=(use,)),
        Message(role="user", content=(ToolResultBlock(tool_use_id="toolu_1", content="fine"),)),
    )
    first, second = sent(FULL), sent(FULL.model_copy(update={"messages": (*FULL.messages, *more), "turn": 4}))
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert {**first, "messages": None} == {**second, "messages": None}


def test_the_text_of_nothing_that_the_api_replies_with_is_not_sent_back_to_it() -> None:
    empty = Message(role="assistant", content=(TextBlock(text=""),))
    mixed = Message(role="assistant", content=(OtherBlock(type="redacted_thinking", data="x"), TextBlock(text=" \n")))  # type: ignore[call-arg]
    messages = sent(FULL.model_copy(update={"messages": (*FULL.messages, empty, mixed)}))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"] == [{"type": "redacted_thinking", "data": "x"}]


def test_a_picture_in_a_result_is_sent_as_it_is() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
    result = ToolResultBlock(tool_use_id="toolu_1", content=[{"type": "text", "text": "curve"}, picture])
    block = sent(FULL.model_copy(update={"messages": (Message(role="user", content=(result,)),)}))["messages"][0]
    assert block["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": "curve"}, picture],
            "is_error": False,
        }
    ]


@pytest.mark.parametrize(
    ("model", "thinks", "efforts"),
    [
        ("claude-opus-5-5", True, "low medium high xhigh max"),
        ("claude-haiku-5-5-20261007", True, "low medium high xhigh max"),
        ("claude-mythos-preview", True, "low medium high xhigh max"),
        ("claude-opus-4-7", True, "low medium high xhigh max"),
        ("claude-sonnet-4-6", True, "low medium high high max"),
        ("claude-opus-4-5-20251101", False, "low medium high high high"),
        ("claude-haiku-4-5", False, "- - - - -"),
        ("claude-sonnet-4-20250514", False, "- - - - -"),
        ("claude-3-5-sonnet-20241022", False, "- - - - -"),
        ("bedrock/us.anthropic.claude-opus-4-6-v1:0", True, "low medium high high max"),
        ("vertex/claude-haiku-4-5@20251001", False, "- - - - -"),
        ("server/qwen3-5", False, "- - - - -"),
    ],
)
def test_a_model_is_asked_to_think_as_it_can(model: str, thinks: bool, efforts: str) -> None:
    """An effort that a model does not know becomes the next lower one; a model without any is left alone."""
    wanted: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
    requests = [sent(FULL.model_copy(update={"model": model, "effort": effort})) for effort in wanted]
    assert [request.get("thinking") for request in requests] == [{"type": "adaptive"} if thinks else None] * 5
    assert [request.get("output_config", {}).get("effort", "-") for request in requests] == efforts.split()
    assert abilities(model).effort(None) is None


@pytest.mark.parametrize("model", ["bedrock/anthropic.claude-opus-5-5", "vertex/claude-opus-5-5"])
def test_where_a_request_cannot_ask_for_the_cache_its_last_block_does(model: str) -> None:
    thinking = OtherBlock.model_validate({"type": "thinking", "thinking": "Hm", "signature": "s"})
    paused = (*FULL.messages, Message(role="assistant", content=(TextBlock(text="I search."), thinking)))
    request = sent(FULL.model_copy(update={"model": model, "messages": paused, "web_searches": 0}))
    assert "cache_control" not in request
    assert request["messages"][1]["content"] == [
        {"type": "text", "text": "I search.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
    ]


@pytest.mark.parametrize(
    ("model", "searches"),
    [
        ("bedrock/anthropic.claude-opus-5-5", False),
        ("vertex/claude-opus-5-5", True),
        ("foundry/claude-opus-5-5", True),
        ("claude-opus-5-5", True),
        ("server/qwen3", False),
        ("server/claude-opus-5-5", False),
    ],
)
def test_the_web_is_searched_where_the_platform_can(model: str, searches: bool) -> None:
    assert can_search(model) == searches
    names = [tool["name"] for tool in sent(FULL.model_copy(update={"model": model}))["tools"]]
    assert names == (["check", "web_search"] if searches else ["check"])


def test_the_playbook_searches_nothing() -> None:
    assert not can_search("playbook")


PLATFORMS = {
    "AWS_REGION": "eu-central-1",
    "AWS_BEARER_TOKEN_BEDROCK": "bedrock-token",
    "CLOUD_ML_REGION": "europe-west1",
    "ANTHROPIC_VERTEX_PROJECT_ID": "my-project",
    "ANTHROPIC_FOUNDRY_RESOURCE": "my-resource",
    "ANTHROPIC_FOUNDRY_API_KEY": "foundry-key",
    "ANTHROPIC_API_KEY": KEY,
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:8000",
}


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("claude-opus-5-5", "http://127.0.0.1:8000"),
        ("server/qwen3", "http://127.0.0.1:8000"),
        ("bedrock/anthropic.claude-opus-5-5", "https://bedrock-mantle.eu-central-1.api.aws/anthropic"),
        ("bedrock/us.anthropic.claude-haiku-5-5", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ("bedrock/anthropic.claude-opus-4-6-v1", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ("bedrock/arn:aws:bedrock:x:1:inference-profile/y", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ("vertex/claude-opus-5-5", "https://europe-west1-aiplatform.googleapis.com/v1"),
        ("foundry/claude-opus-5-5", "https://my-resource.services.ai.azure.com/anthropic"),
    ],
)
async def test_each_platform_is_asked_at_its_own_address_by_the_sdks_own_client(
    monkeypatch: pytest.MonkeyPatch, model: str, url: str
) -> None:
    for name, value in PLATFORMS.items():
        monkeypatch.setenv(name, value)
    address = Address.of(model)
    assert address is not None
    client = connect(address)
    assert str(client.base_url).rstrip("/") == url
    assert client.max_retries == 0
    await client.close()


async def test_anthropics_own_address_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    client = connect(cast(Address, Address.of("claude-opus-5-5")))
    assert str(client.base_url) == "https://api.anthropic.com"
    await client.close()


@pytest.mark.parametrize(
    ("model", "version", "base"),
    [
        ("bedrock/anthropic.claude-opus-5-5", None, "ANTHROPIC_BEDROCK_MANTLE_BASE_URL"),
        ("foundry/claude-opus-5-5", None, "ANTHROPIC_FOUNDRY_BASE_URL"),
    ],
)
async def test_a_platform_streams_as_the_api_does(
    monkeypatch: pytest.MonkeyPatch, server: Server, model: str, version: str | None, base: str
) -> None:
    for name, value in PLATFORMS.items():
        if name != "ANTHROPIC_FOUNDRY_RESOURCE":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv(base, server.url)
    server.will(streamed(reply(text("Here."))))
    claude = Claude(cast(Address, Address.of(model)))
    said = await claude.ask(FULL.model_copy(update={"model": model}))
    await claude.close()
    assert (said.text, said.dollars is not None) == ("Here.", True)
    assert server.asked[0].body["model"] == model.partition("/")[2]
    assert server.asked[0].body.get("anthropic_version") == version
    assert KEY not in server.asked[0].headers.values()


def test_models_behind_invokemodel_are_asked_in_the_version_that_they_know() -> None:
    old = sent(FULL.model_copy(update={"model": "bedrock/us.anthropic.claude-opus-4-6-v1"}))
    new = sent(FULL.model_copy(update={"model": "bedrock/anthropic.claude-opus-5-5"}))
    assert old["extra_body"] == {"anthropic_version": "bedrock-2023-05-31"}
    assert "extra_body" not in new
