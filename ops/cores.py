"""Which processor cores this process uses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

THREADS = Path("/proc/self/task")
_narrowed: list[set[int]] = []  # what each user of one core found; they may overlap, and the last one gives all back


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process on the core that it is on, where the system can.

    A replay hands each step from thread to thread, and one at a time is at work. Across cores that wakes a sleeping
    one each time, and leaves caches behind: a day's replay took a quarter more processor time.
    """
    try:
        cores, here = os.sched_getaffinity(0), psutil.Process().cpu_num()
    except (AttributeError, OSError, psutil.Error):  # not every system has this, or permits it
        yield
        return
    _narrowed.append(cores)
    try:
        _keep_on({here})
        yield
    finally:
        if len(_narrowed) == 1:
            _keep_on(_narrowed[0])
        _narrowed.pop()


def _keep_on(cores: set[int]) -> None:
    done: set[str] = set()
    with suppress(OSError):  # without /proc
        while new := {thread.name for thread in THREADS.iterdir()} - done:  # threads start threads
            for thread in new:
                with suppress(OSError):  # it may have ended
                    os.sched_setaffinity(int(thread), cores)
            done |= new
