"""Replies as they arrive: in one piece and as a stream, the same; what a script may hold comes in the API's blocks."""

import json
from pathlib import Path

from tests.strict.answers import Answer
from tests.strict.conftest import Serve
from tests.strict.minds import ScriptMind
from tests.strict.raw import TOOL, Json, assistant, body, joined, post, result, use, user
from tests.strict.service import Service

SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
WORDS = "Ein längerer Text, mit Zeichen wie ✓ und 漢字, der in mehreren Stücken kommt. " * 12
CONTENT: list[Json] = [
    {"type": "thinking", "thinking": "Erst überlegen. " * 9},
    {"type": "search", "query": "boosting", "urls": ["https://a.org/x", "https://b.org/y"]},
    {"type": "text", "text": WORDS},
    use("toolu_a", path="ü" * 300, deep={"numbers": [1, 2.5, None, True]}),
    use("toolu_b"),
]
SHOWN = {"thinking": {"type": "adaptive", "display": "summarized"}}


def asked(**more: object) -> Json:
    return body(tools=[TOOL, SEARCH], **(SHOWN | more))


def test_a_stream_says_what_a_whole_message_says(serve: Serve) -> None:
    whole = post(serve(Service(ScriptMind([CONTENT]))).url, asked()).json
    streamed = post(serve(Service(ScriptMind([CONTENT]))).url, asked(stream=True))
    assert streamed.headers["content-type"].startswith("text/event-stream")
    message = joined(streamed.events)
    for name in ("content", "stop_reason", "role", "type", "model", "usage"):
        assert message[name] == whole[name], name
    assert whole["stop_reason"] == "tool_use"
    assert whole["content"][-2]["input"] == CONTENT[3]["input"]


def test_the_order_of_events_and_the_pieces_of_blocks(serve: Serve) -> None:
    found = post(serve(Service(ScriptMind([CONTENT]))).url, asked(stream=True)).events
    kinds = [event["type"] for event in found]
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert found[0]["message"]["stop_reason"] is None
    deltas = [event["delta"]["type"] for event in found if event["type"] == "content_block_delta"]
    assert deltas[0] == "thinking_delta"
    assert {kind: deltas.count(kind) > 1 for kind in deltas} == {
        "thinking_delta": True,
        "signature_delta": False,
        "text_delta": True,
        "input_json_delta": True,
    }


def test_thinking_comes_without_its_text_by_default_and_not_at_all_where_it_is_off(serve: Serve) -> None:
    def first(**more: object) -> Json:
        return dict(post(serve(Service(ScriptMind([CONTENT]))).url, asked(**more)).json["content"][0])

    assert first()["thinking"] == CONTENT[0]["thinking"]
    hidden = first(thinking={"type": "adaptive"})
    assert (hidden["type"], hidden["thinking"], bool(hidden["signature"])) == ("thinking", "", True)
    assert first(thinking={"type": "disabled"}, model="claude-opus-5")["type"] == "server_tool_use"


def test_a_search_is_a_call_of_the_servers_and_its_results(serve: Serve) -> None:
    server = serve(Service(ScriptMind([CONTENT, [{"type": "text", "text": "Done."}]])))
    message = post(server.url, asked()).json
    [call, found] = message["content"][1:3]
    assert (call["type"], call["input"]) == ("server_tool_use", {"query": "boosting"})
    assert found["tool_use_id"] == call["id"]
    assert [one["url"] for one in found["content"]] == ["https://a.org/x", "https://b.org/y"]
    assert message["usage"]["server_tool_use"] == {"web_search_requests": 1}
    back = [user("What is there?"), assistant(*message["content"]), user(result("toolu_a"), result("toolu_b"))]
    assert post(server.url, body(*back, tools=[TOOL, SEARCH], **SHOWN)).json["stop_reason"] == "end_turn"
    found["content"][0]["encrypted_content"] += "x"
    assert "Invalid `encrypted_content`" in post(server.url, body(*back, tools=[TOOL, SEARCH], **SHOWN)).error
    del back[1]["content"][2]
    refused = post(server.url, body(*back, tools=[TOOL, SEARCH], **SHOWN)).error
    assert "without a corresponding `web_search_tool_result`" in refused


def test_a_paused_turn_is_taken_back_as_it_was_and_goes_on(serve: Serve) -> None:
    pause = Answer(({"type": "text", "text": "A moment."},), "pause_turn")
    server = serve(Service(ScriptMind([pause, [{"type": "text", "text": "Done."}]])))
    paused = post(server.url, body()).json
    assert paused["stop_reason"] == "pause_turn"
    again = [user("What is there?"), assistant(*paused["content"])]
    assert post(server.url, body(*again)).json["content"][0]["text"] == "Done."
    again[1]["content"][0]["text"] = "Two moments."
    assert "prefill" in post(server.url, body(*again)).error


def test_a_search_that_was_paused_has_its_results_once_the_turn_goes_on(serve: Serve) -> None:
    pause = Answer(({"type": "search", "query": "boosting", "paused": True},), "pause_turn")
    server = serve(Service(ScriptMind([pause, [use()], [{"type": "text", "text": "Done."}]])))
    [call] = post(server.url, asked()).json["content"]
    assert call["type"] == "server_tool_use"
    again = [user("What is there?"), assistant(call)]
    going_on = post(server.url, body(*again, tools=[TOOL, SEARCH])).json["content"]
    assert [block["type"] for block in going_on] == ["web_search_tool_result", "tool_use"]
    assert going_on[0]["tool_use_id"] == call["id"]
    again += [assistant(*going_on), user(result())]
    assert post(server.url, body(*again, tools=[TOOL, SEARCH])).json["stop_reason"] == "end_turn"


def test_every_request_is_in_the_log_with_what_became_of_it(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    server = serve(Service(ScriptMind([CONTENT]), log=log))
    post(server.url, asked(stream=True))
    post(server.url, asked(seed=1))
    post(server.url, asked(stream=True))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["status"], line["whole"], line["again"]) for line in lines] == [
        (200, True, False),
        (400, False, False),
        (200, True, True),
    ]
    assert lines[0]["usage"]["output_tokens"] > 100
    assert lines[1]["error"] == "seed: Extra inputs are not permitted"
    assert server.service.record.counters()["repeated"] == 1
