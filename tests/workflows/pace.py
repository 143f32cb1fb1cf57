"""Processor time as a quiet machine takes it: beside other guests of its host, a machine is half as fast at times."""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable

QUIET = 0.5  # seconds that `_chores` take where two free cores of a server (AMD EPYC) are all there is to do


async def reckoned(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds of processor time for the work, as a quiet machine would take them.

    What it took is set beside what chores of the same kind took just before and just after it.
    """
    before, took, after = _chores(), await _timed(work), _chores()
    return took * QUIET / ((before + after) / 2)


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.process_time()
    await work()
    return time.process_time() - began


def _chores() -> float:
    """Seconds for what a replay is made of: records made, copied, written as JSON, digested and read again."""
    began = time.process_time()
    seal = ""
    for number in range(36_000):
        record = {"seq": number, "seal": seal, "scores": [number * 0.5 for _ in range(20)], "notes": {"why": "x" * 50}}
        text = json.dumps({**record, "names": sorted(record)}, sort_keys=True)
        seal = hashlib.sha256(text.encode()).hexdigest()
        assert json.loads(text)["seq"] == number
    return time.process_time() - began
