"""What an agent does now, in a few words, for heartbeats."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from temporalio import activity

EVERY = 3.0  # seconds


class Doing:
    """Holds the words, or what makes them when they are asked for."""

    def __init__(self) -> None:
        self._words: str | Callable[[], str] = "starting"

    def now(self, words: str | Callable[[], str]) -> None:
        self._words = words

    def __str__(self) -> str:
        try:
            words = self._words if isinstance(self._words, str) else self._words()
        except Exception as error:  # noqa: BLE001 - without heartbeats a live worker is taken for dead
            words = f"at work ({type(error).__name__})"
        return words[:200]


@contextlib.asynccontextmanager
async def heartbeats(doing: Doing) -> AsyncIterator[None]:
    """Beats in the background while the body runs, so that cancellation arrives and people see what goes on."""

    async def beat() -> None:
        while True:
            activity.heartbeat(str(doing))
            await asyncio.sleep(EVERY)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
