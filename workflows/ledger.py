"""The run's ledger: events in order, each entry carrying the digest of the one before."""

from collections.abc import Iterable
from datetime import datetime

from schemas.base import digest
from schemas.event import Event, LedgerEntry

GENESIS = "0" * 64


def entry(event: Event, *, seq: int, at: datetime, previous: str) -> LedgerEntry:
    """The event in its place, sealed."""
    return LedgerEntry(seq=seq, at=at, event=event, previous=previous, digest=seal(event, seq, at, previous))


def seal(event: Event, seq: int, at: datetime, previous: str) -> str:
    """The digest of an entry: over all of it, in canonical form."""
    return digest({"seq": seq, "at": at, "event": event, "previous": previous})


def broken_at(entries: Iterable[LedgerEntry], previous: str = GENESIS) -> int | None:
    """The number of the first entry that does not follow from the one before, or None."""
    for item in entries:
        if item.previous != previous or item.digest != seal(item.event, item.seq, item.at, item.previous):
            return item.seq
        previous = item.digest
    return None
