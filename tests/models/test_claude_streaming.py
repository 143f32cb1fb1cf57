"""What Claude streams becomes a reply, and goes back as it came."""

import copy
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from activities.models.base import Unavailable
from activities.models.claude.address import Address
from activities.models.claude.client import Claude
from activities.models.claude.streaming import Assembly
from activities.models.factory import model
from schemas.budget import Usage
from schemas.message import Message, Reply
from tests.models.wire import REQUEST, Answer, Event, Server, block, call, reply, sse, streamed, text

THINKING = block(
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "Rows depend "},
    {"type": "thinking_delta", "thinking": "on time."},
    {"type": "signature_delta", "signature": "EqQBCkYIBRgC+/=="},
)
SEARCH = block(
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}, "caller": {"type": "direct"}},
    {"type": "input_json_delta", "partial_json": '{"query": '},
    {"type": "input_json_delta", "partial_json": '"gradient boosting"}'},
)
FOUND: Event = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {
            "type": "web_search_result",
            "url": "https://example.org/a",
            "title": "A",
            "encrypted_content": "Eqgf==",
            "page_age": None,
        }
    ],
}
CITATION: Event = {
    "type": "web_search_result_location",
    "cited_text": "It wins.",
    "url": "https://example.org/a",
    "title": None,
    "encrypted_index": "Eo8B",
}
CITED = block(
    {"type": "text", "text": "", "citations": []},
    {"type": "text_delta", "text": "It wins."},
    {"type": "citations_delta", "citation": CITATION},
)
FUTURE: Event = {"type": "hologram", "shape": {"z": [1, 2.5, None]}, "note": "é\u2028"}


async def test_every_kind_of_block_is_kept_and_sent_back_unchanged(server: Server, claude: Claude) -> None:
    redacted: Event = {"type": "redacted_thinking", "data": "EmwKAhgBEg"}
    events = [
        THINKING,
        block(redacted),
        SEARCH,
        block(FOUND),
        CITED,
        block(FUTURE),
        call("read_file", '{"b":1,', '"a":2}'),
    ]
    server.will(streamed(reply(*events, reason="tool_use")))
    said = await claude.ask(REQUEST)
    expected: list[Event] = [
        {"type": "thinking", "thinking": "Rows depend on time.", "signature": "EqQBCkYIBRgC+/=="},
        redacted,
        {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "web_search",
            "input": {"query": "gradient boosting"},
            "caller": {"type": "direct"},
        },
        FOUND,
        {"type": "text", "text": "It wins.", "citations": [CITATION]},
        FUTURE,
        {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"b": 1, "a": 2}},
    ]
    assert [one.model_dump() for one in said.content] == expected

    journaled = Reply.model_validate_json(said.model_dump_json())
    answered = (*REQUEST.messages, Message(role="assistant", content=journaled.content), REQUEST.messages[0])
    await claude.ask(REQUEST.model_copy(update={"messages": answered}))
    sent = server.asked[1].body["messages"][1]["content"]
    assert [json.dumps(one, sort_keys=True) for one in sent] == [json.dumps(one, sort_keys=True) for one in expected]
    assert list(sent[-1]["input"]) == ["b", "a"]  # in the order in which Claude wrote them


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("pause_turn", "pause_turn"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_window"),
        ("a_reason_of_the_future", "end_turn"),
    ],
)
async def test_every_stop_reason_is_understood(server: Server, claude: Claude, given: str, meant: str) -> None:
    server.will(streamed(reply(text("so far"), reason=given)))
    said = await claude.ask(REQUEST)
    assert (said.stop_reason, said.text) == (meant, "so far")


async def test_an_unknown_reason_beside_a_call_means_that_the_call_is_to_be_made(
    server: Server, claude: Claude
) -> None:
    server.will(streamed(reply(call("train", "{}"), reason="a_reason_of_the_future")))
    assert (await claude.ask(REQUEST)).stop_reason == "tool_use"


@pytest.mark.parametrize(
    ("details", "explanation"),
    [
        (
            {"type": "refusal", "category": "bio", "explanation": "It may help to make a toxin."},
            "It may help to make a toxin.",
        ),
        ({"type": "refusal", "category": "frontier_llm", "explanation": None}, "frontier_llm"),
        (None, ""),
    ],
)
async def test_a_refusal_says_why(server: Server, claude: Claude, details: Event | None, explanation: str) -> None:
    server.will(streamed(reply(reason="refusal", stop_details=details)))
    said = await claude.ask(REQUEST)
    assert (said.explanation, said.content) == (explanation, ())


