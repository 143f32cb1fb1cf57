"""Calls of language models, one by one, as the journals of a run's folder hold them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from activities.agent.booking import Amount, Book
from activities.agent.journal import read
from activities.agent.records import Asking, JournalRecord, Opened, Replied, Unanswered
from activities.workspace.layout import Layout
from schemas.budget import Usage

PARTS = {"said": "", "summary": "a summary of the conversation", "void": "not used: cut off, refused, or too long"}


@dataclass(frozen=True)
class ModelCall:
    """One call, or several tries in a row that came to nothing. `lost`: asked, and no answer is in the journal."""

    invocation: str
    turn: int
    at: datetime | None
    model: str
    outcome: Literal["answered", "unanswered", "lost"]
    note: str = ""
    tries: int = 1
    usage: Usage = field(default_factory=Usage)
    dollars: float | None = 0.0
    seconds: float = 0.0


def model_calls(layout: Layout, invocations: Iterable[str]) -> Iterator[ModelCall]:
    """Those of these invocations; of one without a journal that can be read, none."""
    for name in invocations:
        try:
            records = read(layout.journals(name))
        except OSError:
            continue
        yield from _of(name, records)


def lost_at_most(layout: Layout) -> Amount:
    """The most that calls may have cost whose replies were never read."""
    book = Book()
    if layout.purse.is_file():
        for line in layout.purse.read_bytes().splitlines():
            book.take(line)
    return book.lost()


def _of(name: str, records: Sequence[JournalRecord]) -> Iterator[ModelCall]:
    asking: Asking | None = None
    for record in records:
        match record:
            case Opened() | Asking():
                if asking is not None:
                    yield _lost(name, asking)
                asking = record if isinstance(record, Asking) else None
            case Unanswered():
                yield _unanswered(name, record, asking)
                asking = None
            case Replied():
                yield _answered(name, record, asking)
                asking = None
    if asking is not None:
        yield _lost(name, asking)


def _answered(name: str, record: Replied, asking: Asking | None) -> ModelCall:
    reply = record.reply
    return ModelCall(
        invocation=name,
        turn=record.turn,
        at=asking.at if asking else None,
        model=record.asked or reply.model,
        outcome="answered",
        note="; ".join(said for said in (record.instead and f"in place: {record.instead}", PARTS[record.part]) if said),
        usage=reply.usage,
        dollars=reply.dollars,
        seconds=record.seconds,
    )


def _unanswered(name: str, record: Unanswered, asking: Asking | None) -> ModelCall:
    return ModelCall(
        invocation=name,
        turn=record.turn,
        at=asking.at if asking else None,
        model=asking.model if asking else "",
        outcome="unanswered",
        note=record.error,
        tries=record.tries,
        usage=record.usage,
        dollars=record.dollars,
    )


def _lost(name: str, asking: Asking) -> ModelCall:
    return ModelCall(name, asking.turn, asking.at, asking.model, "lost", dollars=None)
