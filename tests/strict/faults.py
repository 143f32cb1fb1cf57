"""What goes wrong, and when.

A plan is written in words, one for each rule: KIND[:ARGUMENT][|KIND...]WHEN, where WHEN is `@3,7` (at these requests),
`@3-` (from that one on), `/5` (at every fifth), `~0.2` or `~0.2:SEED` (by chance, the same for the same seed) or `*`
(at all). Of several kinds, each comes in its turn. Requests are counted from when the plan was set; the first rule
that fits is taken.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.strict.refusals import Refused
from tests.strict.spoilt import SPOILS

STATUSES: Mapping[str, tuple[int, str]] = {
    "rate_limit": (429, "This request would exceed your organization's rate limit"),
    "overloaded": (529, "Overloaded"),
    "internal": (500, "Internal server error"),
    "bad_key": (401, "invalid x-api-key"),
    "no_credit": (
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
    "unknown_model": (404, "model: claude-no-such-model"),
    "forbidden": (403, "Your API key does not have permission to use the specified resource."),
}
BROKEN = ("bad_gateway", "cut", "cut_at", "hang", "hang_at", "garbage", "stream_error")
"""A page of HTML with 502; a connection cut before headers, or before event N; silence, likewise; a reply that is no
reply; an error within the stream, before event N."""
KINDS = (*STATUSES, *BROKEN, *SPOILS)
PASSING = (
    "cut_at:4", "broken_json", "overloaded", "stream_error:3", "unknown_tool", "rate_limit:1", "garbage", "max_tokens",
    "cut", "wrong_arguments", "internal", "bad_gateway", "rate_limit",
)  # fmt: skip
"""That a client gets over by asking again, and a model by mending its call."""
RULE = re.compile(r"(?P<kinds>[^@/~*]+)(?P<when>[@/~*])(?P<number>[\d.,]*-?)(:(?P<seed>\d+))?")


@dataclass(frozen=True)
class Fault:
    kind: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.argument}" if self.argument else self.kind

    def refused(self) -> Refused | None:
        """The error that it is, if it is one."""
        if self.kind not in STATUSES:
            return None
        status, message = STATUSES[self.kind]
        return Refused(status, message, {"retry-after": self.argument} if self.argument else {})


@dataclass
class Rule:
    kinds: tuple[Fault, ...]
    when: str
    number: str
    chance: random.Random
    fired: int = 0

    def fires(self, call: int) -> Fault | None:
        match self.when:
            case "@" if self.number.endswith("-"):
                fits = call >= int(self.number[:-1])
            case "@":
                fits = str(call) in self.number.split(",")
            case "/":
                fits = call % int(self.number) == 0
            case "~":
                fits = self.chance.random() < float(self.number)
            case _:
                fits = True
        if not fits:
            return None
        self.fired += 1
        return self.kinds[(self.fired - 1) % len(self.kinds)]


@dataclass
class Plan:
    """Rules, and how many requests they have seen."""

    rules: list[Rule] = field(default_factory=list)
    calls: int = 0

    @classmethod
    def of(cls, words: str) -> "Plan":
        """Raises ValueError for a word that is no rule."""
        return cls([_rule(word) for word in words.split()])

    def next(self) -> Fault | None:
        self.calls += 1
        found = [rule.fires(self.calls) for rule in self.rules]
        return next((fault for fault in found if fault is not None), None)


def _rule(word: str) -> Rule:
    match = RULE.fullmatch(word)
    if match is None:
        raise ValueError(f"no rule for faults: {word!r}")
    kinds = tuple(Fault(*kind.split(":", 1)) for kind in match["kinds"].split("|"))
    unknown = [fault.kind for fault in kinds if fault.kind not in KINDS]
    if unknown:
        raise ValueError(f"no such fault: {unknown[0]!r}; there is {', '.join(KINDS)}")
    return Rule(kinds, match["when"], match["number"], random.Random(int(match["seed"] or 0)))
