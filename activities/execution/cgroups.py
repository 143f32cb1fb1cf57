"""Limits that the kernel itself keeps: a control group for a step's processes, on hosts where groups can be made.

Version 2 with `memory` and `pids` delegated (systemd: `Delegate=yes`, `DelegateSubgroup=`), or version 1.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from activities.handing import handed_on
from schemas.job import Limits

PROCESS = Path("/proc/self")
THREADS_EACH = 8  # tasks that a group may have for each process that the limits allow: threads count as tasks
NEEDED = ("memory", "pids")
PREFIX = "aibuildai-"
FORGOTTEN_AFTER = 3_600.0
REMOVAL = 2.0  # seconds for the kernel to let go of a group whose processes ended


@dataclass(frozen=True)
class Group:
    """`memory` and `pids` are the same folder in version 2."""

    memory: Path
    pids: Path

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((self.memory, self.pids)))

    def join(self) -> None:
        """Called in the child: it and all that it starts are in the group."""
        for folder in self.folders:
            with suppress(OSError):
                (folder / "cgroup.procs").write_text("0")

    def memory_mb(self) -> float:
        """What its processes take, and their files that live in memory: without what the kernel only caches."""
        names = ("total_rss", "total_shmem") if (self.memory / "memory.limit_in_bytes").exists() else ("anon", "shmem")
        return sum(_count(self.memory / "memory.stat", name) for name in names) / 2**20

    def out_of_memory(self) -> bool:
        """True once the kernel killed a process of it for memory."""
        return any(_count(self.memory / name, "oom_kill") for name in ("memory.events", "memory.oom_control"))

    def out_of_tasks(self) -> bool:
        """True once it was refused a process or a thread."""
        return _count(self.pids / "pids.events", "max") > 0

    def remove(self) -> None:
        """Ends what is in it, and the group itself."""
        until = time.monotonic() + REMOVAL
        for folder in self.folders:
            while folder.is_dir() and time.monotonic() < until:
                _kill(folder)
                with suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.01)


def group(label: str, limits: Limits) -> Group | None:
    """A new group with these limits, or None on a host where none can be made that takes processes."""
    for place in _places():
        made = Group(*(folder / f"{PREFIX}{label}" for folder in place))
        try:
            made.remove()  # of a supervisor that died
            for folder in made.folders:
                folder.mkdir(exist_ok=True)
            _limit(made, limits)
            _try(made)
        except (OSError, subprocess.SubprocessError):
            made.remove()
            continue
        return made
    return None


def allowed_memory() -> int:
    """Bytes that this process and its jobs may take together: the machine's, or what a group around them allows."""
    own, roots = _own(), _roots()
    limits = [psutil.virtual_memory().total]
    for name in own.keys() & roots.keys() & {"", "memory"}:
        here, (_, top) = _at(roots[name], own[name]), roots[name]
        around = [folder for folder in (here, *here.parents) if folder.is_relative_to(top)]
        limits += [size for folder in around if (size := _memory_limit(folder)) is not None]
    return min(limits)


