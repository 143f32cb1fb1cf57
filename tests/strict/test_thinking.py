"""Thinking is bound to the conversation that it was part of: what may come back, and what is refused."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.strict.conftest import Serve
from tests.strict.minds import ScriptMind
from tests.strict.raw import TOOL, Json, assistant, body, post, result, use, user
from tests.strict.service import Service

ELSEWHERE = "The block is bound to a different conversation"
FIRST, SECOND, THIRD = 1, 3, 5  # messages of the assistant's


def turn(body: Json) -> list[Json]:
    heard = sum(message["role"] == "assistant" for message in body["messages"])
    return [{"type": "thinking", "thinking": f"Thought {heard}."}, use(f"toolu_{heard}", number=heard)]


class Talk:
    """A conversation of three calls, each thought about, and a place to change it."""

    def __init__(self, url: str, **more: Any) -> None:
        self.url = url
        shown = {"thinking": {"type": "adaptive", "display": "summarized"}}
        self.more = {"system": "Be brief.", "tools": [TOOL]} | shown | more
        self.messages = [user("What is there?")]
        for number in range(3):
            content = self.ask().json["content"]
            self.messages += [assistant(*content), user(result(f"toolu_{number}", f"Result {number}."))]

    def ask(self, **more: Any) -> Any:
        return post(self.url, body(*self.messages, **(self.more | more)))

    def refused(self, **more: Any) -> str:
        answered = self.ask(**more)
        assert answered.status == 400, answered.body
        return str(answered.error)

    def drop(self, *places: int) -> None:
        """The thinking of these messages."""
        for place in places:
            del self.messages[place]["content"][0]


@pytest.fixture
def url(serve: Serve) -> str:
    return serve(Service(ScriptMind(turn))).url


def test_a_conversation_that_only_grows_is_taken(url: str) -> None:
    assert Talk(url).ask().status == 200


def test_marks_for_the_cache_and_settings_of_the_call_are_no_change(url: str) -> None:
    talk = Talk(url)
    talk.messages[0]["content"][0]["cache_control"] = {"type": "ephemeral"}
    assert talk.ask(output_config={"effort": "max"}, max_tokens=17).status == 200


def _noted(talk: Talk) -> Json:
    talk.messages.insert(0, user("A note."))
    return {}


CHANGES: dict[str, Callable[[Talk], Json]] = {
    "the system prompt": lambda talk: {"system": "Be brief!"},
    "the tools": lambda talk: {"tools": [TOOL | {"description": "Looks around."}]},
    "the first message": lambda talk: talk.messages[0]["content"][0].update(text="What is here?") or {},
    "a message more": _noted,
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_before_thinking_is_refused(url: str, what: str) -> None:
    talk = Talk(url)
    words = talk.refused(**CHANGES[what](talk))
    assert words.startswith(f"messages.{2 if what == 'a message more' else 1}.content.0: Invalid `signature`")
    assert ELSEWHERE in words


def test_a_change_between_is_refused_for_what_comes_after_it(url: str) -> None:
    talk = Talk(url)
    talk.messages[2]["content"][0]["content"] = "Cleared."
    assert talk.refused().startswith(f"messages.{SECOND}.content.0")
    talk.drop(SECOND, THIRD)
    assert talk.ask().status == 200, "what came before the change stays, what came after it is left out"
    talk.messages += [assistant(*talk.ask().json["content"]), user(result("toolu_3"))]
    assert talk.ask().status == 200, "new thinking builds on what was left"


def test_all_thinking_up_to_a_point_may_be_left_out(url: str) -> None:
    for places in ([FIRST], [FIRST, SECOND], [FIRST, SECOND, THIRD]):
        talk = Talk(url)
        talk.drop(*places)
        assert talk.ask().status == 200, places


@pytest.mark.parametrize("places", [[SECOND], [FIRST, THIRD]], ids=["from between", "around"])
def test_thinking_is_not_left_out_from_between(url: str, places: list[int]) -> None:
    talk = Talk(url)
    talk.drop(*places)
    if places == [SECOND]:
        assert ELSEWHERE in talk.refused()
    else:
        assert talk.ask().status == 200, "the newest may go too"


def test_thinking_is_not_moved(url: str) -> None:
    talk = Talk(url)
    first, second = talk.messages[FIRST]["content"], talk.messages[SECOND]["content"]
    first[0], second[0] = second[0], first[0]
    assert ELSEWHERE in talk.refused()


def test_thinking_is_not_altered(url: str) -> None:
    for place, words in ((FIRST, "Invalid `signature` in `thinking` block"), (THIRD, "cannot be modified")):
        talk = Talk(url)
        talk.messages[place]["content"][0]["thinking"] += " And more."
        assert talk.refused().startswith(f"messages.{place}.content.0: ")
        assert words in talk.refused()
        assert ELSEWHERE not in talk.refused()


def test_a_signature_is_not_made_up(url: str) -> None:
    talk = Talk(url)
    talk.messages[FIRST]["content"][0]["signature"] = "EqQBCgIYAhIM"
    assert "Invalid `signature`" in talk.refused()


def test_another_models_thinking_is_dropped_and_counted(serve: Serve) -> None:
    server = serve(Service(ScriptMind(turn)))
    talk = Talk(server.url)
    assert talk.ask(model="claude-opus-5").status == 200
    assert server.service.record.counters()["dropped_thinking"] == 3


def test_models_before_keep_only_the_block_itself_safe(url: str) -> None:
    talk = Talk(url, model="claude-opus-5")
    talk.messages[0]["content"][0]["text"] = "What is here?"
    assert talk.ask().status == 200
    talk.messages[FIRST]["content"][0]["thinking"] += "!"
    assert "Invalid `signature`" in talk.refused()


def test_redacted_thinking_comes_back_as_it_was(serve: Serve) -> None:
    hidden = [{"type": "redacted_thinking"}, use()]
    server = serve(Service(ScriptMind([hidden, [{"type": "text", "text": "Done."}]])))
    content = post(server.url, body(tools=[TOOL])).json["content"]
    messages = [user("What is there?"), assistant(*content), user(result())]
    assert post(server.url, body(*messages, tools=[TOOL])).status == 200
    changed = deepcopy(messages)
    changed[1]["content"][0]["data"] += "x"
    assert post(server.url, body(*changed, tools=[TOOL])).status == 400


def test_with_a_budget_a_turn_that_goes_on_begins_with_its_thinking(serve: Serve) -> None:
    server = serve(Service(ScriptMind(turn)))
    budget = {"type": "enabled", "budget_tokens": 1024}
    talk = Talk(server.url, model="claude-haiku-4-5", thinking=budget, max_tokens=4000)
    assert talk.ask().status == 200
    talk.drop(THIRD)
    assert "Expected `thinking` or `redacted_thinking`, but found `tool_use`" in talk.refused()
