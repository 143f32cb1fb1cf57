"""What each model takes, by its page and the pages on thinking, effort and caching of October 2026."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.strict.refusals import Refused

LOW = ("low", "medium", "high")
ALL = ("low", "medium", "high", "xhigh", "max")
SNAPSHOT = re.compile(r"-\d{8}$")


@dataclass(frozen=True)
class Ability:
    """`thinking`: the types that `thinking` may have. `thinks`: whether it thinks where a request says nothing of it.

    `shows`: whether thinking comes with its text by default. `bound`: thinking is checked against all before it.
    `cacheable`: tokens of the shortest prefix that is cached. `searches`: whether the server has tools of its own.
    """

    context: int = 1_000_000
    output: int = 128_000
    thinking: tuple[str, ...] = ("adaptive", "disabled")
    thinks: bool = True
    shows: bool = False
    bound: bool = False
    efforts: tuple[str, ...] = ALL
    prefill: bool = False
    forces_tools: bool = True
    samples: bool = False  # takes temperature, top_p and top_k
    cacheable: int = 1024
    searches: bool = True


NEWEST = Ability(bound=True, forces_tools=False, cacheable=512)
ALWAYS = replace(NEWEST, thinking=("adaptive",))
MANUAL = Ability(
    context=200_000, output=64_000, thinking=("enabled", "disabled"), thinks=False, shows=True,
    efforts=(), prefill=True, samples=True, cacheable=4096,
)  # fmt: skip
MODELS = {
    "claude-opus-5-5": ALWAYS,
    "claude-fable-5-1": ALWAYS,
    "claude-sonnet-5-5": replace(NEWEST, thinking=("adaptive", "between_tools", "disabled")),
    "claude-haiku-5-5": NEWEST,
    "claude-opus-5": Ability(cacheable=512),
    "claude-fable-5": Ability(thinking=("adaptive",), cacheable=512),
    "claude-sonnet-5": Ability(),
    "claude-opus-4-8": Ability(thinks=False),
    "claude-opus-4-7": Ability(thinks=False, cacheable=2048),
    "claude-opus-4-6": Ability(
        thinking=("adaptive", "enabled", "disabled"), thinks=False, shows=True,
        efforts=("low", "medium", "high", "max"), samples=True, cacheable=4096,
    ),
    "claude-opus-4-5": replace(MANUAL, efforts=LOW),
    "claude-haiku-4-5": MANUAL,
}  # fmt: skip


OWN = Ability(context=200_000, output=64_000, thinking=(), thinks=False, efforts=(), samples=True, searches=False)
"""A model of another maker's, behind a server that speaks the Messages API: it takes nothing that only Claude knows."""


def ability(name: str, models: Mapping[str, Ability] = MODELS) -> Ability:
    """Of the model of that name, or of a dated snapshot of it. Raises Refused for one that does not exist."""
    found = models.get(SNAPSHOT.sub("", name))
    if found is None:
        raise Refused(404, f"model: {name}")
    return found