def _memory_limit(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max" is no limit
            return int((folder / name).read_text())
    return None


def clear(label: str) -> None:
    """Ends and removes the group of that name, wherever it may have been made."""
    for place in _places():
        Group(*(folder / f"{PREFIX}{label}" for folder in place)).remove()


def forget_empty() -> None:
    """Removes old groups without processes: their supervisors were killed, and nobody took their jobs up again."""
    for folder in {folder for place in _places() for folder in place}:
        for left in folder.glob(f"{PREFIX}*"):
            with suppress(OSError):  # it has processes, or is gone
                if time.time() - left.stat().st_mtime > FORGOTTEN_AFTER:
                    left.rmdir()


def _limit(made: Group, limits: Limits) -> None:
    size, tasks = str(limits.memory_mb * 2**20), str(limits.processes * THREADS_EACH)
    _write(made.pids / "pids.max", tasks)
    if (made.memory / "memory.limit_in_bytes").exists():
        _write(made.memory / "memory.limit_in_bytes", size)
        if (made.memory / "memory.memsw.limit_in_bytes").exists():
            _write(made.memory / "memory.memsw.limit_in_bytes", size)
        return
    _write(made.memory / "memory.max", size)
    if (made.memory / "memory.swap.max").exists():
        _write(made.memory / "memory.swap.max", "0")


def _try(made: Group) -> None:
    """Has a process join it. Where one may not, nobody would bound a job: its supervisor leaves that to the group."""
    join = 'for file; do echo 0 > "$file" || exit 1; done'
    files = [str(folder / "cgroup.procs") for folder in made.folders]
    subprocess.run(["/bin/sh", "-c", join, "sh", *files], capture_output=True, env=handed_on(), check=True)


def _places() -> Iterator[tuple[Path, Path]]:
    """Folders for groups, those of `memory` and `pids`: below this process's own group, or beside it."""
    own, roots = _own(), _roots()
    if "" in own and "" in roots:
        here = _at(roots[""], own[""])
        for folder in (here, *([here.parent] if _is_delegated_root(here.parent) else [])):
            if _passes_on(folder):
                yield folder, folder
    if all(name in own and name in roots for name in NEEDED):
        memory, pids = (_at(roots[name], own[name]) for name in NEEDED)
        yield memory, pids


def _is_delegated_root(folder: Path) -> bool:
    """True for a group that systemd gave away with all below: others next to ours are not for us to make."""
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            return os.getxattr(folder, name) == b"1"
    return False


def _passes_on(folder: Path) -> bool:
    """True where groups below the folder have both controllers, which may have to be passed on to them."""
    try:
        if not set(NEEDED) <= set((folder / "cgroup.controllers").read_text().split()):
            return False
        control = folder / "cgroup.subtree_control"
        if not set(NEEDED) <= set(control.read_text().split()):
            _write(control, " ".join(f"+{name}" for name in NEEDED))
    except OSError:
        return False  # it has processes of its own, or is not ours
    return True


def _own() -> dict[str, str]:
    """Path of this process's group by controller; version 2 has an empty name."""
    fields = [line.split(":", 2) for line in _lines("cgroup")]
    return {name: path for _, names, path in fields for name in names.split(",")}


def _roots() -> dict[str, tuple[str, Path]]:
    """What is mounted of each hierarchy, and where."""
    found: dict[str, tuple[str, Path]] = {}
    for line in _lines("mountinfo"):
        place, _, kind = line.partition(" - ")
        root, point = place.split()[3:5]
        system, _, options = kind.split()[:3]
        if system == "cgroup2":
            found[""] = root, Path(point)
        elif system == "cgroup":
            found.update({name: (root, Path(point)) for name in options.split(",") if name in NEEDED})
    return found


def _lines(name: str) -> list[str]:
    file = PROCESS / name
    return file.read_text().splitlines() if file.is_file() else []


def _at(root: tuple[str, Path], path: str) -> Path:
    """In a container a path may be told from the host's root, of which a part is mounted."""
    shown, point = root
    return point / os.path.relpath(path, shown) if Path(path).is_relative_to(shown) else point


def _kill(folder: Path) -> None:
    with suppress(OSError):
        if (folder / "cgroup.kill").exists():
            (folder / "cgroup.kill").write_text("1")
            return
        known = list(_processes(folder))
        still = _pids(folder)  # an id may have become another process's before that was looked up
        for process in known:
            if process.pid in still:
                with suppress(psutil.Error):
                    process.kill()  # not if the id has been another's since


def _processes(folder: Path) -> Iterator[psutil.Process]:
    for pid in _pids(folder):
        with suppress(psutil.Error):
            yield psutil.Process(pid)


def _pids(folder: Path) -> set[int]:
    return {int(word) for word in (folder / "cgroup.procs").read_text().split()}


def _count(file: Path, name: str) -> int:
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return 0
    return sum(int(words[1]) for words in lines if len(words) == 2 and words[0] == name)


def _write(file: Path, text: str) -> None:
    """Into a file that the kernel offers: where it does not, none must be made."""
    number = os.open(file, os.O_WRONLY)
    try:
        os.write(number, text.encode())
    finally:
        os.close(number)
