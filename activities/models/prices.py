"""What a model call costs, by the published prices in prices.json. An unknown price is None, never zero."""

import re
from functools import cache
from pathlib import Path

from schemas.base import Record
from schemas.budget import Usage

FILE = Path(__file__).with_name("prices.json")
FREE = frozenset({"playbook"})
MILLION = 1_000_000
DATED = re.compile(r"-\d{8}$")  # a snapshot of a model, named by its day, costs what the model does


class Price(Record):
    """Dollars per million tokens."""

    input: float
    output: float


class Factors(Record):
    """What cached input costs, against input that is not cached."""

    cache_write_5m: float
    cache_write_1h: float
    cache_read: float


class PriceList(Record):
    as_of: str
    models: dict[str, Price]
    factors: Factors


@cache
def price_list() -> PriceList:
    return PriceList.model_validate_json(FILE.read_bytes())


def price(model: str) -> Price | None:
    """The published price of a model, with or without `claude-` and a date in its name; None if there is none."""
    models = price_list().models
    plain = DATED.sub("", model.strip().lower())
    return models.get(plain) or models.get(f"claude-{plain}")


def dollars(model: str, usage: Usage) -> float | None:
    """What the usage cost. None where the price is unknown; web searches have none here, so they make it unknown."""
    if model in FREE:
        return 0.0
    found = price(model)
    if found is None or usage.web_searches:
        return None
    factors = price_list().factors
    read = (
        usage.input_tokens
        + usage.cache_write_5m_tokens * factors.cache_write_5m
        + usage.cache_write_1h_tokens * factors.cache_write_1h
        + usage.cache_read_tokens * factors.cache_read
    )
    return (read * found.input + usage.output_tokens * found.output) / MILLION
