"""Faults: when they come, and what a client sees of each."""

import http.client
import json
import time
from typing import Any

import pytest

from tests.strict.conftest import Serve
from tests.strict.faults import Plan
from tests.strict.minds import ScriptMind
from tests.strict.raw import TOOL, Json, assistant, body, joined, post, result, use, user
from tests.strict.server import StrictServer
from tests.strict.service import Service

CONTENT: list[Json] = [{"type": "text", "text": "I look, for " + "long " * 40}, use("toolu_1", path="a" * 100)]
ASKED = body(tools=[TOOL], stream=True)


def fired(words: str, calls: int = 12) -> list[str]:
    plan = Plan.of(words)
    return [str(plan.next() or "") for _ in range(calls)]


def test_at_chosen_requests() -> None:
    assert [n for n, kind in enumerate(fired("overloaded@2,7"), 1) if kind] == [2, 7]
    assert [n for n, kind in enumerate(fired("overloaded@10-"), 1) if kind] == [10, 11, 12]


def test_at_every_nth_each_kind_in_its_turn() -> None:
    assert fired("overloaded|rate_limit:2/3") == ["", "", "overloaded", "", "", "rate_limit:2"] * 2


def test_by_chance_and_the_same_for_the_same_seed() -> None:
    found = fired("internal~0.5:1", 200)
    assert found == fired("internal~0.5:1", 200)
    assert found != fired("internal~0.5:2", 200)
    assert 60 < sum(map(bool, found)) < 140


def test_the_first_rule_that_fits() -> None:
    assert fired("overloaded@1 internal*", 2) == ["overloaded", "internal"]


@pytest.mark.parametrize("words", ["earthquake*", "overloaded", "overloaded@"])
def test_a_plan_that_says_nothing_is_an_error(words: str) -> None:
    if words.endswith("@"):
        assert fired(words) == [""] * 12
    else:
        with pytest.raises(ValueError, match="no "):
            Plan.of(words)


@pytest.fixture
def server(serve: Serve) -> StrictServer:
    return serve(Service(ScriptMind([CONTENT, [{"type": "text", "text": "Done."}]])))


def spoilt(server: StrictServer, fault: str, **more: Any) -> Any:
    post(server.url, {"faults": f"{fault}@1"}, path="/strict/faults")
    return post(server.url, ASKED | more)


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("rate_limit", 429, "rate_limit_error"),
        ("overloaded", 529, "overloaded_error"),
        ("internal", 500, "api_error"),
        ("bad_key", 401, "authentication_error"),
        ("forbidden", 403, "permission_error"),
        ("no_credit", 400, "invalid_request_error"),
        ("unknown_model", 404, "not_found_error"),
    ],
)
def test_errors_in_place_of_a_reply(server: StrictServer, fault: str, status: int, kind: str) -> None:
    answered = spoilt(server, fault)
    assert (answered.status, answered.json["error"]["type"]) == (status, kind)
    assert "retry-after" not in answered.headers
    assert post(server.url, ASKED).status == 200, "and then it is over"
    assert server.service.record.counters()["repeated"] == 0


def test_a_limit_may_say_when_to_come_back(server: StrictServer) -> None:
    assert spoilt(server, "rate_limit:7").headers["retry-after"] == "7"


def test_a_gateway_answers_in_html(server: StrictServer) -> None:
    answered = spoilt(server, "bad_gateway")
    assert (answered.status, answered.headers["content-type"]) == (502, "text/html")


def test_a_connection_is_cut_before_headers(server: StrictServer) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        spoilt(server, "cut")


def test_a_connection_is_cut_within_a_stream(server: StrictServer) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        spoilt(server, "cut_at:4")
    assert caught.value.partial.count(b"event: ") == 4


def test_an_error_comes_within_a_stream(server: StrictServer) -> None:
    events = spoilt(server, "stream_error:3").events
    assert [event["type"] for event in events][2:] == ["ping", "error"]
    assert events[-1]["error"] == {"type": "overloaded_error", "message": "Overloaded"}


def test_a_reply_does_not_parse(server: StrictServer) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Extra"):
        _ = spoilt(server, "garbage").events
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        _ = spoilt(server, "garbage", stream=False).json


