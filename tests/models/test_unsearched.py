"""A conversation with searches of the web goes on with a model that cannot search: they are told in words."""

from typing import Any

import pytest

from activities.models.claude.address import Address
from activities.models.claude.request import wire
from schemas.message import Message, ModelRequest

ELSEWHERE = ("bedrock/anthropic.claude-opus-5-5", "server/qwen3")
FOUND = {"type": "web_search_result", "url": "https://a.example/1", "title": "Folds", "encrypted_content": "x"}
CITATION = {"type": "web_search_result_location", "url": "https://a.example/1", "encrypted_index": "x"}


def search(name: str, query: str) -> dict[str, Any]:
    return {"type": "server_tool_use", "id": name, "name": "web_search", "input": {"query": query}}


def found(name: str, content: object) -> dict[str, Any]:
    return {"type": "web_search_tool_result", "tool_use_id": name, "content": content}


def message(role: str, *blocks: dict[str, Any]) -> Message:
    return Message.model_validate({"role": role, "content": blocks})


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "s"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "check", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "fine", "is_error": False}
BEGIN = message("user", text("Design."))
TALK = (
    BEGIN,
    message("assistant", THOUGHT, search("s1", "folds"), found("s1", [FOUND]), text("So.", citations=[CITATION]), USE),
    message("user", RESULT),
)


def sent(model: str, *messages: Message, web_searches: int = 4) -> list[dict[str, Any]]:
    """Without marks for the cache."""
    address = Address.of(model)
    assert address is not None
    request = ModelRequest(model=model, system="", messages=messages, web_searches=web_searches)
    return [
        {**one, "content": [{key: block[key] for key in block if key != "cache_control"} for block in one["content"]]}
        for one in wire(request, address)["messages"]
    ]


@pytest.mark.parametrize("model", ELSEWHERE)
def test_what_was_found_is_told_by_titles_and_addresses(model: str) -> None:
    said = sent(model, *TALK)[1]["content"]
    assert said == [
        text("[searched the web for: folds]"),
        text("[the search found:\nFolds: https://a.example/1]"),
        text("So."),
        USE,
    ]


@pytest.mark.parametrize("model", ELSEWHERE)
def test_calls_of_tools_keep_their_results(model: str) -> None:
    assert sent(model, *TALK)[2] == {"role": "user", "content": [RESULT]}


@pytest.mark.parametrize(
    ("content", "words"),
    [([], "[the search found nothing]"), ({"error_code": "unavailable"}, "[the search failed]")],
)
def test_a_search_that_came_to_nothing_says_so(content: object, words: str) -> None:
    talk = (BEGIN, message("assistant", search("s1", "folds"), found("s1", content)), message("user", text("Go on.")))
    assert sent(ELSEWHERE[0], *talk)[1]["content"][1] == text(words)


def test_a_turn_that_was_paused_within_a_search_is_answered() -> None:
    """A last message of the assistant's would be taken for the beginning of the reply, which new models refuse."""
    messages = sent(ELSEWHERE[0], BEGIN, message("assistant", search("s1", "folds")))
    assert [one["role"] for one in messages] == ["user", "assistant", "user"]
    assert messages[-1]["content"] == [text("The web cannot be searched any more: go on without.")]


def test_a_message_of_thought_alone_is_left_out() -> None:
    assert sent(ELSEWHERE[0], BEGIN, message("assistant", THOUGHT)) == sent(ELSEWHERE[0], BEGIN)


@pytest.mark.parametrize("model", ["claude-opus-5-5", "vertex/claude-opus-5-5"])
def test_where_the_web_can_be_searched_blocks_go_back_as_they_came(model: str) -> None:
    assert sent(model, *TALK) == [one.model_dump(mode="json") for one in TALK]


def test_without_searches_in_the_conversation_a_models_own_thinking_stays() -> None:
    """As with a model that never had them: nothing was asked for that it lacks."""
    talk = (BEGIN, message("assistant", THOUGHT, USE), message("user", RESULT))
    assert sent(ELSEWHERE[0], *talk, web_searches=0) == [one.model_dump(mode="json") for one in talk]
