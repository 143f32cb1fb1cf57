"""What a broken run lost or did twice, by its journals, its jobs and its ledger."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeGuard

from activities.agent.journal import read
from activities.agent.records import READ, Asking, JournalRecord, Opened, Replied, Result, spent
from activities.execution.durable import whole_lines
from activities.execution.folder import JobFolder
from activities.workspace.layout import Layout
from schemas.job import JobState

Held = tuple[str, int]  # a reply by its turn, or a tool's result by its number


@dataclass(frozen=True)
class Seen:
    """What was certain at some moment of a run: what conversations held, jobs that had started, events."""

    held: dict[str, set[Held]]
    started: dict[str, str]
    ledger: list[dict[str, Any]]


@dataclass(frozen=True)
class Loss:
    """All but `calls` must be zero; of calls in flight, one may be lost for each kill."""

    asked_again: int = 0
    started_twice: int = 0
    events: int = 0
    redated: int = 0  # the same events at another time than the one at which they were first seen
    calls: int = 0
    other: tuple[str, ...] = ()  # how the first entries that changed had been, and how they are

    @property
    def nothing(self) -> bool:
        return (self.asked_again, self.started_twice, self.events, self.redated) == (0, 0, 0, 0)


def states(layout: Layout) -> dict[str, JobState]:
    folders = [JobFolder(path.parent) for path in layout.jobs.glob("*/state.json")]
    return {folder.path.name: folder.state() for folder in folders}


def segments(layout: Layout) -> dict[str, list[list[JournalRecord]]]:
    """Each invocation's segments in the order of its attempts; a line that was cut off is none."""
    journals = layout.folder / "journals"
    return {
        folder.name: [
            [READ.validate_json(line) for line in whole_lines(path)]
            for path in sorted(folder.glob("a*.jsonl"), key=lambda path: int(path.stem[1:]))
        ]
        for folder in (sorted(journals.iterdir()) if journals.is_dir() else ())
    }


def held(layout: Layout) -> dict[str, set[Held]]:
    """What each invocation's conversation holds, over all attempts: what a later one did not take over is not there."""
    journals = layout.folder / "journals"
    return {
        folder.name: {("reply", record.turn) for record in records if _said(record)}
        | {("result", record.number) for record in records if isinstance(record, Result)}
        for folder in (sorted(journals.iterdir()) if journals.is_dir() else ())
        for records in (read(folder),)
    }


def seen(layout: Layout, ledger: list[dict[str, Any]]) -> Seen:
    started = {name: str(state.started_at) for name, state in states(layout).items() if state.started_at}
    return Seen(held(layout), started, ledger)


def loss(layout: Layout, before: list[Seen], ledger: list[dict[str, Any]], restarts: int = 0) -> Loss:
    """What of the things once seen is not there any more, or was done again.

    `restarts` is how often the machine went down: then jobs go on from their own checkpoints, and else never.
    """
    after, jobs = held(layout), states(layout)
    gone = {(name, it) for one in before for name, kept in one.held.items() for it in kept - after.get(name, set())}
    again = {
        name
        for one in before
        for name, started in one.started.items()
        if name not in jobs or str(jobs[name].started_at) != started
    } | {name for name, state in jobs.items() if state.restarts > restarts}
    lost = {place for one in before for place in _changed(one.ledger, ledger, "event")}
    redated = {place for one in before for place in _changed(one.ledger, ledger, "at")} - lost
    gaps = len(ledger) - sum(entry["seq"] == place for place, entry in enumerate(ledger, 1))
    return Loss(
        asked_again=len(gone) + _asked_again(layout) + len(list(_not_taken_over(layout))),
        started_twice=len(again),
        events=len(lost) + gaps,
        redated=len(redated),
        calls=lost_calls(layout),
        other=tuple(_told(one.ledger, ledger) for one in before if _changed(one.ledger, ledger)),
    )


def lost_calls(layout: Layout) -> int:
    journals = layout.folder / "journals"
    return sum(spent(read(folder)).lost_calls for folder in journals.iterdir())


def _changed(before: list[dict[str, Any]], after: list[dict[str, Any]], key: str = "digest") -> list[int]:
    """The places of entries in which this is not what it was."""
    now = [entry[key] for entry in after]
    return [place for place, entry in enumerate(before) if now[place : place + 1] != [entry[key]]]


def _told(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    place = _changed(before, after)[0]
    return f"of {len(before)}, number {place + 1} was {before[place]} and is {after[place : place + 1]}"


def _asked_again(layout: Layout) -> int:
    """Replies that hold, and were asked for once more."""
    again = 0
    for folder in (layout.folder / "journals").iterdir():
        records = read(folder)
        counts = Counter(record.turn for record in records if _said(record))
        again += sum(count - 1 for count in counts.values())
        known: set[int] = set()
        for record in records:
            again += isinstance(record, Asking) and record.turn in known
            if _said(record):
                known.add(record.turn)
    return again


def _not_taken_over(layout: Layout) -> Iterator[tuple[str, int]]:
    """Replies that were whole when the next attempt began, and that a later attempt does not hold."""
    for name, found in segments(layout).items():
        opened = [(segment[0], segment) for segment in found if segment and isinstance(segment[0], Opened)]
        for number, ((first, segment), (after, _)) in enumerate(pairwise(opened), 1):
            held = min(later.adopts.get(first.attempt, 0) for later, _ in opened[number:])
            yield from ((name, place) for place, at in _replied(segment) if place >= held and at < after.at)


def _replied(segment: list[JournalRecord]) -> Iterator[tuple[int, datetime]]:
    """The place of each reply in its segment, and when it came."""
    asked: datetime | None = None
    for place, record in enumerate(segment):
        if isinstance(record, Asking):
            asked = record.at
        elif _said(record) and asked is not None:
            yield place, asked + timedelta(seconds=record.seconds)


def _said(record: JournalRecord) -> TypeGuard[Replied]:
    """A reply that became part of the conversation; others were cut off, refused, or a summary of it."""
    return isinstance(record, Replied) and record.part == "said"
