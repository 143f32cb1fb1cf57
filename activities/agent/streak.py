"""The failed tries of one call, in the journal: an outage of hours leaves few records, and small ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.agent.journal import Journal
from activities.agent.limits import LimitReached, Limits
from activities.agent.records import Asking, Unanswered
from activities.errors import NeedsPerson
from schemas.budget import Usage

EACH = 8  # tries that have records of their own; later ones share them, where they cost nothing
MOST = 30  # tries that share a record
LONGEST_ERROR = 400  # characters


class Streak:
    """An `Asking` stands from before a try until its reply, or until an `Unanswered` that may stand for many tries."""

    def __init__(self, journal: Journal, limits: Limits, turn: int) -> None:
        self._journal = journal
        self._limits = limits
        self._turn = turn
        self._open = False
        self._tries = 0
        self._error = ""

    async def asking(self, number: int, model: str) -> None:
        """To be awaited before the try is made."""
        if not self._open:
            await self._journal.append(Asking(at=self._limits.now(), turn=self._turn, number=number, model=model))
            self._open = True

    async def unavailable(self, number: int, error: str, usage: Usage, dollars: float | None) -> None:
        """The try came to nothing, and there will be another."""
        self._tries += 1
        self._error = error
        if usage != Usage() or number <= EACH or self._tries >= MOST:
            await self._close(usage, dollars)

    async def ended(self, error: str) -> None:
        """The try came to nothing, and there will be no other."""
        self._tries += 1
        self._error = error
        await self._close()

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Nothing is in flight meanwhile: if the call is given up here, nothing was lost."""
        try:
            yield
        except (LimitReached, NeedsPerson, asyncio.CancelledError):
            if self._open:
                await self._close()
            raise

    async def _close(self, usage: Usage | None = None, dollars: float | None = 0.0) -> None:
        record = Unanswered(
            turn=self._turn,
            error=self._error[:LONGEST_ERROR],
            tries=self._tries,
            usage=usage or Usage(),
            dollars=dollars,
        )
        self._open, self._tries = False, 0
        await self._journal.append(record)
