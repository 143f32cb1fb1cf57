"""What model calls cost. An unknown price is None, never zero.

Prices are Anthropic's own, as published by the date in prices.json. A prices.json in the home folder (AIBUILDAI_HOME,
or ~/.aibuildai) adds to it and replaces what it names, in the same shape: for prices that changed, for those of a
platform, for models of one's own. Workers and the command line read both at every use: a correction holds from then on.
A file that cannot be read is told to who starts a run; one that is spoilt later pauses the run until it is mended.
"""

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, NonNegativeFloat, ValidationError

from activities.errors import BadInput, NeedsPerson
from activities.models.extent import extent
from activities.models.names import plain
from schemas.base import Input, Record
from schemas.budget import Usage
from schemas.message import ModelRequest

FILE = Path(__file__).with_name("prices.json")
FREE = frozenset({"playbook"})
MILLION = 1_000_000
THOUSAND = 1_000


class LongPrompt(Input):
    """What every token of a call costs whose prompt, read from the cache or not, is longer than `above` tokens."""

    above: int
    input: NonNegativeFloat
    output: NonNegativeFloat


class Price(Input):
    """Dollars per million tokens; `cache_read` where it is not the usual share of input; `context` is the window."""

    input: NonNegativeFloat
    output: NonNegativeFloat
    cache_read: NonNegativeFloat | None = None
    context: int | None = None
    long: LongPrompt | None = None


class Factors(Input):
    """What cached input costs, against input that is not cached."""

    cache_write_5m: float = 1.25
    cache_write_1h: float = 2.0
    cache_read: float = 0.1


class Prices(Input):
    """A file of prices, whole or in part."""

    as_of: str = ""
    unit: str = ""
    web_search: NonNegativeFloat | None = None  # dollars per thousand
    models: dict[str, Price] = Field(default_factory=dict)
    factors: Factors | None = None


class PriceList(Record):
    """The prices in force."""

    as_of: str
    web_search: float
    models: dict[str, Price]
    factors: Factors

    def price(self, model: str) -> Price | None:
        """By the name as it is given, or the model's own, with or without `claude-`; None if there is none."""
        names = (model.strip().lower(), plain(model), f"claude-{plain(model)}")
        return next((self.models[name] for name in names if name in self.models), None)

    def dollars(self, model: str, usage: Usage) -> float | None:
        """What one call cost, or several whose prompts are short; None where the price is unknown."""
        if model in FREE:
            return 0.0
        found = self.price(model)
        if found is None:
            return None
        given, taken, cached = self._rates(found, usage)
        read = (
            usage.input_tokens
            + usage.cache_write_5m_tokens * self.factors.cache_write_5m
            + usage.cache_write_1h_tokens * self.factors.cache_write_1h
        )
        tokens = read * given + usage.cache_read_tokens * cached + usage.output_tokens * taken
        return tokens / MILLION + usage.web_searches * self.web_search / THOUSAND

    def _rates(self, price: Price, usage: Usage) -> tuple[float, float, float]:
        """For input, output and input read from the cache."""
        long = price.long
        if long is not None and usage.tokens - usage.output_tokens > long.above:
            return long.input, long.output, long.input * self.factors.cache_read
        cached = price.input * self.factors.cache_read if price.cache_read is None else price.cache_read
        return price.input, price.output, cached


def price_list() -> PriceList:
    """The published prices, with those of the home folder in their place. Raises BadInput, which names the file."""
    published = _read(FILE, FILE.stat().st_mtime_ns)
    own = _own()
    return PriceList(
        as_of=own.as_of or published.as_of,
        web_search=_or(own.web_search, published.web_search),
        models={**published.models, **{name.lower(): price for name, price in own.models.items()}},
        factors=own.factors or published.factors or Factors(),
    )


def in_force() -> PriceList:
    """The same for an agent at work. Raises NeedsPerson: the agent has no part in what the file says."""
    try:
        return price_list()
    except BadInput as error:
        raise NeedsPerson(f"{error}. Mend it, then: aibuildai resume RUN") from error


def price(model: str) -> Price | None:
    """The price of a model; None if there is none."""
    return in_force().price(model)


def dollars(model: str, usage: Usage) -> float | None:
    """What one call cost. None where the price is unknown."""
    return in_force().dollars(model, usage)


def context_window(model: str) -> int | None:
    """How many tokens the model takes, where that is published."""
    found = price(model)
    return found.context if found else None


def most(request: ModelRequest) -> tuple[float | None, int]:
    """The most that a call can cost, in dollars and in tokens; None for dollars where the price is unknown."""
    if request.model in FREE:
        return 0.0, 0
    usage = extent(request)
    return dollars(request.model, usage), usage.tokens


def _own() -> Prices:
    home = Path(os.environ.get("AIBUILDAI_HOME") or "~/.aibuildai").expanduser()
    path = home / FILE.name
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return Prices()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int) -> Prices:
    try:
        return Prices.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path}: {where or 'the file'}: {first['msg']}. It has the shape of {FILE}") from error


def _or(own: float | None, published: float | None) -> float:
    return own if own is not None else published or 0.0
