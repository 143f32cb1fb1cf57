"""Reading what a run left on disk: ledger, job states, metrics. Whatever is missing is left out."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from activities.workspace.layout import Layout
from schemas.base import Record as Fact
from schemas.base import digest
from schemas.candidate import Trial
from schemas.event import LedgerEntry
from schemas.job import JobState
from schemas.profile import DataProfile
from schemas.task import Task

T = TypeVar("T", bound=BaseModel)

GENESIS = "0" * 64
MOST_BYTES = 32 * 1024 * 1024  # of one metrics file: a runaway log must not take the report down


class LeftTrial(Fact):
    """What a training was, as its tool left it beside the job: the ledger learns of it only with the tuner's report."""

    candidate: int
    trial: Trial


@dataclass(frozen=True)
class Record:
    """The files of a run, parsed. `unread` counts ledger lines that this version cannot parse."""

    folder: Path
    entries: tuple[LedgerEntry, ...]
    unread: int
    jobs: tuple[JobState, ...]
    left: tuple[LeftTrial, ...]
    task: Task | None
    profile: DataProfile | None

    @property
    def intact(self) -> bool:
        """True if the chain of digests holds over every line."""
        previous = GENESIS
        for entry in self.entries:
            sealed = digest({"seq": entry.seq, "at": entry.at, "event": entry.event, "previous": previous})
            if entry.previous != previous or entry.digest != sealed:
                return False
            previous = entry.digest
        return not self.unread


@dataclass(frozen=True)
class Series:
    """One named series of one part's metrics.jsonl, as (step, value).

    A training may fit several models one after the other: where the steps begin anew, a new run begins.
    """

    part: str
    name: str
    runs: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def longest(self) -> int:
        return max(len(run) for run in self.runs)


def read_record(layout: Layout) -> Record:
    """Everything that reports rest on; a file that is missing or unreadable is left out, never an error."""
    lines = _lines(layout.ledger)
    entries = tuple(entry for line in lines if (entry := _parsed(LedgerEntry, line)) is not None)
    states = (_parsed(JobState, _text(path)) for path in sorted(layout.jobs.glob("*/state.json")))
    notes = (_parsed(LeftTrial, _text(path)) for path in sorted(layout.jobs.glob("*/trial.json")))
    return Record(
        folder=layout.folder,
        entries=entries,
        unread=len(lines) - len(entries),
        jobs=tuple(sorted((state for state in states if state), key=lambda state: state.queued_at)),
        left=tuple(trial for trial in notes if trial),
        task=_parsed(Task, _text(layout.settled)),
        profile=_parsed(DataProfile, _text(layout.profile)),
    )


def read_series(layout: Layout, job: str) -> tuple[Series, ...]:
    """The series of a training job on the parts of `select`, folds in order."""
    found: list[Series] = []
    for path in sorted(layout.job(job).glob("parts/*/out/metrics.jsonl")):
        part = path.parent.parent.name
        if part == "select" or part.startswith("fold"):
            found += _series(part, path)
    return tuple(found)


def _series(part: str, path: Path) -> Iterator[Series]:
    columns: dict[str, list[list[tuple[float, float]]]] = {}
    for index, line in enumerate(_lines(path)):
        row = _object(line)
        step = _number(row.pop("step", None))
        at = float(index) if step is None else step
        for name, value in row.items():
            number = _number(value)
            if number is None or name == "time":
                continue
            runs = columns.setdefault(name, [[]])
            if runs[-1] and runs[-1][-1][0] >= at:
                runs.append([])
            runs[-1].append((at, number))
    for name, runs in columns.items():
        yield Series(part, name, tuple(tuple(run) for run in runs))


def _object(line: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except ValueError:  # a training that was killed leaves half a line
        return {}
    return row if isinstance(row, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _parsed(model: type[T], text: str) -> T | None:
    try:
        return model.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _lines(path: Path) -> list[str]:
    return [line for line in _text(path).split("\n") if line.strip()]


def _text(path: Path) -> str:
    """A file of the run as text. Links are not followed: what jobs leave is not trusted to stay in its folder."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(MOST_BYTES).decode("utf-8", errors="replace")
