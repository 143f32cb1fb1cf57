"""What code left in its writable folders: how much, and made safe to read outside the sandbox."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from schemas.job import Mount, Step

LEAST_OF_A_FILE = 4_096
SPECIAL = stat.S_ISUID | stat.S_ISGID


def writable(step: Step) -> tuple[Mount, ...]:
    return tuple(mount for mount in step.mounts if mount.writable)


def used_mb(step: Step) -> float:
    """Disk that the writable mounts take. An empty file counts, too: a disk can be full of them."""
    found = (status for mount in writable(step) for _, status in _entries(Path(mount.source)))
    return sum(max(status.st_blocks * 512, LEAST_OF_A_FILE) for status in found) / 2**20


def tidy(step: Step) -> list[str]:
    """Removes what would make a reader outside the sandbox read something else, or wait. Says what was removed.

    Links to elsewhere could name withheld files, which the scorer may read and the code may not. A link to a place in
    the same mount stays, made relative. Files that would give others their owner's rights lose that, and what its owner
    could not read can be read.
    """
    for mount in writable(step):
        _open(Path(mount.source))
    return [said for mount in writable(step) for said in _tidy(mount)]


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
    root = Path(mount.source)
    for path, status in list(_entries(root)):
        name = f"{mount.target}/{path.relative_to(root)}"
        if stat.S_ISLNK(status.st_mode):
            if _keep_link(path, root, mount.target):
                continue
            path.unlink()
            yield f"removed the link {name}, which leads elsewhere or nowhere"
        elif not stat.S_ISREG(status.st_mode):
            path.unlink()
            yield f"removed {name}, which is no plain file"
        elif status.st_mode & SPECIAL or status.st_mode & stat.S_IRUSR == 0:
            path.chmod(stat.S_IMODE(status.st_mode) & ~SPECIAL | stat.S_IRUSR | stat.S_IWUSR)


def _open(root: Path) -> None:
    """Lets the owner into every folder, from the outer ones in."""
    for folder, folders, _ in os.walk(root):
        for path in (Path(folder, name) for name in folders):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
                path.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


def _keep_link(path: Path, root: Path, target: str) -> bool:
    """True for a link to something within the mount; an absolute one (by its name in the sandbox) is made relative."""
    aim = str(path.readlink())
    if aim == target or aim.startswith(f"{target}/"):
        path.unlink()
        path.symlink_to(os.path.relpath(root / os.path.relpath(aim, target), path.parent))
    elif aim.startswith("/"):
        return False
    return path.exists() and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _entries(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below, links not followed; what vanishes meanwhile is passed over."""
    for folder, _, files, number in _walk(root):
        for name in files:
            try:
                yield Path(folder, name), os.stat(name, dir_fd=number, follow_symlinks=False)
            except FileNotFoundError:
                continue


def _walk(root: Path) -> Iterator[tuple[str, list[str], list[str], int]]:
    for folder, folders, files, number in os.fwalk(root):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield folder, folders, [*files, *links], number


def _inside(path: Path, step: Step) -> str:
    for mount in sorted(step.mounts, key=lambda mount: len(mount.source), reverse=True):
        if path.is_relative_to(mount.source):
            return str(Path(mount.target) / path.relative_to(mount.source))
    return path.name
