"""Processor time as a free host gives it: beside other guests, a virtual machine is half as fast at times."""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable

FREE = 0.55  # seconds for `_chores` at the best of an evening, on an AMD EPYC with Python 3.11


async def reckoned(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds of processor time for the work, by how fast chores of the same kind go just before and after it."""
    before = _chores()
    began = time.process_time()
    await work()
    took = time.process_time() - began
    return took * FREE / ((before + _chores()) / 2)


def _chores() -> float:
    """What a replay is made of: records made, copied, written as JSON, digested and read again."""
    began = time.process_time()
    seal = ""
    for number in range(36_000):
        record = {"seq": number, "seal": seal, "scores": [number * 0.5 for _ in range(20)], "notes": {"why": "x" * 50}}
        text = json.dumps({**record, "names": sorted(record)}, sort_keys=True)
        seal = hashlib.sha256(text.encode()).hexdigest()
        assert json.loads(text)["seq"] == number
    return time.process_time() - began
