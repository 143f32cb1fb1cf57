"""A request as the Messages API takes it.

Everything before the messages is the same over a conversation, and messages are only appended: caches and thinking rest
on that. So nothing here depends on the turn but the messages themselves.
"""

from collections.abc import Sequence
from typing import Any

from activities.models.claude.abilities import abilities
from activities.models.claude.address import Address, Platform
from activities.models.claude.unsearched import finished, unsearched
from schemas.message import Message, ModelRequest, TextBlock
from schemas.role import searches

# The version that searches and nothing else: later ones run code to filter what they find.
WEB_SEARCH = {"type": "web_search_20250305", "name": "web_search"}
CACHED_BY_REQUEST = frozenset({Platform.API, Platform.SERVER, Platform.FOUNDRY})
UNCACHEABLE = frozenset({"thinking", "redacted_thinking"})
LOOKED_BACK = 20  # blocks before a mark in which the API looks for what it has cached
INVOKE_VERSION = "bedrock-2023-05-31"  # the one that models behind InvokeModel know; the SDK's own is newer


def wire(request: ModelRequest, address: Address) -> dict[str, Any]:
    """The arguments of `messages.create`."""
    able = abilities(address.name)
    effort = able.effort(request.effort)
    tools = _tools(request)
    lacking = request.web_searches > 0 and not searches(request.model)
    conversation = unsearched(request.messages) if lacking else finished(request.messages)
    arguments: dict[str, Any] = {
        "model": address.name,
        "max_tokens": request.max_tokens,
        "messages": [sent for message in conversation if (sent := _message(message))["content"]],
    }
    arguments |= {"system": request.system} if request.system else {}
    arguments |= {"tools": tools} if tools else {}
    arguments |= {"thinking": {"type": "adaptive"}} if able.thinks else {}
    arguments |= {"output_config": {"effort": effort}} if effort else {}
    arguments |= {"extra_body": {"anthropic_version": INVOKE_VERSION}} if address.invoked else {}
    return _cached(arguments, {"type": "ephemeral", "ttl": request.cache}, address.platform)


def _tools(request: ModelRequest) -> list[dict[str, Any]]:
    """The web search last, so that it stands behind what does not depend on it."""
    own = [tool.model_dump(mode="json") for tool in request.tools]
    if request.web_searches > 0 and searches(request.model):
        own.append({**WEB_SEARCH, "max_uses": request.web_searches})
    return own


def _message(message: Message) -> dict[str, Any]:
    """Blocks as they came. The API at times replies with a text of nothing, and never takes one back."""
    blocks = [block for block in message.content if not (isinstance(block, TextBlock) and not block.text.strip())]
    return {"role": message.role, "content": [block.model_dump(mode="json") for block in blocks]}


def _cached(arguments: dict[str, Any], control: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Marks all of the prompt to be cached: by one word on the request, or on its last block where there is none."""
    messages = arguments["messages"]
    asked = next((place for place in range(len(messages) - 2, -1, -1) if messages[place]["role"] == "user"), None)
    if asked is not None and sum(len(message["content"]) for message in messages[asked + 1 :]) >= LOOKED_BACK - 1:
        _mark(messages[: asked + 1], control)  # what the last call cached is out of sight from the end
    if platform in CACHED_BY_REQUEST:
        return {**arguments, "cache_control": control}
    _mark(messages, control)
    return arguments


def _mark(messages: Sequence[dict[str, Any]], control: dict[str, Any]) -> None:
    """On the last block that can bear it."""
    blocks = [block for message in messages for block in message["content"]]
    last = next((block for block in reversed(blocks) if block["type"] not in UNCACHEABLE), None)
    if last is not None:
        last["cache_control"] = control
