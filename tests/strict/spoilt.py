"""Replies that arrive whole and yet are of no use as they are: what faults make of a good answer."""

import json
from collections.abc import Callable, Mapping

from tests.strict.answers import Answer
from tests.strict.prompt import Json, digest, listed

SPOILT = "toolu_spoilt_"  # how the ids of calls begin that a fault had spoilt

Spoil = Callable[[Answer, Json], Answer]


def _call(given: Answer, body: Json, **changes: object) -> Answer:
    """The answer up to its first call of a tool, which is changed. Without any call, the answer itself."""
    place = next((n for n, block in enumerate(given.content) if block["type"] == "tool_use"), None)
    if place is None:
        return given
    block = given.content[place]
    named = {**block, "id": f"{SPOILT}{digest(block['id'], len(body['messages']))[:24]}", **changes}
    return Answer((*given.content[:place], named), given.stop)


def _first_half(given: Answer) -> str:
    arguments: Json = next((block["input"] for block in given.content if block["type"] == "tool_use"), {})
    whole = json.dumps(arguments, ensure_ascii=False)
    return whole[: max(1, len(whole) // 2)]


def broken_json(given: Answer, body: Json) -> Answer:
    return _call(given, body, raw=_first_half(given))


def unknown_tool(given: Answer, body: Json) -> Answer:
    return _call(given, body, name="no_such_tool")


def wrong_arguments(given: Answer, body: Json) -> Answer:
    return _call(given, body, input={"nobody_knows_this": True})


def max_tokens(given: Answer, body: Json) -> Answer:
    """Cut off within the arguments of a call, or within the text where there is none."""
    if given.stop == "tool_use":
        return Answer(_call(given, body, raw=_first_half(given)).content, "max_tokens")
    return _half(given, "max_tokens")


def context_window(given: Answer, _: Json) -> Answer:
    return _half(given, "model_context_window_exceeded")


def _half(given: Answer, stop: str) -> Answer:
    words = " ".join(block["text"] for block in given.content if block["type"] == "text") or "It is so that"
    cut = ({"type": "text", "text": words[: len(words) // 2 + 1].rstrip() or words},)
    return Answer(cut, "max_tokens" if stop == "max_tokens" else "model_context_window_exceeded")


def refusal(_: Answer, __: Json) -> Answer:
    words = "This request was declined by a safety classifier."
    return Answer((), "refusal", {"type": "refusal", "category": "general_harms", "explanation": words})


def pause_turn(given: Answer, body: Json) -> Answer:
    """Within a search, where the web may be searched."""
    thoughts = tuple(block for block in given.content if block["type"] == "thinking")
    web = any(str(tool.get("type")).startswith("web_search_") for tool in body.get("tools") or ())
    search = ({"type": "search", "query": "a long one", "paused": True},) if web else ()
    return Answer((*thoughts, {"type": "text", "text": "This takes a while."}, *search), "pause_turn")


SPOILS: Mapping[str, Spoil] = {
    "broken_json": broken_json,
    "unknown_tool": unknown_tool,
    "wrong_arguments": wrong_arguments,
    "max_tokens": max_tokens,
    "context_window": context_window,
    "refusal": refusal,
    "pause_turn": pause_turn,
}


def unspoilt(messages: list[Json]) -> list[Json]:
    """The conversation without spoilt calls and what was answered to them."""
    kept: list[Json] = []
    for message in messages:
        blocks = [block for block in listed(message["content"]) if not _spoilt(block)]
        spoilt = len(blocks) < len(listed(message["content"]))
        if blocks and not (spoilt and message["role"] == "assistant"):
            kept.append({**message, "content": blocks})
    return kept


def _spoilt(block: Json) -> bool:
    return str(block.get("id", block.get("tool_use_id", ""))).startswith(SPOILT)
