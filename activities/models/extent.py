"""How large a call can become, before it is made: an upper bound that caps on spending can rest on."""

from collections.abc import Iterable
from typing import Any
from weakref import ref

from schemas.base import Record
from schemas.budget import Usage
from schemas.message import ModelRequest
from schemas.role import searches

BYTES_PER_TOKEN = 2  # prose has 3 to 4, code and tables of numbers 2 to 3
IMAGE = 5_000  # tokens at most, whatever its size: larger ones are scaled down
FRAME = 2_000  # what the API itself adds around system prompt, tools and messages
SEARCH = 15_000  # tokens of results that one web search brings into the prompt


def extent(request: ModelRequest) -> Usage:
    """The most tokens that the call can be billed for.

    All of the prompt is taken to be written to the cache, which costs the most. Each web search adds its results to the
    prompt, and has the model read it once more, from the cache.
    """
    looks = request.web_searches if searches(request.model) else 0
    parts = FRAME + _tokens(["system", request.system, "tools", "messages"])
    prompt = parts + _sizes.sum(request.tools) + _sizes.sum(request.messages) + looks * SEARCH
    written = {"cache_write_1h_tokens" if request.cache == "1h" else "cache_write_5m_tokens": prompt}
    return Usage(**written, output_tokens=request.max_tokens, cache_read_tokens=looks * prompt, web_searches=looks)


class Sizes:
    """Of records, which never change: each is measured once, and remembered while it is there.

    A conversation is asked for again at every turn, and nearly all of it was measured before.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[Record], int]] = {}

    def sum(self, records: Iterable[Record]) -> int:
        return sum(map(self._of, records))

    def _of(self, record: Record) -> int:
        known = self._known.get(id(record))
        if known is not None:
            return known[1]
        key, tokens = id(record), _tokens(record.model_dump(mode="json"))
        self._known[key] = ref(record, lambda _gone: self._known.pop(key, None)), tokens  # before its id is given anew
        return tokens


_sizes = Sizes()


def _tokens(value: Any) -> int:
    """Of a value as it stands in a request; an image counts as one, and not by its bytes."""
    if isinstance(value, dict):
        if value.get("type") == "image":
            return IMAGE
        return _sum(value.keys()) + _sum(value.values())
    if isinstance(value, list | tuple):
        return _sum(value)
    return -(-len(str(value).encode()) // BYTES_PER_TOKEN) + 1


def _sum(values: Iterable[Any]) -> int:
    return sum(_tokens(value) for value in values)
