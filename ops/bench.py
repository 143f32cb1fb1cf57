"""`make bench`: real tasks through the same command line, graded by answers that no run can see.

BENCH_DATA holds a folder for each task: `description.md` and `data/`, which are copied for the run; `answers.csv`,
which is not; and optionally `leaderboard.csv` with a column `score`, to place the result among people's.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pandas as pd
import psutil
from rich.console import Console
from rich.table import Table

from activities.agent.journal import read
from activities.agent.records import Asking, Replied
from activities.errors import BadInput
from activities.workspace.layout import Layout
from activities.workspace.metrics import find
from activities.workspace.report.record import Record, read_record
from activities.workspace.report.timeline import covered
from schemas.event import ChoiceMade, ReportScored
from schemas.metric import Direction
from schemas.task import Task

GIVEN = ("description.md", "data")
SAMPLE_SECONDS = 1.0
HEADINGS = ("task", "metric", "test", "beats", "select", "report", "wall", "idle", "events", "history", "memory, MB")


@dataclass(frozen=True)
class Result:
    """What one task's run came to; `idle` is the share of its time with neither a model asked nor a job running."""

    task: str
    metric: str
    score: float | None
    select: str
    report: str
    ahead: float | None  # share of a leaderboard's people that it beats
    seconds: float
    idle: float
    events: int
    megabytes: float
    memory: dict[str, float]  # peak resident MB
    phase: str
    why: str = ""


@dataclass
class Memory:
    """Peak resident memory of workers and server, sampled beside a run."""

    home: Path
    peaks: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            for name, megabytes in _resident(self.home):
                self.peaks[name] = max(self.peaks.get(name, 0.0), megabytes)

    def end(self) -> dict[str, float]:
        self._stop.set()
        self._thread.join()
        return self.peaks


def _resident(home: Path) -> Iterator[tuple[str, float]]:
    for process in psutil.process_iter(["cmdline", "memory_info"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(home) not in line or process.info["memory_info"] is None:
            continue
        megabytes = process.info["memory_info"].rss / 2**20
        if "start-dev" in line:
            yield "server", megabytes
        elif "worker.py" in line:
            yield "gpu worker" if "-gpu" in line else "control worker", megabytes


def grade(task: Task, answers: Path, submission: Path) -> float:
    """The metric of a submission against the answers, both found by id."""
    truth, given = (pd.read_csv(path, dtype={task.id: str}).set_index(task.id) for path in (answers, submission))
    target = task.targets[0]
    return find(task.metric.name).value(truth[target].to_numpy(), given.loc[truth.index, target].to_numpy())


def ahead_of(board: Path, score: float, direction: Direction) -> float | None:
    """The share of a leaderboard that is worse."""
    if not board.is_file():
        return None
    scores = pd.read_csv(board)["score"]
    return float((scores > score).mean() if direction is Direction.LOWER else (scores < score).mean())


def idle_share(record: Record, layout: Layout) -> float:
    """The share of the run's wall time in which no model was asked and no job ran."""
    times = [entry.at for entry in record.entries]
    begin, end = times[0], times[-1]
    stretches = [
        ((job.started_at - begin).total_seconds(), (job.ended_at - begin).total_seconds())
        for job in record.jobs
        if job.started_at is not None and job.ended_at is not None
    ]
    for folder in sorted((layout.folder / "journals").glob("*")):
        asked = None
        for entry in read(folder):
            if isinstance(entry, Asking):
                asked = (entry.at - begin).total_seconds()
            elif isinstance(entry, Replied) and asked is not None:
                stretches.append((asked, asked + entry.seconds))
    return 1 - covered(stretches) / max((end - begin) / timedelta(seconds=1), 1e-9)


def bench(folder: Path, home: Path, options: Sequence[str]) -> Result:
    """Runs one task and grades it."""
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch) / folder.name
        given.mkdir()
        for name in GIVEN:
            source = folder / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, given / name)
        memory = Memory(home)
        run = _run(given, home, options)
        peaks = memory.end()
    layout = Layout(home / "runs" / run)
    record = read_record(layout)
    status = json.loads(_command(home, "status", run, "--json").stdout)
    histories = sorted(layout.history(0).parent.glob("*.json"))
    submission = layout.output / "submission.csv"
    assert record.task is not None, f"{run} was not prepared"
    metric = record.task.metric
    score = grade(record.task, folder / "answers.csv", submission) if submission.is_file() else None
    spans = [entry.at for entry in record.entries]
    return Result(
        task=folder.name,
        metric=metric.name,
        score=score,
        select=_shown(record, "select"),
        report=_shown(record, "report"),
        ahead=None if score is None else ahead_of(folder / "leaderboard.csv", score, metric.direction),
        seconds=(spans[-1] - spans[0]).total_seconds(),
        idle=idle_share(record, layout),
        events=sum(len(json.loads(path.read_text())["events"]) for path in histories),
        megabytes=sum(path.stat().st_size for path in histories) / 2**20,
        memory=peaks,
        phase=status["phase"],
        why=status["why"],
    )


