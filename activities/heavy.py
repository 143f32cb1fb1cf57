"""Work that takes a core and much memory: a process does no more of it at once than it has cores.

Agents of many runs mostly wait, so a worker takes many of them; tables that all runs load at once would not fit.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

_places: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = WeakKeyDictionary()


@asynccontextmanager
async def heavy() -> AsyncIterator[None]:
    """Waits for a place, first come first served, and has it for the body."""
    places = _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(cores()))
    async with places:
        yield


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
