"""What a mind answers, and how it becomes the blocks of a reply: signed, with searches made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tests.strict.prompt import THOUGHTS, Json, Prompt, canonical, digest, listed
from tests.strict.refusals import invalid
from tests.strict.thinking import Signer, Trail

Stop = Literal["end_turn", "tool_use", "max_tokens", "pause_turn", "refusal", "model_context_window_exceeded"]


@dataclass(frozen=True)
class Answer:
    """Blocks as the API has them, but that `thinking` needs no signature and that {"type": "search", "query", "urls"}
    stands for a search of the web.

    A call of a tool with `raw` has these characters for its arguments, whatever its `input` is.
    """

    content: tuple[Json, ...]
    stop: Stop = "end_turn"
    details: Json | None = None


def answer(content: Sequence[Json]) -> Answer:
    """That ends its turn, or waits for its tools' results."""
    calls = any(block["type"] == "tool_use" for block in content)
    return Answer(tuple(content), "tool_use" if calls else "end_turn")


def finished(given: Answer, body: Json, trail: Trail, signer: Signer, *, shown: bool) -> Answer:
    """The answer as it goes out."""
    content: list[Json] = []
    for block in [*_resumed(body, signer), *_searched(given.content, body, signer)]:
        made = _signed(block, trail, signer, shown=shown) if block["type"] in THOUGHTS else block
        trail.say("assistant", made)
        content.append(made)
    return replace(given, content=tuple(content))


def _signed(block: Json, trail: Trail, signer: Signer, *, shown: bool) -> Json:
    text = str(block.get("thinking", "")) if shown and block["type"] == "thinking" else ""
    signature = signer.sign(text, trail)
    trail.think(signature)
    if block["type"] == "redacted_thinking":
        return {"type": "redacted_thinking", "data": signature}
    return {"type": "thinking", "thinking": text, "signature": signature}


def _searched(content: Sequence[Json], body: Json, signer: Signer) -> list[Json]:
    made: list[Json] = []
    for number, block in enumerate(content):
        made += _search(number, block, body, signer) if block["type"] == "search" else [block]
    return made


def _resumed(body: Json, signer: Signer) -> list[Json]:
    """What the search found within which the turn was paused that the request ends in."""
    last = listed(body["messages"][-1]["content"])[-1]
    if last["type"] != "server_tool_use":
        return []
    return [_found(last, [_result("https://example.org/paused", signer)])]


def _search(number: int, block: Json, body: Json, signer: Signer) -> list[Json]:
    tool = next((one for one in body.get("tools") or () if str(one.get("type")).startswith("web_search_")), None)
    if tool is None:
        raise invalid("the script searches the web, and the request declares no such tool")
    name = f"srvtoolu_{digest(body['messages'], number)[:24]}"
    use = {"type": "server_tool_use", "id": name, "name": "web_search", "input": {"query": block["query"]}}
    if not block.get("urls") and block.get("paused"):
        return [use]
    found: Json | list[Json] = [_result(url, signer) for url in block.get("urls", ())]
    if tool.get("max_uses") is not None and number >= tool["max_uses"]:
        found = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    return [use, _found(use, found)]


def _found(use: Json, content: Json | list[Json]) -> Json:
    return {"type": "web_search_tool_result", "tool_use_id": use["id"], "content": content}


def _result(url: str, signer: Signer) -> Json:
    title = f"What {url} says"
    sealed = f"{digest(url)}.{signer.seal(url, title)}"
    return {"type": "web_search_result", "url": url, "title": title, "encrypted_content": sealed, "page_age": None}


def check_results(prompt: Prompt, signer: Signer) -> None:
    """Results of a search come back as they were given."""
    for placed in prompt.blocks:
        found = placed.block["content"] if placed.kind == "web_search_tool_result" else ()
        for index, one in enumerate(found if isinstance(found, list) else ()):
            if one["encrypted_content"] != _result(one["url"], signer)["encrypted_content"]:
                raise invalid(f"{placed.path}.content.{index}: Invalid `encrypted_content` in search result block")


def searches(content: Sequence[Json]) -> int:
    return sum(block["type"] == "server_tool_use" for block in content)


def written(content: Sequence[Json]) -> int:
    """Characters that the model wrote."""
    return sum(
        len(block.get("raw") or canonical(block)) for block in content if block["type"] != "web_search_tool_result"
    )
