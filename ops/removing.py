"""Files and folders removed for good, and what that gives back."""

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

BLOCK = 512  # bytes, in which `stat` counts


def freed(groups: Sequence[Iterable[Path]]) -> list[int]:
    """Bytes of disk that removing each group in turn gives back; a file goes with the last of its links."""
    seen: Counter[tuple[int, int]] = Counter()
    sizes = []
    for group in groups:
        size = 0
        for found in _all(group):
            inode = found.st_dev, found.st_ino
            seen[inode] += 1
            if stat.S_ISDIR(found.st_mode) or seen[inode] == found.st_nlink:
                size += found.st_blocks * BLOCK
        sizes.append(size)
    return sizes


def remove(paths: Iterable[Path]) -> list[str]:
    """Removes them: links themselves, and not what they point to. What could not be removed, and why."""
    problems: list[str] = []

    def failed(_: object, name: str, why: tuple[object, BaseException, object]) -> None:
        problems.append(f"{name} could not be removed: {getattr(why[1], 'strerror', why[1])}")

    for path in paths:
        if path.is_dir() and not path.is_symlink():
            _open(path)
            shutil.rmtree(path, onerror=failed)
        else:
            path.unlink(missing_ok=True)
    return problems


def _open(path: Path) -> None:
    """Takes back the right to empty folders, which generated code can give away."""
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        path.chmod(0o700)
    for inner in path.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            _open(inner)


def _all(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    for path in paths:
        yield path.lstat()
        if path.is_dir() and not path.is_symlink():
            for folder, folders, files in os.walk(path):
                for name in (*folders, *files):
                    yield (Path(folder) / name).lstat()
