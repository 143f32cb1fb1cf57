"""Histories of runs as the real server wrote them, committed: what newer code must still decide in the same way.

A folder for each version, by the name that pyproject.toml had then: those of a released version stay as they are, and
all are replayed. `python -m tests.histories.make` makes the present version's with played activities, and
`... make diabetes` a real run's; what is there already is replaced only on demand, which is right only for a version
that is not released yet.
"""

import gzip
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from schemas.event import LedgerEntry

FOLDER = Path(__file__).parent
HEADS = "heads.json"
VERSION = str(tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())["project"]["version"])


class AlreadyKept(Exception):
    """That kind of run has a history of that version, which is not to be lost."""


@dataclass(frozen=True)
class Kept:
    """One run's executions in order, as JSON, and how its ledger ended when it was made."""

    histories: tuple[str, ...]
    entries: int
    head: str


@dataclass(frozen=True)
class Archive:
    """One version's histories of every kind of run."""

    version: str
    folder: Path

    def heads(self) -> dict[str, dict[str, int | str]]:
        """By kind, how many entries its ledger has and the digest of the last."""
        file = self.folder / HEADS
        return dict(json.loads(file.read_text())) if file.is_file() else {}

    def kept(self, kind: str) -> Kept:
        known = self.heads()[kind]
        texts = tuple(gzip.decompress(path.read_bytes()).decode() for path in self._files(kind))
        return Kept(texts, int(known["entries"]), str(known["head"]))

    def keep(self, kind: str, histories: list[str], ledger: list[LedgerEntry], *, replace: bool = False) -> None:
        """Raises AlreadyKept for what is there, if that is not to be replaced."""
        self.check([kind], replace=replace)
        self.folder.mkdir(exist_ok=True)
        for old in self._files(kind):
            old.unlink()
        for number, text in enumerate(histories, 1):
            packed = gzip.compress(text.encode(), mtime=0)
            (self.folder / f"{kind}.{number}.json.gz").write_bytes(packed)
        known = {**self.heads(), kind: {"entries": ledger[-1].seq, "head": ledger[-1].digest}}
        (self.folder / HEADS).write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")

    def check(self, kinds: list[str], *, replace: bool) -> None:
        """Raises AlreadyKept if a kind is there and not to be replaced."""
        there = sorted(set(kinds) & set(self.heads()))
        if there and not replace:
            raise AlreadyKept(f"version {self.version} has {', '.join(there)} already")

    def _files(self, kind: str) -> list[Path]:
        return sorted(self.folder.glob(f"{kind}.*.json.gz"), key=lambda path: int(path.name.split(".")[1]))


def archives(folder: Path = FOLDER) -> list[Archive]:
    """One for each version of which histories are kept."""
    return [Archive(path.parent.name, path.parent) for path in sorted(folder.glob(f"*/{HEADS}"))]


def archive(version: str = VERSION, folder: Path = FOLDER) -> Archive:
    return Archive(version, folder / version)