@pytest.mark.parametrize(
    "written",
    ['{"minutes": ', "[1, 2]", '"ten"', "null", '{"a": NaN}', '{"a": "\\ud800"}', "{'a': 1}", "[" * 100_000],
)
async def test_arguments_that_are_no_object_are_kept_as_they_were_written(
    server: Server, claude: Claude, written: str
) -> None:
    good = call("train", '{"minutes": 5}', id="toolu_2")
    server.will(streamed(reply(call("train", written), good, reason="tool_use")))
    said = await claude.ask(REQUEST)
    assert [use.input for use in said.tool_uses] == [{}, {"minutes": 5}]
    assert said.unparsed == {"toolu_1": written}


async def test_a_call_without_arguments_has_none(server: Server, claude: Claude) -> None:
    server.will(streamed(reply(call("inspect_environment"), call("check", "", id="toolu_2"), reason="tool_use")))
    said = await claude.ask(REQUEST)
    assert [use.input for use in said.tool_uses] == [{}, {}]
    assert said.unparsed == {}


async def test_tokens_are_counted_by_kind_and_priced_by_the_model_that_served(server: Server, claude: Claude) -> None:
    server.will(streamed(reply(text("Done."), model="claude-opus-5-5-20261001")))
    said = await claude.ask(REQUEST)
    assert said.model == "claude-opus-5-5-20261001"
    assert said.usage == Usage(
        input_tokens=11,
        output_tokens=55,
        cache_write_5m_tokens=10,
        cache_write_1h_tokens=20,
        cache_read_tokens=400,
    )
    assert said.dollars == pytest.approx((11 * 4 + 10 * 5 + 20 * 8 + 400 * 0.4 + 55 * 20) / 1_000_000)


async def test_counts_at_the_end_of_a_stream_replace_those_at_its_start(server: Server, claude: Claude) -> None:
    events = reply(SEARCH, block(FOUND), text("Found."))
    events[-2]["usage"] = {
        "input_tokens": 900,
        "cache_creation_input_tokens": 70,
        "cache_read_input_tokens": None,
        "output_tokens": 77,
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }
    server.will(streamed(events))
    said = await claude.ask(REQUEST.model_copy(update={"web_searches": 3, "cache": "1h"}))
    assert said.usage == Usage(
        input_tokens=900,
        output_tokens=77,
        cache_write_5m_tokens=10,
        cache_write_1h_tokens=60,  # what no lifetime is named for has the one that was asked for
        cache_read_tokens=400,
        web_searches=2,
    )


async def test_events_and_deltas_of_the_future_are_passed_over(server: Server, claude: Claude) -> None:
    odd = block(
        {"type": "text", "text": "A"}, {"type": "sparkle_delta", "sparkle": 1}, {"type": "text_delta", "text": "B"}
    )
    events = reply(odd)
    events.insert(2, {"type": "weather", "sunny": True})
    server.will(streamed(events))
    assert (await claude.ask(REQUEST)).text == "AB"


async def test_a_model_without_a_price_has_unknown_cost(server: Server) -> None:
    address = Address.of("server/qwen3")
    assert address is not None
    local = Claude(address)
    server.will(streamed(reply(text("Hi."), model="qwen3")))
    said = await local.ask(REQUEST.model_copy(update={"model": "server/qwen3"}))
    await local.close()
    assert said.dollars is None
    assert said.usage.output_tokens == 55


