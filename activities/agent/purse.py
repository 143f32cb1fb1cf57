"""What the agents of a run may spend together, call by call, over all of its processes: one append-only file.

A call is reserved at the most that it may cost before it is asked for, and settled at what it did cost: by who asked,
or by a later attempt that finds the reply in the journal. One without a reply, because its process died, may have been
paid for: it counts as spent once its invocation goes on or ends.

There is no lock, since one that is held by a process that was stopped would be waited for. The order of the lines
decides: a reservation counts if what stands before it leaves room, and all who read the file find the same.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from activities.agent.booking import Amount, Book, Closed, Raised, Reserved, Settled, invocation_of
from activities.agent.limits import LimitReached
from schemas.base import Record
from schemas.role import Caps, MoneyLimit
from schemas.state import Board

POLL = 0.2  # seconds between looks while others' calls are under way
MOST_RUNS = 8  # whose books a process keeps
MOST_CUT_OFF = 20  # lines of processes that die as they write, one after the other


class SpentUp(LimitReached):
    """What agents may spend is spent: no call of any of them is admitted any more."""

    def __init__(self, words: str, limit: MoneyLimit) -> None:
        super().__init__(words)
        self.limit = limit


@dataclass(frozen=True)
class Totals:
    """What was spent, and what calls under way have reserved. Dollars are None once any price was unknown."""

    dollars: float | None
    tokens: int
    reserved_dollars: float
    reserved_tokens: int


class Purse:
    """One process's hold of the file. `caps` are those of the request; a cap that was raised since counts instead."""

    def __init__(self, file: Path, caps: Caps, book: Book | None = None) -> None:
        """`book` holds what was read of the file before."""
        self._file = file
        self._given = caps
        self._book = book or Book()

    async def reserve(self, call: str, dollars: float | None, tokens: int, *, until: datetime) -> None:
        """Returns once the call may be asked for; waits while only others' calls under way stand against it.

        `dollars` and `tokens` are the most that it may cost. Raises SpentUp if what is spent reaches a cap, or if the
        price is unknown where dollars are capped, and LimitReached at `until`.
        """
        record = Reserved(call=call, dollars=dollars, tokens=tokens, caps=self._given)
        while not self._admitted(record):
            if datetime.now(UTC) >= until:
                raise LimitReached("its time ran out while the calls of other agents held what is left to spend")
            await asyncio.sleep(POLL)
        await asyncio.to_thread(_sync, self._file)

    def settle(self, call: str, dollars: float | None, tokens: int) -> None:
        """Puts what the call cost in the place of what was reserved; 0 for one that was not billed."""
        self._append(Settled(call=call, dollars=dollars, tokens=tokens))

    def recover(self, answered: Iterable[Settled]) -> None:
        """Settles what journals show to be answered, and nobody lived to settle."""
        if not self._file.exists():
            return
        self._refresh()
        for one in answered:
            if self._book.unsettled(one.call):
                self.settle(one.call, one.dollars, one.tokens)

    def close(self, invocation: str, attempt: int | None = None) -> None:
        """The invocation has ended, or its attempts up to one: what they left unsettled is spent, and no one waits."""
        if not self._file.exists():
            return
        self._refresh()
        if self._book.left_open(invocation, attempt):
            self._append(Closed(invocation=invocation, attempt=attempt))

    def raise_caps(self, caps: Caps) -> None:
        """Agents at work may spend up to these, where they are higher than what they were given."""
        self._append(Raised(caps=caps))

    def totals(self) -> Totals:
        self._refresh()
        spent, reserved = self._book.spent(), self._book.reserved()
        return Totals(spent.dollars, spent.tokens, reserved.dollars or 0.0, reserved.tokens)

    def left(self) -> Caps:
        """What may still be spent, calls under way taken at their most; None where there is no cap."""
        known, caps = self.totals(), self._book.caps(self._given)
        dollars = None
        if caps.dollars is not None and known.dollars is not None:
            dollars = max(caps.dollars - known.dollars - known.reserved_dollars, 0.0)
        tokens = None if caps.tokens is None else max(caps.tokens - known.tokens - known.reserved_tokens, 0)
        return Caps(dollars=dollars, tokens=tokens)

    def _admitted(self, record: Reserved) -> bool:
        """Writes the reservation if there is room for it; true if there still was when it was written."""
        self._refresh()
        _refuse_beyond(self._book.caps(self._given), self._book.spent(besides=invocation_of(record.call)), record)
        if not self._book.admits(record):
            return False
        return self._append(record)

    def _refresh(self) -> dict[bytes, bool]:
        """The whole lines that were written since, and whether each counts; one that was cut off says nothing."""
        if not self._file.exists():
            return {}
        with self._file.open("rb") as file:
            file.seek(self._book.read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._book.read += len(whole) + len(newline)
        return {line: self._book.take(line) for line in whole.splitlines()}

    def _append(self, record: Record) -> bool:
        """True if it counts where it came to stand. Once more where a process died in the middle of the line before."""
        line = record.model_dump_json().encode()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._refresh()
        for _ in range(MOST_CUT_OFF):
            self._write(line)
            found = self._refresh()
            if line in found:
                return found[line]
        raise OSError(f"{self._file} does not keep what is written to it")

    def _write(self, line: bytes) -> None:
        """At the end of the file as it is then, by one call: no other one comes into it."""
        with self._file.open("ab", buffering=0) as file:
            cut_off = file.tell() > self._book.read  # or others have written since, and a line is empty
            file.write((b"\n" if cut_off else b"") + line + b"\n")


class Purses:
    """The purses of one process: a file is read on from where anyone in it has come to."""

    def __init__(self) -> None:
        self._books: OrderedDict[Path, Book] = OrderedDict()

    def of(self, file: Path, caps: Caps) -> Purse:
        book = self._books[file] = self._books.pop(file, Book())
        while len(self._books) > MOST_RUNS:
            self._books.popitem(last=False)
        return Purse(file, caps, book)


def true_now(board: Board, left: Caps) -> Board:
    """The board with what is really left: the workflow knows of no call of an invocation that has yet to report."""
    return board.model_copy(update={"dollars_left": left.dollars, "tokens_left": left.tokens})


def _refuse_beyond(caps: Caps, spent: Amount, record: Reserved) -> None:
    if caps.dollars is not None:
        if spent.dollars is None or record.dollars is None:
            raise SpentUp("what its model costs is not known, and the run has a limit of dollars", "dollars")
        if spent.dollars >= caps.dollars:
            raise SpentUp(f"${spent.dollars:.2f} are spent, of ${caps.dollars:.2f} that it could draw on", "dollars")
    if caps.tokens is not None and spent.tokens >= caps.tokens:
        raise SpentUp(f"{spent.tokens} tokens are spent, of {caps.tokens} that it could draw on", "tokens")


def _sync(file: Path) -> None:
    number = os.open(file, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
