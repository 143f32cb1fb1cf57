"""How much is free on disk where a run and its server write, against a mark below which nothing new is begun."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from activities.errors import LittleDisk, NeedsPerson
from activities.execution.walking import walk

MARK_MB = 1_000  # by default
AGAIN = 1.1  # of a mark: so much is free before work goes on, so that it does not stop at once again


@dataclass(frozen=True)
class Room:
    """`mark_mb` 0 means that nobody looks."""

    folders: tuple[Path, ...]
    mark_mb: int

    def check(self, needed_mb: float = 0) -> None:
        """Raises LittleDisk if a folder has less than the mark.

        NeedsPerson if it would have less beside what is about to be written: nobody sees by the mark alone when that is
        mended.
        """
        if folder := self.lacking():
            raise LittleDisk(self.words(folder), folder)
        if self.mark_mb and (folder := scant(self.folders, self.mark_mb + needed_mb)):
            raise NeedsPerson(self.words(folder, needed_mb))

    def lacking(self) -> Path | None:
        """The first folder that has less than the mark."""
        return scant(self.folders, self.mark_mb)

    def words(self, folder: Path, needed_mb: float = 0) -> str:
        """What is wrong with a folder that lacks room, and what to do."""
        beside = f" beside the {needed_mb:,.0f} MB that are about to be written" if needed_mb else ""
        return (
            f"little disk is left: {free_mb(folder):,.0f} MB are free at {folder}, and {self.mark_mb:,} MB must be "
            f"(AIBUILDAI_LOW_DISK_MB){beside}: delete or move what is not needed there"
        )


def scant(folders: Iterable[Path], mark_mb: float) -> Path | None:
    """The first folder that has less than so much."""
    return next((folder for folder in folders if free_mb(folder) < mark_mb), None)


def size_mb(folders: Iterable[Path]) -> float:
    """What the files in them would take, if each were written in full."""
    found = (entry for folder in folders for entry in walk(folder))
    return sum(entry.status.st_size for entry in found if not entry.is_folder) / 2**20


def free_mb(folder: Path) -> float:
    """What this user may still write there; of a folder that is yet to be made, where it will be."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize / 2**20
