"""Roles in order, and each call of a tool with its result right after it."""

from collections import Counter

from tests.strict.models import Ability
from tests.strict.prompt import PAUSED, Json, Placed, Prompt, listed
from tests.strict.refusals import invalid


def check_order(messages: list[Json], ability: Ability, *, goes_on: bool) -> None:
    """`goes_on`: the last message is a turn of the server's own that it had paused."""
    if not messages:
        raise invalid("messages: at least one message is required")
    if messages[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    for number, message in enumerate(messages):
        _check_content(number, listed(message["content"]))
    last = messages[-1]
    if last["role"] == "assistant" and not goes_on and listed(last["content"])[-1]["type"] not in PAUSED:
        _check_prefill(listed(last["content"])[-1], ability)


def _check_content(number: int, blocks: list[Json]) -> None:
    if not blocks:
        raise invalid(f"messages.{number}: all messages must have non-empty content")
    for block in blocks:
        inner = block.get("content")
        texts = [block, *(inner if isinstance(inner, list) else ())]
        if any(one["type"] == "text" and not one["text"] for one in texts):
            raise invalid("messages: text content blocks must be non-empty")
    if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
        raise invalid("messages: text content blocks must contain non-whitespace text")


def _check_prefill(last: Json, ability: Ability) -> None:
    if not ability.prefill:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if last["type"] == "text" and last["text"] != last["text"].rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")


def check_calls(prompt: Prompt) -> None:
    """Every call has its one result, first thing in the next turn; every result has its call in the turn before."""
    turns = prompt.turns
    _check_unique(prompt)
    for place, (role, blocks) in enumerate(turns):
        before = turns[place - 1][1] if place else []
        if role == "user":
            _check_results(blocks, [one.block["id"] for one in before if one.kind == "tool_use"])
        else:
            last = place == len(turns) - 1
            _check_searches(blocks, last=last)
            called = [one.block["id"] for one in blocks if one.kind == "tool_use"]
            if last and called:
                raise _unanswered(blocks, called)
    if not prompt.tools and any(one.kind in ("tool_use", "tool_result") for one in prompt.blocks):
        raise invalid("Requests which include `tool_use` or `tool_result` blocks must define tools")


def _check_unique(prompt: Prompt) -> None:
    ids = Counter(one.block["id"] for one in prompt.blocks if one.kind in ("tool_use", "server_tool_use"))
    if any(count > 1 for count in ids.values()):
        raise invalid("messages: `tool_use` ids must be unique")


def _check_results(blocks: list[Placed], called: list[str]) -> None:
    given: set[str] = set()
    for block in blocks:
        if block.kind == "tool_result":
            name = block.block["tool_use_id"]
            if name not in called:
                raise invalid(
                    f"{block.path}: unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each `tool_result` "
                    "block must have a corresponding `tool_use` block in the previous message."
                )
            if name in given:
                raise invalid(f"each tool_use must have a single result. Found multiple `tool_result` blocks: {name}")
            given.add(name)
        elif missing := [name for name in called if name not in given]:
            raise _unanswered(blocks, missing)
    if missing := [name for name in called if name not in given]:
        raise _unanswered(blocks, missing)


def _unanswered(blocks: list[Placed], missing: list[str]) -> Exception:
    return invalid(
        f"messages.{blocks[0].message}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message."
    )


def _check_searches(blocks: list[Placed], *, last: bool) -> None:
    """A search of the server's own has its result in the same turn, unless the server paused it."""
    asked = [one.block["id"] for one in blocks if one.kind == "server_tool_use"]
    found = [one.block["tool_use_id"] for one in blocks if one.kind == "web_search_tool_result"]
    for name in found:
        if name not in asked:
            raise invalid(f"messages: `web_search_tool_result` without its `server_tool_use` block: {name}")
    open_ = [name for name in asked if name not in found]
    if open_ and not (last and blocks[-1].kind == "server_tool_use"):
        raise invalid(
            f"messages: `web_search` tool use with id `{open_[0]}` was found without a corresponding "
            "`web_search_tool_result` block"
        )
