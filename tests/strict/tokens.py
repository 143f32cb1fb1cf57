"""A deterministic count of tokens: four characters of what a model reads are one, and a block is at least one.

The API's own count cannot be had without the API; only sums and shares matter here, and those are exact.
"""

import math
from collections.abc import Iterable

from tests.strict import pictures
from tests.strict.prompt import Json, canonical, plain

CHARACTERS = 4


def count(block: Json) -> int:
    """Of a tool or of a content block."""
    if block.get("type") == "image":
        return pictures.tokens(block["source"])
    inner = block.get("content")
    if block.get("type") == "tool_result" and isinstance(inner, list):
        return count({**block, "content": ""}) + sum(map(count, inner))
    read = block["text"] if block.get("type") == "text" else canonical(plain(block))
    return max(1, math.ceil(len(read) / CHARACTERS))


def total(blocks: Iterable[Json]) -> int:
    return sum(map(count, blocks))
