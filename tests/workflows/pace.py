"""Seconds of computing as a free host gives them: beside other guests, a virtual machine is half as fast at times."""

import hashlib
import json
import os
from collections.abc import Awaitable, Callable

FREE = 0.55  # seconds that `_chores` take where the host (AMD EPYC, with Python 3.11) has nothing else to do


async def reckoned(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds that the work computes, all threads together, by how fast chores of the same kind go before and after it.

    Without the kernel's time, which is mostly that of waking virtual cores which had nothing to do.
    """
    before = _chores()
    began = os.times().user
    await work()
    took = os.times().user - began
    return took * FREE / ((before + _chores()) / 2)


def _chores() -> float:
    """What a replay is made of: records made, copied, written as JSON, digested and read again."""
    began = os.times().user
    seal = ""
    for number in range(36_000):
        record = {"seq": number, "seal": seal, "scores": [number * 0.5 for _ in range(20)], "notes": {"why": "x" * 50}}
        text = json.dumps({**record, "names": sorted(record)}, sort_keys=True)
        seal = hashlib.sha256(text.encode()).hexdigest()
        assert json.loads(text)["seq"] == number
    return os.times().user - began
