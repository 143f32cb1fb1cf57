"""Histories of runs as the real server wrote them, committed: what newer code must still decide in the same way.

`python -m tests.histories.make` makes those with played activities anew, which is right only where the workflow is
meant to decide otherwise than before. `... make diabetes` makes a real run's.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from schemas.event import LedgerEntry

FOLDER = Path(__file__).parent
HEADS = FOLDER / "heads.json"


@dataclass(frozen=True)
class Kept:
    """One run's executions in order, as JSON, and how its ledger ended when it was made."""

    histories: tuple[str, ...]
    entries: int
    head: str


def heads() -> dict[str, dict[str, int | str]]:
    return dict(json.loads(HEADS.read_text())) if HEADS.is_file() else {}


def kept(kind: str) -> Kept:
    known = heads()[kind]
    texts = tuple(gzip.decompress(path.read_bytes()).decode() for path in _files(kind))
    return Kept(texts, int(known["entries"]), str(known["head"]))


def keep(kind: str, histories: list[str], ledger: list[LedgerEntry]) -> None:
    for old in _files(kind):
        old.unlink()
    for number, text in enumerate(histories, 1):
        packed = gzip.compress(text.encode(), mtime=0)
        (FOLDER / f"{kind}.{number}.json.gz").write_bytes(packed)
    known = {**heads(), kind: {"entries": ledger[-1].seq, "head": ledger[-1].digest}}
    HEADS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def _files(kind: str) -> list[Path]:
    return sorted(FOLDER.glob(f"{kind}.*.json.gz"))
