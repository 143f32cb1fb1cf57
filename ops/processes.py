"""Detached processes, and records of them by which no other process that took the same id is ever signalled."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from schemas.base import Record

LOG_BYTES = 16 * 1024 * 1024  # a larger log is set aside when the process starts anew
Known = TypeVar("Known", bound=Record)


class Process(Record):
    """A process that was started. `born` tells it from a later one with the same id."""

    pid: int
    born: str
    argv: tuple[str, ...]
    log: str

    @property
    def alive(self) -> bool:
        return born(self.pid) == self.born


def born(pid: int) -> str | None:
    """Boot and start time of a process in clock ticks, which no change of the wall clock moves; None if it is dead."""
    try:
        # the name in brackets may hold anything, so fields are counted from the last bracket
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _born_elsewhere(pid)
    except ProcessLookupError:
        return None


def _born_elsewhere(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def spawn(argv: Sequence[str], *, log: Path, folder: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Starts a process in a session of its own, so that a terminal that closes does not end it.

    `environment` is all that it gets; None hands on this process's own.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".1.log"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
            env=environment,
        )
    # a child that is dead already has no start time left to read; its record then says so
    return Process(pid=child.pid, born=born(child.pid) or "dead", argv=tuple(argv), log=str(log))


def stop(process: Process, *, grace: float) -> bool:
    """Asks it to end, and kills it after `grace` seconds; False if it had ended before."""
    return bool(stop_all([process], grace=grace))


def stop_all(processes: Sequence[Process], *, grace: float) -> list[Process]:
    """Asks all to end at once, kills those that still run after `grace` seconds, and returns those that ran."""
    asked = [process for process in processes if _signal(process, signal.SIGTERM)]
    until = time.monotonic() + grace
    for process in asked:
        if not gone(process, seconds=max(until - time.monotonic(), 0.0)):
            _signal(process, signal.SIGKILL)
            gone(process, seconds=5.0)
    return asked


def gone(process: Process, *, seconds: float) -> bool:
    """True once the process has ended, False if it still runs after so many seconds."""
    until = time.monotonic() + seconds
    while process.alive:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _signal(process: Process, number: int) -> bool:
    if not process.alive:
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error's message."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - 8_000, 0))
        return "\n".join(file.read().decode("utf-8", errors="replace").splitlines()[-lines:])


def read_record(path: Path, kind: type[Known]) -> Known | None:
    """What is known of a process; None where nothing is, or nothing that can be read, as after a loss of power."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
