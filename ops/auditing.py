"""A run's record, checked by someone who does not trust it: replayed from Temporal's history, and compared."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.client import Client

from ops import replaying, runs
from ops.errors import CommandFailed
from ops.settings import Settings
from schemas.base import Record
from schemas.event import LedgerEntry
from workflows import ledger


class Verdict(Record):
    """What replay found. `head` is the digest of the last entry that both ledgers hold."""

    run: str
    agrees: bool
    executions: int
    entries: int
    head: str
    source: str  # where the histories came from: server or folder
    problems: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        if not self.agrees:
            return f"{self.run}: the record does NOT agree with its history"
        return (
            f"{self.run}: {self.entries} entries derived again from {self.executions} execution(s) of its workflow, "
            f"without a model; every digest agrees. Head: {self.head}"
        )


async def verify(settings: Settings, client: Client | None, run: str) -> Verdict:
    """Derives the ledger again from the histories and compares it, entry by entry, with the one that was kept."""
    kept = runs.read_ledger(runs.layout(settings, run))
    histories, source = await _histories(settings, client, run)
    try:
        derived = await replaying.replayed(run, histories)
    except workflow.NondeterminismError as error:
        problem = f"this version of the workflow would have gone another way: {error}"
        return _verdict(run, histories, source, kept, [problem])
    live = await runs.new_entries(client, run, 0) if client is not None and not kept else None
    return _verdict(run, histories, source, derived, compare(kept or live or [], derived))


def compare(kept: Sequence[LedgerEntry], derived: Sequence[LedgerEntry]) -> list[str]:
    """Where two ledgers of one run differ, or one of them is broken. A kept ledger may be behind, never ahead."""
    problems = []
    for name, entries in (("kept", kept), ("derived", derived)):
        broken = ledger.broken_at(entries)
        if broken is not None:
            problems.append(f"the {name} ledger is broken at entry {broken}: it does not follow from the one before")
    for one, other in zip(kept, derived, strict=False):
        if one.digest != other.digest:
            problems.append(f"entry {one.seq} differs: kept {one.event.kind}, derived {other.event.kind}")
            break
    if len(kept) > len(derived):
        problems.append(f"the kept ledger has {len(kept)} entries, but its history gives only {len(derived)}")
    return problems


def _verdict(
    run: str, histories: Sequence[str], source: str, entries: Sequence[LedgerEntry], problems: Sequence[str]
) -> Verdict:
    return Verdict(
        run=run,
        agrees=not problems,
        executions=len(histories),
        entries=len(entries),
        head=entries[-1].digest if entries else "",
        source=source,
        problems=tuple(problems),
    )


async def _histories(settings: Settings, client: Client | None, run: str) -> tuple[list[str], str]:
    """The histories of all executions in order, from the server while it has them, else as they were exported."""
    found = await replaying.histories(client, run) if client is not None else []
    if found:
        return found, "server"
    files = sorted((runs.layout(settings, run).folder / "history").glob("*.json"))
    if not files:
        raise CommandFailed(f"no history of {run} is on the server or in its folder")
    return [path.read_text(encoding="utf-8") for path in files], "folder"