def _shown(record: Record, split: str) -> str:
    kind = ChoiceMade if split == "select" else ReportScored
    found = [entry.event for entry in record.entries if isinstance(entry.event, kind)]
    if not found:
        return ""
    last = found[-1]
    score = last.score if isinstance(last, ChoiceMade) else last.estimated.score
    return f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]" if score else ""


def _run(given: Path, home: Path, options: Sequence[str]) -> str:
    started = _command(home, "run", str(given), "--detach", "--json", *options)
    run: str = json.loads(started.stdout)["run"]
    _command(home, "watch", run, check=False)
    return run


def _command(home: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AIBUILDAI_HOME": str(home)}
    command = [str(Path(sys.executable).with_name("aibuildai")), *words]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if check and done.returncode:
        raise BadInput(f"`aibuildai {' '.join(words)}` ended with status {done.returncode}")
    return done


def table(results: Sequence[Result]) -> Table:
    """What people look at."""
    shown = Table(*HEADINGS)
    for one in results:
        shown.add_row(
            one.task,
            one.metric,
            f"{one.score:.4f}" if one.score is not None else f"{one.phase}: {one.why[:60]}",
            f"{one.ahead:.1%}" if one.ahead is not None else "",
            one.select,
            one.report,
            f"{one.seconds / 60:.1f} min",
            f"{one.idle:.1%}",
            str(one.events),
            f"{one.megabytes:.2f} MB",
            ", ".join(f"{name} {peak:.0f}" for name, peak in sorted(one.memory.items())),
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs each task of a folder and grades its submission.")
    parser.add_argument("data", type=Path, help="a folder of tasks, each with description.md, data/ and answers.csv")
    parser.add_argument("--minutes", default="10")
    parser.add_argument("--candidates", default="3")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", nargs="*", help="names of tasks")
    parser.add_argument("--home", type=Path, default=Path("bench-results").resolve(), help="keeps the runs")
    asked = parser.parse_args()
    found = [path.parent for path in sorted(asked.data.glob("*/answers.csv"))]
    folders = [folder for folder in found if not asked.only or folder.name in asked.only]
    if not folders:
        parser.error(f"no task with an answers.csv in {asked.data}; name a folder: make bench BENCH_DATA=FOLDER")
    options = ["--minutes", asked.minutes, "--candidates", asked.candidates, "--seed", asked.seed]
    results: list[Result] = []
    try:
        for folder in folders:
            results.append(bench(folder, asked.home, options))
            with (asked.home / "results.jsonl").open("a") as file:
                file.write(json.dumps(results[-1].__dict__) + "\n")
            Console(width=200).print(table(results))
    finally:
        _command(asked.home, "down", check=False)


if __name__ == "__main__":
    main()
