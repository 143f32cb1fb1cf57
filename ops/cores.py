"""Which processor cores this process uses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

THREADS = Path("/proc/self/task")


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process on one core, the idlest, where the system can.

    A replay hands each step from thread to thread, and one at a time is at work. Across cores that wakes a sleeping
    one each time, and leaves caches behind: a day's replay took a quarter more processor time.
    """
    if not THREADS.is_dir():
        yield
        return
    cores = os.sched_getaffinity(0)
    busy = psutil.cpu_percent(interval=0.05, percpu=True)
    idlest = min(cores, key=lambda core: busy[core] if core < len(busy) else 100.0)
    _keep_on({idlest})
    try:
        yield
    finally:
        _keep_on(cores)


def _keep_on(cores: set[int]) -> None:
    for thread in THREADS.iterdir():
        with suppress(OSError):  # it may have ended
            os.sched_setaffinity(int(thread.name), cores)
