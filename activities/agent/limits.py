"""The limits of an invocation: how many model calls, and until when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


class LimitReached(Exception):
    """The invocation ends here: nothing more is asked. Its text says which limit, for the manager."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Limits:
    deadline: datetime
    max_turns: int
    now: Callable[[], datetime] = utc_now
    held: Path | None = None  # while this file is there, nothing is asked
    room: Callable[[], None] | None = None  # raises LittleDisk where too little is left to go on

    @property
    def seconds_left(self) -> float:
        return (self.deadline - self.now()).total_seconds()

    def admit(self, turn: int) -> None:
        """Raises LimitReached if the model must not be asked for this turn."""
        if turn > self.max_turns:
            raise LimitReached(f"it did not report within {self.max_turns} model calls")
        if self.seconds_left <= 0:
            raise LimitReached(f"its time ran out at {self.deadline:%H:%M:%S} UTC, in turn {turn}, before it reported")

    async def until_released(self) -> None:
        """Waits while the run is paused, at most until the deadline. Raises LittleDisk where that is left after it."""
        while self.held is not None and self.held.exists() and self.seconds_left > 0:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(1.0)
        if self.room is not None:
            self.room()

    @asynccontextmanager
    async def until_deadline(self, words: str) -> AsyncIterator[None]:
        """Ends what is waited for at the deadline, by LimitReached; `words` say what that was."""
        scope = asyncio.timeout(max(self.seconds_left, 0.0))
        try:
            async with scope:
                yield
        except TimeoutError:
            if not scope.expired():
                raise
            raise LimitReached(f"its time ran out at {self.deadline:%H:%M:%S} UTC, {words}") from None
