"""Each process of a run is killed with SIGKILL while a tuner trains. The run goes on, and nothing is done twice."""

import os
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest_asyncio

from activities.agent.journal import read
from activities.agent.records import READ, Asking, JournalRecord, Opened, Replied, spent
from activities.execution.folder import JobFolder
from activities.workspace.layout import Layout
from ops import processes, workers
from ops.connection import read_server
from schemas.job import JobState
from tests.whole.conftest import House
from tests.whole.polling import eventually
from workflows.calls import CONTROL

KILLS = 3


@dataclass(frozen=True)
class Job:
    """A training that runs, and who watches over it."""

    id: str
    invocation: str
    state: JobState
    supervisor: tuple[int, float]  # pid and start time


@dataclass(frozen=True)
class Survived:
    """What a run that lost every one of its processes was, before and after."""

    layout: Layout
    job: Job
    later: JobState  # of the same job, at its end
    at_return: tuple[int, float] | None  # its supervisor when the next attempt began; None if it had ended
    before: list[dict[str, Any]]  # the ledger before the first kill
    replied: dict[str, set[int]]  # invocation -> turns that had a reply before the first kill
    started: dict[str, str]  # job -> when it had started, before the first kill
    end: int  # exit code of `watch`


def supervisor(layout: Layout, job: str) -> tuple[int, float] | None:
    folder = str(layout.job(job).resolve())
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "activities.execution.supervisor" in words and folder in words:
                return process.pid, process.create_time()
        except psutil.Error:
            continue
    return None


def states(layout: Layout) -> dict[str, JobState]:
    folders = [JobFolder(path.parent) for path in layout.jobs.glob("*/state.json")]
    return {folder.path.name: folder.state() for folder in folders}


def training(layout: Layout) -> Job | None:
    """A tuner's training that runs under a supervisor."""
    for name, state in states(layout).items():
        if name.startswith("tuner.") and (state.purpose, state.phase) == ("train", "running"):
            found = supervisor(layout, name)
            if found is not None:
                return Job(name, name.rpartition(".j")[0], state, found)
    return None


def kill(process: processes.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    assert processes.gone(process, seconds=10)


def kill_worker(house: House, queue: str) -> None:
    record = workers.read_worker(house.settings, queue)
    assert record is not None
    kill(record.process)


async def up(house: House, *expected: str) -> None:
    found = await house.shell("up", "--json")
    assert found.code == 0, found.err
    assert found.json["started"] == list(expected)


async def ledger(house: House, run: str) -> list[dict[str, Any]]:
    found = await house.shell("history", run, "--json")
    assert found.code == 0, found.err
    return list(found.json)


def segments(layout: Layout) -> dict[str, list[list[JournalRecord]]]:
    """Each invocation's segments, whole, in the order of its attempts."""
    return {
        folder.name: [
            [READ.validate_json(line) for line in path.read_bytes().split(b"\n")[:-1]]
            for path in sorted(folder.glob("a*.jsonl"), key=lambda path: int(path.stem[1:]))
        ]
        for folder in sorted((layout.folder / "journals").iterdir())
    }


def replies(layout: Layout) -> dict[str, set[int]]:
    return {
        name: {record.turn for segment in found for record in segment if isinstance(record, Replied)}
        for name, found in segments(layout).items()
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def survived(house: House, task: Path) -> Survived:
    run = await house.started(task, "--minutes", 4, "--candidates", 2)
    layout = house.layout(run)

    async def trains() -> Job | None:
        return training(layout)

    job = await eventually(trains, within=240, what="a tuner trains")
    before, replied = await ledger(house, run), replies(layout)
    started = {name: str(state.started_at) for name, state in states(layout).items() if state.started_at}

    kill_worker(house, workers.GPU)
    await up(house, workers.GPU)
    await eventually(_exists(layout.journal(job.invocation, 2)), within=90, what="a second attempt of the tuner")
    at_return = supervisor(layout, job.id)

    kill_worker(house, CONTROL)
    await up(house, CONTROL)

    server = read_server(house.settings)
    assert server is not None
    kill(server.process)
    await up(house, "server")

    end = (await house.shell("watch", run)).code
    later = states(layout)[job.id]
    return Survived(layout, job, later, at_return, before, replied, started, end)


def _exists(path: Path) -> Any:
    async def look() -> bool:
        return path.exists()

    return look


async def test_the_run_delivers(house: House, survived: Survived) -> None:
    found = await house.shell("status", survived.layout.folder.name, "--json")
    assert (survived.end, found.json["phase"], found.json["verified"]) == (0, "DONE", True)


def test_the_training_went_on_under_its_supervisor_and_was_not_started_twice(survived: Survived) -> None:
    assert survived.at_return in (survived.job.supervisor, None)
    assert survived.later.started_at == survived.job.state.started_at
    assert survived.later.phase == "done"
    assert survived.later.restarts == 0


def test_no_job_was_started_twice(survived: Survived) -> None:
    after = states(survived.layout)
    assert {name: str(after[name].started_at) for name in survived.started} == survived.started
    assert {name for name, state in after.items() if state.restarts} == set()


def test_the_tuner_had_a_second_attempt_that_took_the_first_one_over(survived: Survived) -> None:
    found = segments(survived.layout)[survived.job.invocation]
    assert len(found) >= 2
    first = found[1][0]
    assert isinstance(first, Opened)
    assert first.adopts[1] == len(found[0])


def test_no_reply_that_was_journaled_was_asked_for_again(survived: Survived) -> None:
    for name, found in segments(survived.layout).items():
        counts = Counter(record.turn for segment in found for record in segment if isinstance(record, Replied))
        assert {turn for turn, count in counts.items() if count > 1} == set(), name
        known: set[int] = set()
        for segment in found:
            assert {record.turn for record in segment if isinstance(record, Asking)} & known == set(), name
            known |= {record.turn for record in segment if isinstance(record, Replied)}
    after = replies(survived.layout)
    assert all(turns <= after[name] for name, turns in survived.replied.items())


def test_at_most_one_call_is_lost_for_each_kill(survived: Survived) -> None:
    journals = [read(folder) for folder in (survived.layout.folder / "journals").iterdir()]
    assert sum(spent(records).lost_calls for records in journals) <= KILLS


async def test_no_event_is_lost_and_the_record_still_verifies(house: House, survived: Survived) -> None:
    run = survived.layout.folder.name
    after = await ledger(house, run)
    assert after[: len(survived.before)] == survived.before
    assert [entry["seq"] for entry in after] == list(range(1, len(after) + 1))
    assert (await house.shell("history", run, "--verify")).code == 0


async def test_the_attempt_that_was_cut_off_is_on_record(house: House, survived: Survived) -> None:
    failed = [entry["event"] for entry in await ledger(house, survived.layout.folder.name)]
    cut = [event for event in failed if event["kind"] == "attempt_failed" and event["attempt"] == 1]
    assert survived.job.invocation in {event["invocation"] for event in cut}
    assert {(event["cause"], event["again"]) for event in cut} == {("platform", True)}
