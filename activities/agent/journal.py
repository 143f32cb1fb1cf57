"""The journal of an invocation: one append-only segment for each attempt, each record on disk before the next step."""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from activities.agent.records import READ, Ended, JournalRecord, Opened, Replied, Result
from activities.execution.durable import whole_lines
from schemas.message import Message


class Superseded(Exception):
    """A later attempt has begun: this one was cut off, and must not act on what the other does not know of."""


class Journal(Protocol):
    """What an invocation did so far, and the place where its next step is written before it is taken."""

    @property
    def records(self) -> tuple[JournalRecord, ...]:
        """Everything that holds: what was adopted of older attempts, then what this one wrote."""
        ...

    async def append(self, record: JournalRecord) -> None:
        """Returns once the record is on disk. Raises Superseded if a later attempt has begun."""
        ...


class FileJournal:
    """Segments `a1.jsonl`, `a2.jsonl`, ... in the invocation's folder."""

    def __init__(self, folder: Path, attempt: int, file: int) -> None:
        self._folder = folder
        self._attempt = attempt
        self._file = file
        self._records: list[JournalRecord] = []
        self._writing = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        folder: Path,
        attempt: int,
        opening: Message,
        now: Callable[[], datetime],
        prompts: str = "",
    ) -> "FileJournal":
        """Begins the attempt's segment. Raises FileExistsError if that attempt was begun before."""
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(_segment(folder, attempt), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        # older ones are read only now that the segment is there: what they append later, they are stopped after
        adopts = _adoptable(folder, attempt)
        journal = cls(folder, attempt, file)
        journal._records.extend(_chain(folder, adopts))
        first = Opened(at=now(), attempt=attempt, adopts=adopts, opening=opening, prompts=prompts)
        # side by side, as a disk takes them in one go
        await asyncio.gather(
            journal.append(first),
            asyncio.to_thread(_sync_folder, folder),
            asyncio.to_thread(_sync_folder, folder.parent),
        )
        return journal

    @property
    def records(self) -> tuple[JournalRecord, ...]:
        return tuple(self._records)

    async def append(self, record: JournalRecord) -> None:
        line = record.model_dump_json(exclude_defaults=False).encode() + b"\n"
        async with self._writing:
            writing = asyncio.create_task(asyncio.to_thread(_write, self._file, line))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await writing  # the file must not be closed under the thread that writes to it
                self._records.append(record)
                raise
            self._records.append(record)
        if _attempts(self._folder)[-1:] > [self._attempt]:
            raise Superseded(f"attempt {self._attempt} was cut off, and a later one has begun")

    def close(self) -> None:
        os.close(self._file)


def read(folder: Path) -> tuple[JournalRecord, ...]:
    """All that holds of an invocation, over its attempts; nothing if there was none."""
    attempts = _attempts(folder)
    return _chain(folder, _adoptable(folder, attempts[-1] + 1)) if attempts else ()


def opening(records: Sequence[JournalRecord]) -> Message:
    """What the conversation began with: the opening that got the first reply, else the latest."""
    latest: Message | None = None
    for record in records:
        if isinstance(record, Opened):
            latest = record.opening
        elif isinstance(record, Replied):
            break
    if latest is None:
        raise ValueError("a journal begins with the record that opens it")
    return latest


def last_tree(records: Sequence[JournalRecord]) -> str | None:
    """The repository's tree after the last complete result that could change it."""
    results = [record for record in records if isinstance(record, Result) and record.tree]
    return max(results, key=lambda result: result.number).tree if results else None


def ended(records: Sequence[JournalRecord]) -> Ended | None:
    return next((record for record in reversed(records) if isinstance(record, Ended)), None)


def _segment(folder: Path, attempt: int) -> Path:
    return folder / f"a{attempt}.jsonl"


def _attempts(folder: Path) -> list[int]:
    return sorted(int(path.stem[1:]) for path in folder.glob("a*.jsonl") if path.stem[1:].isdigit())


def _adoptable(folder: Path, attempt: int) -> dict[int, int]:
    """How much of each older segment an attempt takes over: the last one that was opened whole decides the rest."""
    for older in reversed([number for number in _attempts(folder) if number < attempt]):
        records = _complete(_segment(folder, older))
        if records and isinstance(records[0], Opened):
            return {**records[0].adopts, older: len(records)}
    return {}


def _chain(folder: Path, adopts: dict[int, int]) -> tuple[JournalRecord, ...]:
    segments = ((_complete(_segment(folder, number)), count) for number, count in sorted(adopts.items()))
    return tuple(record for records, count in segments for record in records[:count])


def _complete(path: Path) -> list[JournalRecord]:
    """The segment's whole records; a line that was cut off ends it."""
    records: list[JournalRecord] = []
    for line in whole_lines(path):
        try:
            records.append(READ.validate_json(line))
        except ValidationError:
            break
    return records


def _write(file: int, line: bytes) -> None:
    """What a full disk leaves of a line is cut off again: it would hide every later one from readers."""
    before, written = os.fstat(file).st_size, 0
    try:
        while written < len(line):
            written += os.write(file, line[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