@pytest.mark.parametrize("fault", ["hang", "hang_at:3"])
def test_silence_until_the_client_gives_up(server: StrictServer, fault: str) -> None:
    post(server.url, {"faults": f"{fault}@1"}, path="/strict/faults")
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=0.3)
    headers = {"x-api-key": "a", "anthropic-version": "2023-06-01", "content-type": "application/json"}
    connection.request("POST", "/v1/messages", json.dumps(ASKED), headers)
    with pytest.raises(TimeoutError):
        connection.getresponse().read()
    connection.close()
    assert post(server.url, ASKED).status == 200
    assert server.service.record.counters()["repeated"] == 0


def test_arguments_break_off(server: StrictServer) -> None:
    events = spoilt(server, "broken_json").events
    raw = "".join(event["delta"].get("partial_json", "") for event in events if "delta" in event)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(raw)
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("fault", "name", "given"),
    [("unknown_tool", "no_such_tool", {"path": "a" * 100}), ("wrong_arguments", "look", {"nobody_knows_this": True})],
)
def test_a_call_is_wrong(server: StrictServer, fault: str, name: str, given: Json) -> None:
    call = joined(spoilt(server, fault).events)["content"][-1]
    assert (call["name"], call["input"]) == (name, given)
    assert call["id"] != "toolu_1"


def test_a_reply_ends_within_a_call(server: StrictServer) -> None:
    events = spoilt(server, "max_tokens").events
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    assert any(event.get("content_block", {}).get("type") == "tool_use" for event in events)


@pytest.mark.parametrize(
    ("fault", "reason"), [("context_window", "model_context_window_exceeded"), ("pause_turn", "pause_turn")]
)
def test_a_reply_ends_early(server: StrictServer, fault: str, reason: str) -> None:
    message = joined(spoilt(server, fault).events)
    assert (message["stop_reason"], message["content"][-1]["type"]) == (reason, "text")


def test_a_refusal_says_why(server: StrictServer) -> None:
    message = joined(spoilt(server, "refusal").events)
    assert (message["stop_reason"], message["content"]) == ("refusal", [])
    assert message["stop_details"]["explanation"]


def test_a_reply_that_came_whole_must_not_be_asked_for_again(server: StrictServer) -> None:
    post(server.url, ASKED)
    post(server.url, ASKED | {"max_tokens": 999})
    assert server.service.record.counters()["repeated"] == 1, "in other settings, the same answer"


def test_a_reply_that_was_cut_off_may_be_asked_for_with_more_room(server: StrictServer) -> None:
    spoilt(server, "max_tokens")
    post(server.url, ASKED | {"max_tokens": 2000})
    assert server.service.record.counters()["repeated"] == 0


def test_a_client_that_leaves_early_has_no_whole_reply(serve: Serve) -> None:
    long = [{"type": "text", "text": "word " * 800_000}]
    server = serve(Service(ScriptMind([long])))
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
    headers = {"x-api-key": "a", "anthropic-version": "2023-06-01", "content-type": "application/json"}
    connection.request("POST", "/v1/messages", json.dumps(ASKED), headers)
    reply = connection.getresponse()
    reply.read(100)
    reply.close()
    connection.close()
    first, until = server.service.record.asked[0], time.monotonic() + 20
    while not first.ended and time.monotonic() < until:
        time.sleep(0.01)
    assert (first.ended, first.whole) == (True, False)
    server.service.set_faults("overloaded*")
    assert post(server.url, ASKED).status == 529, "it is asked again"
    assert server.service.record.counters()["repeated"] == 0


def test_spoilt_calls_are_part_of_the_conversation(server: StrictServer) -> None:
    call = joined(spoilt(server, "unknown_tool").events)["content"]
    answered = post(server.url, body(user("What is there?"), assistant(*call), user("?"), tools=[TOOL]))
    assert "without `tool_result` blocks" in answered.error
    told = user(result(call[-1]["id"], "There is no such tool."))
    assert post(server.url, body(user("What is there?"), assistant(*call), told, tools=[TOOL])).status == 200
