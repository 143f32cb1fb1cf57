"""The purse's book: what its file's lines come to, taken in one after the other; every reader finds the same."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from schemas.base import Record
from schemas.role import Caps

_CALL = re.compile(r"\.a(\d+)\.t\d+\.\d+$")  # attempt, turn and try, after the invocation's own name


class Reserved(Record):
    """A call is about to be asked for, if what stands before it leaves room below the caps of who asks.

    The amounts are the most that it may cost.
    """

    kind: Literal["reserved"] = "reserved"
    call: str
    dollars: float | None
    tokens: int
    caps: Caps = Caps()


class Settled(Record):
    """What a call did cost; dollars are None where the price is unknown."""

    kind: Literal["settled"] = "settled"
    call: str
    dollars: float | None
    tokens: int


class Closed(Record):
    """An invocation, or its attempts up to one, ended; what they left unsettled is taken for spent."""

    kind: Literal["closed"] = "closed"
    invocation: str
    attempt: int | None = None


class Raised(Record):
    """A person gave more."""

    kind: Literal["raised"] = "raised"
    caps: Caps


_LINE: TypeAdapter[Any] = TypeAdapter(Annotated[Reserved | Settled | Closed | Raised, Field(discriminator="kind")])


@dataclass(frozen=True)
class Amount:
    """Dollars are None once any part of them is unknown: unknown is not zero."""

    dollars: float | None = 0.0
    tokens: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        known = self.dollars is not None and other.dollars is not None
        dollars = (self.dollars or 0.0) + (other.dollars or 0.0) if known else None
        return Amount(dollars, self.tokens + other.tokens)


class Book:
    """`open` are calls under way, `lost` those whose process died, at the most that they may have cost."""

    def __init__(self) -> None:
        self.read = 0  # bytes of the file that are in the book
        self.raised = Caps()
        self._settled = Amount()
        self._open: dict[str, Reserved] = {}
        self._lost: dict[str, Reserved] = {}

    def take(self, line: bytes) -> bool:
        """One line of the file; True if it counts. One that was cut off says nothing."""
        try:
            record = _LINE.validate_json(line)
        except ValidationError:
            return False
        match record:
            case Reserved():
                return self._reserve(record)
            case Settled():
                self._settle(record)
            case Closed():
                self._close(record.invocation, record.attempt)
            case Raised():
                self.raised = _higher(self.raised, record.caps)
        return True

    def admits(self, record: Reserved) -> bool:
        """True if there is room for it now. What it may cost may pass a cap; what stands against it may not reach one.

        Where dollars are capped, an unknown price is never admitted.
        """
        mine, caps = invocation_of(record.call), self.caps(record.caps)
        taken = self.spent(besides=mine) + self.reserved(but=mine)
        priced = record.dollars is not None or caps.dollars is None
        return priced and _below(taken.dollars, caps.dollars) and _below(taken.tokens, caps.tokens)

    def caps(self, given: Caps) -> Caps:
        """Those that were given, or were raised to since."""
        raised = self.raised
        return Caps(
            dollars=None if given.dollars is None else max(given.dollars, raised.dollars or 0.0),
            tokens=None if given.tokens is None else max(given.tokens, raised.tokens or 0),
        )

    def spent(self, *, besides: str = "") -> Amount:
        """Settled and lost, and what the invocation `besides` left open before it asks anew."""
        left = [record for record in self._open.values() if besides and invocation_of(record.call) == besides]
        return sum((_amount(record) for record in [*self._lost.values(), *left]), self._settled)

    def reserved(self, *, but: str = "") -> Amount:
        """What calls under way may come to, without those of the invocation `but`."""
        others = [record for record in self._open.values() if invocation_of(record.call) != but]
        return sum((_amount(record) for record in others), Amount())

    def lost(self) -> Amount:
        """The most that calls may have cost which nobody settled."""
        return sum((_amount(record) for record in self._lost.values()), Amount())

    def unsettled(self, call: str) -> bool:
        return call in self._open or call in self._lost

    def left_open(self, invocation: str, attempt: int | None = None) -> list[str]:
        """Calls under way of an invocation, or of its attempts up to one."""
        mine = [call for call in self._open if invocation_of(call) == invocation]
        return [call for call in mine if attempt is None or attempt_of(call) <= attempt]

    def _reserve(self, record: Reserved) -> bool:
        """Void where there is no room for it: others, who looked at the same time, stand before it."""
        if not self.admits(record):
            return False
        # an invocation asks for one thing at a time; an attempt that was cut off ends nothing of a later one
        self._close(invocation_of(record.call), attempt_of(record.call))
        self._open[record.call] = record
        return True

    def _settle(self, record: Settled) -> None:
        reserved = self._open.pop(record.call, None) or self._lost.pop(record.call, None)
        if reserved is None:
            return  # settled before: by who asked, or by a later attempt in the meantime
        # at the most, where only the final price is unknown
        dollars = reserved.dollars if record.dollars is None else record.dollars
        self._settled += Amount(dollars, record.tokens)

    def _close(self, invocation: str, attempt: int | None) -> None:
        for call in self.left_open(invocation, attempt):
            self._lost[call] = self._open.pop(call)


def invocation_of(call: str) -> str:
    return _CALL.sub("", call)


def attempt_of(call: str) -> int:
    found = _CALL.search(call)
    return int(found[1]) if found else 0


def _higher(one: Caps, other: Caps) -> Caps:
    """A person gives more and never less: what is written late takes nothing back."""
    dollars = [caps.dollars for caps in (one, other) if caps.dollars is not None]
    tokens = [caps.tokens for caps in (one, other) if caps.tokens is not None]
    return Caps(dollars=max(dollars, default=None), tokens=max(tokens, default=None))


def _below(taken: float | None, cap: float | None) -> bool:
    return cap is None or (taken is not None and taken < cap)


def _amount(record: Reserved) -> Amount:
    return Amount(record.dollars, record.tokens)
