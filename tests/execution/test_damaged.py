"""Files of jobs that a disk lost in part: what is left is used, and no other job or run suffers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.execution.durable import write_whole
from activities.execution.folder import JobFolder, Order
from activities.host import Host
from schemas.base import RunRef
from schemas.job import JobSpec, JobState
from tests.execution.conftest import Bench
from tests.execution.test_survival import WAITS, as_left_by_a_machine_that_died, ended_run

DONE = "open('/out/model', 'a').write('x')\n"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = Order(
    id="tuner.1.1.j1", spec=JobSpec(purpose="train", steps=(), environment="/e"), sandbox="none", ordered_at=NOW
)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder.of(tmp_path / "jobs", ORDER.id)
    folder.place(ORDER)
    return folder


def damaged(path: Path) -> list[bytes]:
    """The file cut off at each of its bytes, and what was never such a file."""
    whole = path.read_bytes()
    return [*(whole[:end] for end in range(len(whole))), b"\0" * len(whole), b"\xff{", b"[]", b'{"id": 3}']


def test_a_damaged_state_is_one_that_was_not_written(folder: JobFolder) -> None:
    queued = folder.state()
    folder.write(JobState(id=ORDER.id, purpose="train", phase="done", queued_at=NOW, ended_at=NOW))
    assert folder.state().phase == "done"
    for content in damaged(folder.state_file):
        folder.state_file.write_bytes(content)
        assert folder.state() == queued


def test_a_damaged_order_is_a_job_that_failed(folder: JobFolder) -> None:
    for content in damaged(folder.spec):
        folder.spec.write_bytes(content)
        state = folder.state()
        assert (state.id, state.phase, state.ended) == (ORDER.id, "failed", True)
        assert f"{folder.spec} was damaged; order it anew, as another job" in str(state.problem)


def test_a_job_that_ended_needs_its_order_no_more(folder: JobFolder) -> None:
    done = JobState(id=ORDER.id, purpose="train", phase="done", queued_at=NOW, ended_at=NOW)
    folder.write(done)
    folder.spec.write_bytes(b"")
    folder.give_up()
    assert folder.state() == done


async def test_a_job_whose_state_was_lost_is_done(bench: Bench) -> None:
    folder = as_left_by_a_machine_that_died(bench, DONE)
    folder.state_file.write_bytes(b'{"id": "tuner.1')
    assert (await bench.ended()).phase == "done"
    assert (bench.out / "model").read_text() == "x"


async def test_a_job_whose_order_was_lost_as_it_ran_fails_and_says_why(bench: Bench) -> None:
    folder = as_left_by_a_machine_that_died(bench, DONE)
    write_whole(folder.spec, "{")
    state = await bench.ended()
    assert (state.phase, "was damaged" in str(state.problem)) == ("failed", True)
    assert not (bench.out / "model").exists()
    assert (await bench.jobs.stop("tuner.1.1.j1")) == state


async def test_an_order_that_is_lost_under_its_supervisor_keeps_nobody_from_stopping_it(bench: Bench) -> None:
    await bench.jobs.start(bench.spec(WAITS), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    JobFolder.of(bench.root / "jobs", "tuner.1.1.j1").spec.write_bytes(b"")
    assert (await bench.jobs.stop("tuner.1.1.j1")).phase == "stopped"


async def test_jobs_of_the_other_runs_are_stopped_all_the_same(bench: Bench) -> None:
    host = Host(bench.home, ("cpu:0", "cpu:1"))
    layouts = {name: ended_run(bench.home, name, ended=True) for name in ("damaged", "over", "stuck")}
    for name, layout in layouts.items():
        jobs = host.jobs(RunRef(id=name, folder=str(layout.folder)), "bubblewrap")
        folder = JobFolder.of(layout.jobs, "tuner.1.1.j1")
        if name == "stuck":  # no supervisor can start there
            (folder.path / "log.txt").mkdir(parents=True)
        await jobs.start(bench.spec(WAITS), id="tuner.1.1.j1")
    JobFolder.of(layouts["damaged"].jobs, "tuner.1.1.j2").place(ORDER)
    (layouts["damaged"].job("tuner.1.1.j2") / "spec.json").write_bytes(b"{")
    assert await host.sweep() == ("damaged: tuner.1.1.j1", "over: tuner.1.1.j1")
