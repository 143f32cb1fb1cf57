"""What code left in its writable folders: how much, and made safe to read outside the sandbox."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from activities.execution.walking import Entry, printable, walk
from schemas.job import Mount, Step

LEAST_OF_A_FILE = 4_096
SPECIAL = stat.S_ISUID | stat.S_ISGID
DEEPEST, LONGEST_PATH = (
    64,
    2_000,
)  # folders and bytes below a mount: what any reader can walk and name
DEEPEST_MEASURED = 10_000
LONGEST_SHOWN = 300


def writable(step: Step) -> tuple[Mount, ...]:
    return tuple(mount for mount in step.mounts if mount.writable)


def used_mb(step: Step) -> float:
    """Disk that the writable mounts take. An empty file counts, too: a disk can be full of them."""
    found = (entry for mount in writable(step) for entry in walk(Path(mount.source), deepest=DEEPEST_MEASURED))
    return sum(max(entry.status.st_blocks * 512, LEAST_OF_A_FILE) for entry in found) / 2**20


def tidy(step: Step) -> list[str]:
    """Removes what would make a reader outside the sandbox read something else, wait, or fail. Says what was removed.

    Links to elsewhere could name withheld files, which the scorer may read and the code may not. A link to a place in
    the same mount stays, made relative. Names that are no text, and paths that are too long, no reader could tell of.
    Files that would give others their owner's rights lose that, and what its owner could not read can be read.
    """
    return [said for mount in writable(step) for said in (*_tidy(mount), *_tidy_links(mount))]


def lacking(step: Step) -> str | None:
    """What of the expected is missing or empty, in words, by its name in the sandbox."""
    for path in map(Path, step.expect):
        name = _inside(path, step)
        if path.is_symlink() or not path.exists():
            return f"it ended without an error, but did not write {name}"
        if path.is_dir() and not any(path.iterdir()):
            return f"it ended without an error, but left the folder {name} empty"
        if path.is_file() and path.stat().st_size == 0:
            return f"it ended without an error, but {name} is empty"
    return None


def _tidy(mount: Mount) -> Iterator[str]:
    """All but links, of which some may lead to what is removed here."""
    for entry in walk(Path(mount.source)):
        why = _why_not(entry)
        if why is not None:
            yield from _removed(entry, mount, why)
        elif stat.S_ISREG(entry.status.st_mode):
            _lend_rights(entry)


def _why_not(entry: Entry) -> str | None:
    """Why nothing outside the sandbox may come upon it, if so."""
    if why := _no_path((*entry.above[: DEEPEST + 1], entry.name)):
        return why
    if entry.closed:
        return "is a folder that cannot be looked into"
    if entry.is_folder or stat.S_ISREG(entry.status.st_mode) or stat.S_ISLNK(entry.status.st_mode):
        return None
    return "is no plain file"


def _no_path(parts: Sequence[str]) -> str | None:
    if len(parts) > DEEPEST or sum(len(os.fsencode(part)) + 1 for part in parts) > LONGEST_PATH:
        return "is nested too deep"
    return None if all(map(_is_text, parts)) else "has a name that is no UTF-8 text"


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _removed(entry: Entry, mount: Mount, why: str) -> Iterator[str]:
    """Says so of the outermost folder alone: all that it held went before it, for the same reason."""
    gone = _remove(entry)
    if _no_path(entry.above[: DEEPEST + 1]) is None:
        yield f"{'removed' if gone else 'could not remove'} {_shown(entry, mount)}, which {why}"


def _remove(entry: Entry) -> bool:
    try:
        (os.rmdir if entry.is_folder else os.unlink)(entry.name, dir_fd=entry.at)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _shown(entry: Entry, mount: Mount) -> str:
    name = printable("/".join((mount.target, *entry.above, entry.name)))
    name = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..."
    return f"the link {name}" if stat.S_ISLNK(entry.status.st_mode) else name


def _lend_rights(entry: Entry) -> None:
    """Its owner may read it, and nobody gets its owner's rights by it."""
    mode = stat.S_IMODE(entry.status.st_mode)
    if mode & SPECIAL or mode & stat.S_IRUSR == 0:
        with suppress(OSError):
            os.chmod(entry.name, mode & ~SPECIAL | stat.S_IRUSR | stat.S_IWUSR, dir_fd=entry.at)


def _tidy_links(mount: Mount) -> Iterator[str]:
    root = Path(mount.source)
    for entry in walk(root):
        path = root.joinpath(*entry.above, entry.name)
        if stat.S_ISLNK(entry.status.st_mode) and not _keep_link(path, root, mount.target):
            yield from _removed(entry, mount, "leads elsewhere or nowhere")


def _keep_link(path: Path, root: Path, target: str) -> bool:
    """True for a link to something within the mount; an absolute one (by its name in the sandbox) is made relative."""
    try:
        aim = str(path.readlink())
        if aim == target or aim.startswith(f"{target}/"):
            path.unlink()
            path.symlink_to(os.path.relpath(root / os.path.relpath(aim, target), path.parent))
        elif aim.startswith("/"):
            return False
        return path.exists() and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    except (OSError, RuntimeError):  # it leads to a name that is too long, or round in a circle
        return False


def _inside(path: Path, step: Step) -> str:
    for mount in sorted(step.mounts, key=lambda mount: len(mount.source), reverse=True):
        if path.is_relative_to(mount.source):
            return str(Path(mount.target) / path.relative_to(mount.source))
    return path.name
