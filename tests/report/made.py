"""Runs made up for reports: ledgers with a true chain, and what jobs would have left beside them."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.workspace.layout import Layout
from schemas.base import RunRef, digest
from schemas.budget import Budget, Clock
from schemas.delivery import Prepared
from schemas.event import (
    Event,
    LedgerEntry,
    RunPrepared,
    RunStarted,
)
from schemas.job import JobPhase, JobPurpose, JobState, StepState, Use
from schemas.metric import Direction, Metric, Score
from schemas.run import RunSettings, RunSpec
from schemas.task import Split, Task

BEGUN = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
USE = Use(cores=1.4, memory_mb=310.0, peak_memory_mb=512.0)
RMSE = Metric(name="rmse", direction=Direction.LOWER, predicts="value")


def score(value: float, *, wide: float = 0.03, rows: int = 902, split: str = "select", metric: Metric = RMSE) -> Score:
    return Score.model_validate(
        {
            "metric": metric,
            "value": value,
            "low": value - wide,
            "high": value + 1.1 * wide,
            "rows": rows,
            "split": split,
        }
    )


@dataclass
class Made:
    """A run being made up: `tell` appends a fact at a second of the run, `job` leaves a job's state behind."""

    layout: Layout
    told: list[tuple[float, Event]] = field(default_factory=list)

    def tell(self, at: float, event: Event) -> None:
        self.told.append((at, event))

    def job(
        self, id: str, begun: float, ended: float, purpose: JobPurpose = "train", device: str = "cpu:0",
        phase: JobPhase = "done", use: Use | None = USE, limited_by: str = "kernel",
    ) -> None:  # fmt: skip
        state = JobState(
            id=id,
            purpose=purpose,
            phase=phase,
            device=device,
            queued_at=BEGUN + timedelta(seconds=begun - 1),
            started_at=BEGUN + timedelta(seconds=begun),
            ended_at=BEGUN + timedelta(seconds=ended),
            steps=(
                StepState(
                    name=purpose,
                    seconds=ended - begun,
                    exit_code=0 if phase == "done" else 1,
                    peak_memory_mb=use.peak_memory_mb if use else None,
                    use=use,
                    limited_by=limited_by,
                ),
            ),
            problem=None if phase == "done" else "ran out of memory",
            sandbox="bubblewrap",
        )
        folder = self.layout.job(id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.json").write_text(state.model_dump_json())

    def metrics(self, job: str, parts: int, last: float, steps: int = 60) -> None:
        for part in range(1, parts + 1):
            out = self.layout.job_out(job, f"fold{part}" if parts > 1 else "select")
            out.mkdir(parents=True)
            lines = [json.dumps(row) for row in _curve(part, last, steps)]
            (out / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 61, "valid_']))

    def save(self) -> Layout:
        self.layout.folder.mkdir(parents=True, exist_ok=True)
        self.layout.ledger.write_text("".join(entry.model_dump_json() + "\n" for entry in self.entries()))
        return self.layout

    def entries(self) -> Iterator[LedgerEntry]:
        previous = "0" * 64
        for seq, (at, event) in enumerate(sorted(self.told, key=lambda told: told[0]), 1):
            moment = BEGUN + timedelta(seconds=at)
            sealed = digest({"seq": seq, "at": moment, "event": event, "previous": previous})
            yield LedgerEntry(seq=seq, at=moment, event=event, previous=previous, digest=sealed)
            previous = sealed


def _curve(part: int, last: float, steps: int) -> Iterator[dict[str, float]]:
    for step in range(1, steps + 1):
        fall = math.exp(-step / (9 + part))
        bump = 0.012 * part * math.sin(step / 7)
        yield {
            "step": step,
            "time": step * 0.4,
            "train_rmse": last * (0.55 + 1.1 * fall),
            "valid_rmse": last * (1 + 0.9 * fall + bump),
        }


def task(**changes: object) -> Task:
    settled = Task(
        name="esol-solubility",
        kind="regression",
        metric=RMSE,
        split=Split(kind="random", folds=5, report=0.1, why="There are fewer than 5,000 labelled rows."),
        train="train.csv",
        test="test.csv",
        sample_submission="sample_submission.csv",
        id="id",
        targets=("solubility",),
        prediction_columns=("id", "solubility"),
        rows=902,
        test_rows=226,
        settled={"target": "the column of the sample submission", "metric": "named in the description: RMSE"},
    )
    return settled.model_copy(update=changes)


def begun(folder: Path, *, settings: RunSettings | None = None) -> Made:
    made = Made(Layout(folder))
    spec = RunSpec(
        run=RunRef(id=folder.name, folder=str(folder)),
        name="esol-solubility",
        settings=settings or RunSettings(),
        budget=Budget(seconds=600.0, agent_calls=40),
    )
    clock = Clock(started=BEGUN, explore_until=BEGUN + timedelta(seconds=450), deadline=BEGUN + timedelta(seconds=600))
    made.tell(0, RunStarted(spec=spec, clock=clock))
    return made


def prepared(made: Made, at: float = 4, *, sandbox: str = "bubblewrap", task_: Task | None = None) -> None:
    made.tell(
        at,
        RunPrepared(
            prepared=Prepared(
                task=task_ or task(),
                data={"train.csv": "5f" * 32, "test.csv": "a1" * 32},
                withheld={"report": 90, "select": 812},
                environment="/environments/9c1f",
                sandbox=sandbox,
                notes=("The column smiles holds SMILES strings.",),
            )
        ),
    )