async def test_a_price_of_ones_own_for_a_platform_holds_for_what_it_serves(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    (tmp_path / "prices.json").write_text('{"models": {"server/claude-opus-5-5": {"input": 0, "output": 1}}}')
    gateway = model("server/claude-opus-5-5")
    server.will(streamed(reply(text("Hi."))), streamed(reply(text("Hi."), model="claude-haiku-5-5")))
    asked = REQUEST.model_copy(update={"model": "server/claude-opus-5-5"})
    assert (await gateway.ask(asked)).dollars == pytest.approx(55 / 1e6)
    fallen_back = (11 + 10 * 1.25 + 20 * 2 + 400 * 0.1) * 0.1 + 55 * 0.5
    assert (await gateway.ask(asked)).dollars == pytest.approx(fallen_back / 1e6)
    assert isinstance(gateway, Claude)
    await gateway.close()


WHOLE = reply(THINKING, text("Let me see."), call("train", '{"minutes":', " 5}"), reason="tool_use")


@pytest.mark.parametrize("place", range(len(WHOLE)))
async def test_a_stream_that_is_cut_before_its_end_is_no_reply(server: Server, claude: Claude, place: int) -> None:
    server.will(streamed(WHOLE[:place], cut=True), streamed(WHOLE))
    with pytest.raises(Unavailable) as raised:
        await claude.ask(REQUEST)
    assert raised.value.usage.cache_read_tokens == (400 if place > 0 else 0)
    assert (await claude.ask(REQUEST)).stop_reason == "tool_use"  # and the next try is a whole one


async def test_what_came_of_a_stream_that_was_cut_counts_as_paid_for(server: Server, claude: Claude) -> None:
    events = reply(text("word " * 600))
    server.will(streamed(events[:-2], cut=True))  # the count that comes at the end is missing
    with pytest.raises(Unavailable) as raised:
        await claude.ask(REQUEST)
    assert 600 <= raised.value.usage.output_tokens <= 1_500


@pytest.mark.parametrize("place", [0, 1, 5, len(WHOLE) - 1])
async def test_a_stream_that_ends_early_but_cleanly_is_no_reply(server: Server, claude: Claude, place: int) -> None:
    server.will(streamed(WHOLE[:place]))
    with pytest.raises(Unavailable, match="ended before the reply did"):
        await claude.ask(REQUEST)


async def test_a_stream_that_is_cut_within_an_event_is_no_reply(server: Server, claude: Claude) -> None:
    half = sse(WHOLE[-3])[:40]
    server.will(Answer([*map(sse, WHOLE[:-3]), half], cut=True))
    with pytest.raises(Unavailable):
        await claude.ask(REQUEST)


@pytest.mark.parametrize("how", [{"cut": True}, {"hang": True}])
async def test_what_comes_after_the_end_of_a_reply_cannot_lose_it(
    server: Server, claude: Claude, how: dict[str, Any]
) -> None:
    server.will(streamed(WHOLE, **how))
    assert (await claude.ask(REQUEST)).stop_reason == "tool_use"


@pytest.mark.parametrize("place", [0, 1, 6])
async def test_a_connection_that_goes_silent_is_given_up(server: Server, claude: Claude, place: int) -> None:
    server.will(streamed(WHOLE[:place], hang=True))
    with pytest.raises(Unavailable, match=r"silent|in time"):
        await claude.ask(REQUEST)


@pytest.mark.parametrize(
    "body",
    [
        b"event: message_start\ndata: {not json\n\n",
        b"event: message_start\ndata: [1]\n\n",
        b'event: message_start\ndata: {"type": "message_start"}\n\n',
        sse({"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "of no block"}}),
        b"event: message_start\ndata: \xff\xfe\n\n",
        b"<html>a proxy's idea of an answer</html>",
        sse(WHOLE[0]) + sse({"type": "message_stop"}),
        sse(WHOLE[0])
        + b'event: x\ndata: {"type": "content_block_start", "index": 0, "content_block": {"text": "a"}}\n\n'
        + sse(WHOLE[-2])
        + sse(WHOLE[-1]),
    ],
)
async def test_a_reply_that_does_not_parse_can_be_asked_for_again(server: Server, claude: Claude, body: bytes) -> None:
    server.will(Answer([body]), streamed(WHOLE))
    with pytest.raises(Unavailable):
        await claude.ask(REQUEST)
    assert (await claude.ask(REQUEST)).tool_uses[0].input == {"minutes": 5}


@pytest.mark.parametrize("seed", range(300))
def test_whatever_a_stream_holds_it_is_a_reply_or_malformed(seed: int) -> None:
    """A gateway's idea of the API must not become an error that nobody asks again after."""
    chance = random.Random(seed)
    events = copy.deepcopy(reply(THINKING, SEARCH, block(FOUND), CITED, call("train", '{"a": 1}'), reason="tool_use"))
    for _ in range(chance.randrange(1, 4)):
        _spoil(chance.choice(events), chance)
    assembly = Assembly("5m")
    with suppress(ValueError):
        for event in events:
            assembly.take(event)
        assert Reply.model_validate_json(assembly.reply().model_dump_json()) == assembly.reply()
    assert assembly.usage.tokens >= 0


def _spoil(value: Event, chance: random.Random) -> None:
    """Drops or replaces something in it, at some depth."""
    key = chance.choice(list(value))
    if isinstance(value[key], dict) and value[key] and chance.random() < 0.7:
        _spoil(value[key], chance)
    elif chance.random() < 0.5:
        del value[key]
    else:
        value[key] = chance.choice([None, 7, -1, "x", [], {}, [1], {"type": "text"}, True, 1.5, "\ud800"])


async def test_calls_one_after_another_share_a_connection(server: Server, claude: Claude) -> None:
    server.will(streamed(WHOLE))
    for _ in range(3):
        await claude.ask(REQUEST)
    assert server.connections == 1
