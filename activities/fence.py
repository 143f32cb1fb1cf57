"""What an attempt that was cut off and comes back still writes does not count: each moves its work through a folder.

What others see is made in the folder of an attempt and moved out of it, or moved into it to be deleted. An attempt that
begins takes the folders of those before it away, so that what they were about to move is no longer where they look for
it. There is no lock, since one that is held by a process that was stopped would be waited for.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from activities.agent.journal import Superseded
from activities.execution.durable import drafted, sync_folder


class Fence:
    """One attempt's folder, beside those of others that do the same: `subject/ORDER`, of which the highest counts."""

    def __init__(self, subject: Path, order: tuple[int, ...]) -> None:
        self._subject = subject
        self._order = order
        self._folder = subject / ".".join(str(int(number)) for number in order)

    @classmethod
    def begin(cls, subject: Path, *order: int) -> "Fence":
        """From here on nothing of lower order is written. Raises Superseded if something of a higher one began."""
        fence = cls(subject, order)
        fence._folder.mkdir(parents=True, exist_ok=True)
        try:
            fence.check()
        except Superseded:
            shutil.rmtree(fence._folder, ignore_errors=True)
            raise
        for _, older in fence._others():
            fence._take(older)
        return fence

    def check(self) -> None:
        """Raises Superseded if a later one has begun. Made once a draft is there: it moves only while none has."""
        if any(order > self._order for order, _ in self._others()):
            raise Superseded(f"{self._subject.name}: {self._folder.name} was cut off, and a later one has begun")

    def draft(self) -> Path:
        """Where something can be made that is not seen yet."""
        return self._folder / uuid4().hex

    def put(self, made: Path, target: Path) -> None:
        """Moves a draft to where others see it, in the place of what is there."""
        self.check()
        target.parent.mkdir(parents=True, exist_ok=True)
        old = self.draft()
        try:
            if target.is_dir():
                target.rename(old)
            made.replace(target)
        except FileNotFoundError:
            self.check()
            raise
        shutil.rmtree(old, ignore_errors=True)

    def write(self, path: Path, content: str | bytes) -> Path:
        """The file is there whole, or as it was; also after a loss of power."""
        try:
            draft = drafted(self.draft(), content)
        except FileNotFoundError:
            self.check()
            raise
        self.put(draft, path)
        sync_folder(path.parent)
        return path

    def remove(self, path: Path) -> None:
        """Deletes a file or folder, where it is there: first it is gone as a whole, then its content."""
        self.check()
        self._take(path)
        self.check()  # else it may be there still, since this one's own folder is not

    def clear(self) -> None:
        """Deletes drafts that are left; the folder itself stays, and says what began last."""
        for left in self._folder.iterdir() if self._folder.is_dir() else ():
            _delete(left)

    def _others(self) -> list[tuple[tuple[int, ...], Path]]:
        found = [(numbers(folder.name), folder) for folder in self._subject.iterdir()]
        return [(order, folder) for order, folder in found if order != self._order]

    def _take(self, path: Path) -> None:
        taken = self.draft()
        try:
            path.rename(taken)
        except FileNotFoundError:
            return
        _delete(taken)


@contextmanager
def fenced(subject: Path, *order: int) -> Iterator[Fence]:
    """Begins, and leaves no draft behind. Whatever fails because a later one took its drafts away is Superseded."""
    fence = Fence.begin(subject, *order)
    try:
        yield fence
    except Exception:
        fence.check()
        raise
    finally:
        fence.clear()


def numbers(name: str) -> tuple[int, ...]:
    """Those in a name such as `tuner.2.17`, by which later ones are told from earlier ones."""
    return tuple(int(found) for found in re.findall(r"\d+", name))


def _delete(path: Path) -> None:
    """Of an older attempt that is at work it deletes what there is; what comes after is deleted when this one ends."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
