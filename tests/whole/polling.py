"""Waiting for facts, for so long and no longer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Fact = TypeVar("Fact")
LOOK = 0.2


async def eventually(look: Callable[[], Awaitable[Fact | None]], *, within: float, what: str) -> Fact:
    """What the look finds, once it finds something."""
    until = time.monotonic() + within
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < until, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(LOOK)
