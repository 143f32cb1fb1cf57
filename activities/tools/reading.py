"""Opening files by paths that a model wrote, in folders that generated code may have filled.

Each component is opened by itself and never through a symbolic link, so that no path leads out of its folder.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from activities.errors import ToolFailed

LONGEST_KEPT = 16_000  # bytes of a line
CHUNK = 1 << 20
MOST_READ = 1 << 30  # bytes of a file


def parts_of(path: str) -> tuple[str, ...]:
    """The components of a relative path. Raises ToolFailed for one that leads elsewhere."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise ToolFailed(f"{path!r} leads out of the repository; give a relative path without ..")
    return pure.parts


def open_beneath(folder: Path, parts: tuple[str, ...]) -> BinaryIO:
    """A plain file beneath the folder, to read. Raises ToolFailed if it is not one."""
    name = "/".join(parts) or "."
    handles: list[int] = []
    try:
        handles.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        for part in parts[:-1]:
            handles.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handles[-1]))
        file = os.open(parts[-1] if parts else ".", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handles[-1])
    except FileNotFoundError:
        raise ToolFailed(f"there is no file {name}") from None
    except OSError as error:
        raise ToolFailed(f"{name} cannot be read: {error.strerror}") from None
    finally:
        for handle in handles:
            os.close(handle)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ToolFailed(f"{name} is a folder, or no plain file; list_files shows what is there")
    return os.fdopen(file, "rb")


@dataclass(frozen=True)
class Line:
    """The beginning of a line, and how many bytes of it were not kept."""

    text: bytes
    left_out: int = 0


def lines_of(file: BinaryIO, offset: int, count: int) -> list[Line]:
    """Lines from that one on, in little memory whatever the file holds. Raises ToolFailed where they lie too far in.

    Where what is read of a file ends among them, a last line says so, lest they pass for the file's end.
    """
    found = list(islice(iter(lambda: _line(file), None), offset, offset + count))
    if len(found) == count or file.tell() < MOST_READ or not file.read(1):
        return found
    words = f"only the first {MOST_READ >> 20} MB of a file are read here; let a job look at the rest"
    if not found:
        raise ToolFailed(words)
    return [*found, Line(f"[{words}]\n".encode())]


def _line(file: BinaryIO) -> Line | None:
    if file.tell() >= MOST_READ:
        return None
    text = rest = file.readline(LONGEST_KEPT)
    left_out = 0
    while rest and not rest.endswith(b"\n") and file.tell() < MOST_READ:
        rest = file.readline(CHUNK)
        left_out += len(rest)
    return Line(text, left_out) if text else None


def files_beneath(folder: Path, parts: tuple[str, ...] = ()) -> Iterator[tuple[str, int]]:
    """Path from the folder, and size, of each plain file at or below a path of it, in order."""
    start = folder.joinpath(*parts)
    if any(path.is_symlink() for path in (start, *start.parents) if path.is_relative_to(folder) and path != folder):
        return
    if start.is_file():
        yield "/".join(parts), start.stat().st_size
    for base, folders, names in os.walk(start, followlinks=False):
        folders.sort()
        for name in sorted(names):
            facts = Path(base, name).lstat()
            if stat.S_ISREG(facts.st_mode):
                yield Path(base, name).relative_to(folder).as_posix(), facts.st_size


def end_of(text: str, characters: int) -> str:
    """The text, or its end with a word on what was left out."""
    if len(text) <= characters:
        return text
    return f"[{len(text) - characters} characters left out]\n{text[-characters:]}"
