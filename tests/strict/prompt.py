"""A request as its blocks, in the order in which a model reads them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Json = dict[str, Any]
THOUGHTS = ("thinking", "redacted_thinking")
PAUSED = ("server_tool_use", "web_search_tool_result")  # what a turn may end in that the server goes on with


@dataclass(frozen=True)
class Placed:
    """A content block, and where it stands in the request."""

    role: str
    block: Json
    message: int
    index: int

    @property
    def path(self) -> str:
        return f"messages.{self.message}.content.{self.index}"

    @property
    def kind(self) -> str:
        return str(self.block["type"])


@dataclass(frozen=True)
class Prompt:
    """`turns` joins neighbouring messages of one role, as the API does."""

    model: str
    tools: tuple[Json, ...]
    system: tuple[Json, ...]
    blocks: tuple[Placed, ...]

    @property
    def turns(self) -> list[tuple[str, list[Placed]]]:
        return [(role, list(found)) for role, found in groupby(self.blocks, key=lambda placed: placed.role)]


def prompt(body: Json) -> Prompt:
    """Of a request that has the right shape."""
    return Prompt(
        model=body["model"],
        tools=tuple(body.get("tools") or ()),
        system=tuple(listed(body.get("system") or ())),
        blocks=tuple(_placed(body["messages"])),
    )


def listed(content: Any) -> list[Json]:
    """Content as blocks: a string stands for one of text."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _placed(messages: list[Json]) -> Iterator[Placed]:
    for number, message in enumerate(messages):
        for index, block in enumerate(listed(message["content"])):
            yield Placed(message["role"], block, number, index)


def plain(value: Any) -> Any:
    """What a model reads of a block: without marks for the cache, and without fields that say nothing."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key != "cache_control" and one is not None}
    return [plain(one) for one in value] if isinstance(value, list) else value


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(*values: Any) -> str:
    return hashlib.sha256("\0".join(map(canonical, values)).encode()).hexdigest()
