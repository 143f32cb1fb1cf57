"""Everything below a folder that generated code fills, or filled: no depth, name or mode keeps a walk from its end.

Nor does code that moves folders meanwhile: a walk passes over what it no longer finds where it was, and goes on.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Entry:
    """`name` in the folder that is open at `at`; `above` are the folders from the root to there, until the next entry.

    A `closed` folder is one that could not be looked into.
    """

    at: int
    above: Sequence[str]
    name: str
    status: os.stat_result
    closed: bool = False

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class _Place:
    """Where a walk is: one descriptor that moves, for a path could be too long, and descriptors too many."""

    def __init__(self) -> None:
        self.at = os.open("/", FOLDER)

    def close(self) -> None:
        os.close(self.at)

    def status(self, name: str) -> os.stat_result:
        return os.stat(name, dir_fd=self.at, follow_symlinks=False)

    def down(self, name: str) -> list[str] | None:
        """Into the folder, and what it holds; None, and nowhere else, if it cannot be looked into."""
        there = _opened(name, self.at)
        if there is None:
            return None
        try:
            names = os.listdir(there)  # noqa: PTH208 - by its descriptor
        except OSError:  # it was removed meanwhile
            os.close(there)
            return None
        self._at(there)
        return names

    def up(self, folder: os.stat_result) -> bool:
        """False if that is not the folder: code that still runs has moved what the walk was in."""
        there = _opened("..", self.at)
        if there is None:
            return False
        self._at(there)
        return os.path.samestat(os.fstat(there), folder)

    def again(self, names: Sequence[str], folders: Sequence[os.stat_result]) -> int:
        """By their names, the first absolute, to the last of the folders that is where it was; how many are."""
        for found, (name, folder) in enumerate(zip(names, folders, strict=True)):
            there = _opened(name, self.at)
            if there is None:
                return found
            if not os.path.samestat(os.fstat(there), folder):
                os.close(there)
                return found
            self._at(there)
        return len(folders)

    def _at(self, there: int) -> None:
        os.close(self.at)
        self.at = there


@dataclass(frozen=True)
class _Level:
    """A folder that the walk is in, and what of it is still to be seen."""

    status: os.stat_result
    names: list[str]


def walk(root: Path, *, deepest: int | None = None) -> Iterator[Entry]:
    """What a folder holds, and then the folder. Links are not followed; what goes or moves meanwhile is passed over.

    Code that still runs could dig faster than a walk: with `deepest`, folders of that depth are not looked into.
    """
    place = _Place()
    try:
        names = place.down(str(root))
        if names is not None:
            yield from _below(place, root, names, deepest)
    finally:
        place.close()


def printable(name: str) -> str:
    """A name for people, logs and JSON, whatever bytes code made it of."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in name)


def _below(place: _Place, root: Path, names: list[str], deepest: int | None) -> Iterator[Entry]:
    above: list[str] = []
    levels = [_Level(os.fstat(place.at), names)]
    while True:
        while levels[-1].names:
            name = levels[-1].names.pop()
            try:
                status = place.status(name)
            except OSError:
                continue
            is_folder = stat.S_ISDIR(status.st_mode)
            below = place.down(name) if is_folder and len(above) != deepest else None
            if below is None:
                yield Entry(place.at, above, name, status, closed=is_folder)
            else:
                above.append(name)
                levels.append(_Level(status, below))
        left = levels.pop()
        if not levels:
            return
        name = above.pop()
        if place.up(levels[-1].status):
            yield Entry(place.at, above, name, left.status)
            continue
        there = place.again((str(root), *above), [level.status for level in levels])
        if not there:
            return
        del levels[there:], above[there - 1 :]


def _opened(name: str, at: int) -> int | None:
    """The folder, into which its owner is let whatever mode the code gave it; never through a link."""
    try:
        mode = stat.S_IMODE(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            _let_in(name, at, mode)
        return os.open(name, FOLDER, dir_fd=at)
    except OSError:
        return None


def _let_in(name: str, at: int, mode: int) -> None:
    number = os.open(name, os.O_PATH | FOLDER, dir_fd=at)
    try:
        Path(f"/proc/self/fd/{number}").chmod(mode | stat.S_IRWXU)
    finally:
        os.close(number)
