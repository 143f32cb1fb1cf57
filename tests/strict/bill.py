"""What a server asks for what it served: its own account, which knows nothing of ours."""

from collections.abc import Sequence
from fractions import Fraction

from schemas.budget import Usage
from tests.strict.prompt import Json
from tests.strict.record import Asked

PRICES = {"claude-opus-5-5": (4, 20), "claude-sonnet-5-5": (2, 10)}  # dollars for a million tokens read, and written
SEARCH = Fraction(1, 100)  # dollars


def usage(asked: Sequence[Asked]) -> Usage:
    """The sums of what the requests were told."""
    return sum((_usage(one.usage) for one in asked if one.usage), Usage())


def dollars(asked: Sequence[Asked]) -> float:
    return float(sum(map(_dollars, asked)))


def dearest(asked: Sequence[Asked]) -> float:
    """What the one reply cost that cost the most."""
    return float(max(map(_dollars, asked)))


def _usage(told: Json) -> Usage:
    return Usage(
        input_tokens=told["input_tokens"],
        output_tokens=told["output_tokens"],
        cache_write_5m_tokens=told["cache_creation"]["ephemeral_5m_input_tokens"],
        cache_write_1h_tokens=told["cache_creation"]["ephemeral_1h_input_tokens"],
        cache_read_tokens=told["cache_read_input_tokens"],
        web_searches=told.get("server_tool_use", {}).get("web_search_requests", 0),
    )


def _dollars(one: Asked) -> Fraction:
    if not one.usage:
        return Fraction(0)
    found, (read, written) = _usage(one.usage), PRICES[one.model]
    fresh = found.input_tokens + Fraction(5, 4) * found.cache_write_5m_tokens + 2 * found.cache_write_1h_tokens
    tokens = (fresh + Fraction(1, 10) * found.cache_read_tokens) * read + found.output_tokens * written
    return tokens / 1_000_000 + found.web_searches * SEARCH
