"""Files that are whole at any moment, and locks that the kernel frees when their holder dies."""

import ctypes
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

libc = ctypes.CDLL(None, use_errno=True)


def write_whole(path: Path, text: str) -> None:
    """A reader finds the old text or the new one, also after a loss of power."""
    _beside(path, text).replace(path)
    sync_folder(path.parent)


def write_once(path: Path, text: str) -> bool:
    """Writes the file unless it is there. True for the one caller that made it."""
    draft = _beside(path, text)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def drafted(draft: Path, content: str | bytes) -> Path:
    """A file with the content on disk, to be moved to where it belongs."""
    try:
        with draft.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # on a full disk, each further try would leave one more
        draft.unlink(missing_ok=True)
        raise
    return draft


def whole_lines(path: Path) -> list[bytes]:
    """Of a file of JSON lines, which in text would end at other separators too; one that was cut off is none."""
    return path.read_bytes().split(b"\n")[:-1]


def _beside(path: Path, text: str) -> Path:
    return drafted(path.with_name(f".{path.name}.{uuid4().hex}"), text)


def sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sync_file_systems(folders: Iterable[Path]) -> None:
    """All that was written to the file systems of these folders is on disk afterwards."""
    known: set[int] = set()
    for folder in folders:
        number = os.open(folder, os.O_RDONLY)
        try:
            device = os.fstat(number).st_dev
            if device not in known and libc.syncfs(number) != 0:
                raise OSError(ctypes.get_errno(), "what was written could not be brought to disk", str(folder))
            known.add(device)
        finally:
            os.close(number)


class Lock:
    """A flock that is held. It is not inherited by child processes, and ends with the process that holds it."""

    def __init__(self, number: int) -> None:
        self._number: int | None = number

    def release(self) -> None:
        if self._number is not None:
            os.close(self._number)
            self._number = None


def try_lock(path: Path, *, patience: float = 0.0) -> Lock | None:
    """The lock, or None if another process holds it for all of `patience` seconds."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Lock(number)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(number)
                return None
            time.sleep(0.01)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits for the lock and holds it for the block."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def is_held(path: Path) -> bool:
    """True if some process holds the lock. It is taken for an instant, so takers of it need a little patience."""
    if not path.exists():
        return False
    lock = try_lock(path)
    if lock is None:
        return True
    lock.release()
    return False
