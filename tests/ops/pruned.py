"""Runs of the past on disk, as prune finds them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.workspace.layout import Layout
from ops.settings import Settings
from schemas.base import RunRef
from schemas.delivery import Prepared
from schemas.event import Event, LedgerEntry, RunEnded, RunPrepared
from schemas.run import RunSpec
from tests.ops.conftest import Finished
from tests.workflows.facts import TASK, spec, started
from workflows import ledger

REMAINS = {"run.json", "task.json", "task", "ledger.jsonl", "history", "output", "PRUNED"}
BULK = 3_000_000  # bytes of a job


def written(where: Layout, *events: Event, at: datetime) -> None:
    """The ledger of these events."""
    lines: list[LedgerEntry] = []
    for number, event in enumerate(events, 1):
        lines.append(ledger.entry(event, seq=number, at=at, previous=lines[-1].digest if lines else ledger.GENESIS))
    where.ledger.write_text("".join(line.model_dump_json() + "\n" for line in lines))


def made(settings: Settings, name: str, *, ended_days_ago: float | None, folder: Path | None = None) -> Layout:
    """A run's folder with something in all of its places; without an end, one that is not over by its files."""
    where = Layout(folder or settings.runs / name)
    for place in (where.task, where.output / "model", where.histories, where.job("j1"), where.view, where.weights):
        place.mkdir(parents=True)
    asked = RunSpec(run=RunRef(id=name, folder=str(where.folder)), **spec().model_dump(exclude={"run"}))
    where.spec.write_text(asked.model_dump_json())
    where.settled.write_text(TASK.model_dump_json())
    (where.output / "report.html").write_text("<p>good</p>")
    (where.job("j1") / "log.txt").write_bytes(b"x" * BULK)
    (where.histories / "001.json").write_text("{}")
    first = started().model_copy(update={"spec": asked})
    environment = str(settings.home / "environments" / f"of-{name}")
    prepared = RunPrepared(prepared=Prepared(task=TASK, environment=environment, sandbox="none"))
    at = datetime.now(UTC) - timedelta(days=ended_days_ago or 0)
    end = () if ended_days_ago is None else (RunEnded(phase="DONE", why="delivered"),)
    written(where, first, prepared, *end, at=at)
    return where


def left(where: Layout) -> set[str]:
    return {path.name for path in where.folder.iterdir()}


def names(found: Finished, key: str) -> list[str]:
    return [one["name"] for one in found.json[key]]
