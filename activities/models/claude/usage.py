"""Tokens of a reply, as the API counts them over its stream."""

from collections.abc import Mapping
from typing import Any, Literal

from schemas.budget import Usage


def counted(raw: Mapping[str, Any], cache: Literal["5m", "1h"]) -> Usage:
    """The usage of one reply; what the API does not say of a cache's lifetime was written for the one asked for."""
    by_lifetime = raw.get("cache_creation")
    short = _number(by_lifetime, "ephemeral_5m_input_tokens")
    long = _number(by_lifetime, "ephemeral_1h_input_tokens")
    rest = max(_number(raw, "cache_creation_input_tokens") - short - long, 0)
    return Usage(
        input_tokens=_number(raw, "input_tokens"),
        output_tokens=_number(raw, "output_tokens"),
        cache_write_5m_tokens=short + (rest if cache == "5m" else 0),
        cache_write_1h_tokens=long + (rest if cache == "1h" else 0),
        cache_read_tokens=_number(raw, "cache_read_input_tokens"),
        web_searches=_number(raw.get("server_tool_use"), "web_search_requests"),
    )


def later(known: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """Counts are of the whole reply so far: later ones replace those before, and what they leave out stands."""
    return {**known, **{name: value for name, value in news.items() if value is not None}}


def _number(raw: object, name: str) -> int:
    """Nothing counted where a server that is not Anthropic's says nothing, or nonsense."""
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return max(value, 0) if isinstance(value, int) else 0
