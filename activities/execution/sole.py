"""Work that one process does for all who ask; one that was stopped while it does it is not waited for.

Whoever does it holds a lock, and breathes: it touches the lock's file for as long as it goes on. The others wait for
the lock while they see it breathe, and else do the work at another place.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path

from activities.execution.durable import Lock, try_lock

LOOK = 0.2  # seconds
BREATH = 1.0
STILL = 15.0  # without a breath: who holds the lock was stopped, or its machine is


class StandsStill(Exception):
    """Who has the work was stopped while it did it; it may come back at any time."""


def places(first: Path) -> Iterator[Path]:
    """Where the work may be done: the next one where who does it stands still."""
    yield first
    yield from (first.with_name(f"{first.name}-{number}") for number in count(2))


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Holds the lock of the place for the block. Raises StandsStill."""
    turn = _Turn(place)
    while (lock := turn.taken()) is None:
        time.sleep(LOOK)
    with _breathing(turn.file, lock):
        yield


@asynccontextmanager
async def alone_among_tasks(place: Path, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """The same, without a thread that waits: a cancelled attempt leaves none behind."""
    turn = _Turn(place)
    while (lock := turn.taken()) is None:
        waiting()
        await asyncio.sleep(LOOK)
    with _breathing(turn.file, lock):
        yield


class _Turn:
    """One who waits, by its own clock: that of who breathes may be another machine's."""

    def __init__(self, place: Path) -> None:
        self.file = place.with_name(f"{place.name}.lock")
        self._breath = 0
        self._seen = time.monotonic()

    def taken(self) -> Lock | None:
        """The lock, or None while who holds it goes on. Raises StandsStill."""
        lock = try_lock(self.file)
        if lock is not None:
            return lock
        breath = self.file.stat().st_mtime_ns
        if breath != self._breath:
            self._breath, self._seen = breath, time.monotonic()
        if time.monotonic() - self._seen >= STILL:
            raise StandsStill(f"who holds {self.file} was stopped")
        return None


@contextmanager
def _breathing(path: Path, lock: Lock) -> Iterator[None]:
    done = threading.Event()

    def breathe() -> None:
        with suppress(OSError):
            os.utime(path)
            while not done.wait(BREATH):
                os.utime(path)

    breath = threading.Thread(target=breathe, daemon=True)
    breath.start()
    try:
        yield
    finally:
        done.set()
        breath.join()
        lock.release()
