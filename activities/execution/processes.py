"""The processes of a job, seen from outside its sandbox: signals, memory, and the end of all of them."""

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from activities.execution.unconfined import MARK

SUPERVISOR = ("-m", "activities.execution.supervisor")
WRAPPERS = ("bwrap",)
TORCHRUN = "torch.distributed.run"
SHELLS = ("sh", "bash", "dash", "zsh", "make", "env")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PATIENCE = 20.0  # for killed processes to be gone; only those stuck in the kernel take longer
libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Usage:
    memory_mb: float
    processes: int
    cpu_seconds: float  # of those that live, and of those they waited for


def adopt_orphans() -> None:
    """Processes whose parents end become this one's children, so that none can leave the tree."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """For a child before its exec: it is killed when the supervisor dies, and goes no further if that is dead by now.

    It is in its parent's process group, as it was started in no other; who adopts it is not.
    """
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getpgid(os.getppid()) != os.getpgrp():
        os._exit(1)


def below(pid: int) -> list[psutil.Process]:
    """All descendants that live."""
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in found if _alive(process)]


def usage(pid: int, limit_mb: float, most: int) -> Usage:
    """What the tree below takes. Pages that processes share count once, which is looked up only near the limit.

    Of more than `most` processes the memory is not asked for: what forks without end answers slowly.
    """
    tree = below(pid)
    if len(tree) > most:
        return Usage(0.0, len(tree), 0.0)
    resident = sum(_resident(process) for process in tree)
    if resident > limit_mb * 2**20 and len(tree) > 1:
        resident = sum(_proportional(process) for process in tree)
    return Usage(resident / 2**20, len(tree), sum(map(_cpu_seconds, tree)))


def ask_to_stop(pid: int) -> None:
    """SIGTERM to the code itself. bubblewrap would die of it at once, and shells would keep it to themselves."""
    for process in _addressed(pid):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)


def hold_below(pid: int) -> None:
    """No descendant goes on before `let_go_below`."""
    _send(below(pid), signal.SIGSTOP)


def let_go_below(pid: int) -> None:
    _send(below(pid), signal.SIGCONT)


def kill_below(pid: int) -> bool:
    """Kills all descendants, however often they fork. True once none is left."""
    until = time.monotonic() + PATIENCE
    while tree := below(pid):
        for number in (signal.SIGSTOP, signal.SIGKILL):  # what is stopped starts nothing while others are killed
            _send(tree, number)
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def kill_marked(mark: str) -> None:
    """Kills unconfined processes of a job whose supervisor is dead."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                process.kill()


def _send(tree: list[psutil.Process], number: signal.Signals) -> None:
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _addressed(pid: int) -> Iterator[psutil.Process]:
    """The process that the step asked for; of a shell, what runs in it too."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.name() in WRAPPERS:
            children = process.children()
            if not children:
                return
            process = min(children, key=lambda child: child.create_time())
        if TORCHRUN in process.cmdline():  # its workers save what they have; it ends when they did
            yield from process.children()
            return
        if process.name() in SHELLS:
            yield from process.children(recursive=True)
        yield process


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(sum(process.cpu_times()[:4]))  # its own, and its children's: user and system
    return 0.0


def _proportional(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return _resident(process)
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def supervisors(folder: str) -> list[psutil.Process]:
    """Of the job in that folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline()[1:4] == [*SUPERVISOR, folder]:
                found.append(process)
    return found
