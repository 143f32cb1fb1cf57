"""What becomes of jobs when machines die, power goes, or a run ends with nobody there to stop them."""

import asyncio
import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.execution import cgroups, processes, sandbox, steprun
from activities.execution.durable import sync_file_systems, write_whole
from activities.execution.folder import JobFolder, Order
from activities.execution.leases import forget_machines
from activities.host import Host
from activities.preparation import PreparationActivities
from activities.tools.roots import jobs_of
from activities.workspace.layout import Layout
from schemas.base import RunRef
from schemas.budget import Budget
from schemas.delivery import PrepareRequest
from schemas.event import LedgerEntry, RunEnded
from schemas.job import JobState, Limits, StepState
from schemas.run import RunSettings, RunSpec
from tests.execution.conftest import Bench
from tests.execution.test_container import engine

COUNTS = (
    "import os, time\nsteps = int(open('/out/checkpoint').read()) if os.path.exists('/out/checkpoint') else 0\n"
    "print('from', steps)\nopen('/out/model', 'w').write(str(steps + 1))\n"
)
WAITS = "import time\nopen('/out/running', 'w').write('x')\ntime.sleep(60)\n"


def as_left_by_a_machine_that_died(bench: Bench, code: str, *, restarts: int = 0, **more: object) -> JobFolder:
    """A job that ran there: its order, a state that says so, its checkpoint, drafts, and no process anywhere."""
    folder = JobFolder.of(bench.root / "jobs", "tuner.1.1.j1")
    now = datetime.now(UTC)
    done = bench.step("open('/out/prepared', 'a').write('again')", name="prepare")
    spec = bench.spec(done, bench.step(code), **more)
    folder.place(Order(id="tuner.1.1.j1", spec=spec, sandbox="bubblewrap", ordered_at=now))
    steps = (StepState(name="prepare", exit_code=0, seconds=5.0), StepState(name="train", seconds=40.0))
    state = JobState(id="tuner.1.1.j1", purpose="train", phase="running", device="gpu:7", queued_at=now, started_at=now)
    folder.write(state.model_copy(update={"steps": steps, "restarts": restarts}))
    for file in ("state.json", "spec.json", "stop"):
        (folder.path / f".{file}.0123").write_text("{")
    folder.lock.touch()
    folder.log.write_text("epoch 1\n")
    (bench.out / "checkpoint").write_text("7")
    return folder


async def test_a_job_whose_machine_died_goes_on_from_its_checkpoint_on_the_devices_of_another(bench: Bench) -> None:
    folder = as_left_by_a_machine_that_died(bench, COUNTS)
    state = await bench.ended()
    assert (state.phase, state.restarts, state.device) == ("done", 1, "cpu:0")
    assert (bench.out / "model").read_text() == "8"
    assert not (bench.out / "prepared").exists(), "what was done is not done again"
    log = bench.jobs.log("tuner.1.1.j1")
    assert log.startswith("epoch 1\n"), "what it had printed is kept"
    assert "the supervisor had died" in log
    assert state.steps[1].seconds > 40, "the time that it took before counts"
    assert list(folder.path.glob(".*")) == []


async def test_a_step_that_had_failed_is_not_done_again(bench: Bench) -> None:
    """As when its supervisor is killed between the record of the step and that of the job's end."""
    folder = as_left_by_a_machine_that_died(bench, COUNTS)
    prepared, _ = folder.state().steps
    failed = StepState(name="train", exit_code=1, seconds=40.0, problem="it ended with exit code 1")
    folder.write(folder.state().model_copy(update={"steps": (prepared, failed)}))
    state = await bench.ended()
    assert (state.phase, state.problem) == ("failed", "train: it ended with exit code 1")
    assert state.steps[1] == failed
    assert not (bench.out / "model").exists()


async def test_a_job_is_not_taken_up_without_end(bench: Bench) -> None:
    as_left_by_a_machine_that_died(bench, COUNTS, restarts=10)
    state = await bench.ended()
    assert (state.phase, "its supervisor died 11 times" in str(state.problem)) == ("failed", True)


async def test_a_job_whose_deadline_passed_while_the_machine_was_off_does_not_begin_again(bench: Bench) -> None:
    as_left_by_a_machine_that_died(bench, COUNTS, deadline=datetime(2026, 1, 1, tzinfo=UTC))
    assert "the deadline came" in str((await bench.ended()).problem)
    assert not (bench.out / "model").exists()


@pytest.mark.parametrize(("restarts", "phase"), [(0, "done"), (10, "failed")])
async def test_a_group_that_a_dead_supervisor_left_is_cleared_by_its_successor(
    bench: Bench, restarts: int, phase: str
) -> None:
    """Also where that does no step any more."""
    folder = as_left_by_a_machine_that_died(bench, COUNTS, restarts=restarts)
    left = cgroups.group(steprun.label(folder, 1), Limits())
    if left is None:
        pytest.skip("no control group can be made here")
    assert (await bench.ended()).phase == phase
    assert not any(path.exists() for path in left.folders)


def test_groups_that_nobody_came_back_for_are_forgotten_later(monkeypatch: pytest.MonkeyPatch) -> None:
    left = cgroups.group("left-by-a-test-0", Limits())
    if left is None:
        pytest.skip("no control group can be made here")
    cgroups.forget_empty()
    assert all(path.exists() for path in left.folders), "its supervisor may be about to use it"
    monkeypatch.setattr(cgroups, "FORGOTTEN_AFTER", 0.0)
    monkeypatch.setattr(cgroups, "PREFIX", "aibuildai-left-by-a-test")
    cgroups.forget_empty()
    assert not any(path.exists() for path in left.folders)


async def test_a_container_that_a_dead_supervisor_left_is_removed_by_a_stop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = engine(bench.root / "engine")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    folder = as_left_by_a_machine_that_died(bench, COUNTS)
    order = folder.order().model_copy(update={"sandbox": "container"})
    write_whole(folder.spec, order.model_dump_json())
    folder.write(folder.state().model_copy(update={"sandbox": "container"}))
    assert (await bench.jobs.stop("tuner.1.1.j1")).phase == "stopped"
    asked = (program.parent / "asked").read_text()
    assert f"rm --force aibuildai-{steprun.label(folder, 1)}" in asked


# --- loss of power ----------------------------------------------------------------------------------------------------


async def test_what_a_step_left_is_on_disk_before_it_counts_as_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "SUPERVISOR", ("-m", "tests.execution.recorded"))
    state = await bench.run(bench.step(COUNTS), bench.step(COUNTS, name="predict"))
    assert state.phase == "done"
    order = (bench.root / "jobs" / "tuner.1.1.j1" / "order").read_text().splitlines()
    for state_line, syncs in (("running train", 1), ("running train,predict", 2), ("done train,predict", 2)):
        before = order[: order.index(state_line)]
        assert before.count("synced out") == syncs, order


def test_a_file_system_that_cannot_keep_files_is_an_error(tmp_path: Path) -> None:
    sync_file_systems([tmp_path, tmp_path])
    with pytest.raises(FileNotFoundError):
        sync_file_systems([tmp_path / "gone"])


# --- a run that ended with nobody there -------------------------------------------------------------------------------


def ended_run(home: Path, name: str, *, ended: bool) -> Layout:
    layout = Layout(home / "runs" / name)
    layout.folder.mkdir(parents=True)
    entry = LedgerEntry(
        seq=1, at=datetime.now(UTC), event=RunEnded(phase="DONE", why="delivered"), previous="", digest=""
    )
    layout.ledger.write_text(entry.model_dump_json() + "\n" if ended else '{"seq": 1, "event": {"kind": "cut o')
    return layout


async def test_jobs_of_runs_that_ended_are_stopped_by_the_next_worker_and_others_go_on(bench: Bench) -> None:
    host = Host(bench.home, ("cpu:0", "cpu:1"))
    for name, ended in (("over", True), ("going", False)):
        layout = ended_run(bench.home, name, ended=ended)
        jobs = host.jobs(RunRef(id=name, folder=str(layout.folder)), "bubblewrap")
        bench.jobs = jobs
        (bench.out / "running").unlink(missing_ok=True)
        await jobs.start(bench.spec(WAITS), id="tuner.1.1.j1")
        await bench.until((bench.out / "running").exists)
    assert await host.sweep() == ("over: tuner.1.1.j1",)
    over, going = (JobFolder(bench.home / "runs" / name / "jobs" / "tuner.1.1.j1") for name in ("over", "going"))
    assert (over.state().phase, going.state().phase) == ("stopped", "running")
    tree = [
        process for process in psutil.process_iter(["cmdline"]) if str(over.path) in (process.info["cmdline"] or [])
    ]
    _, alive = psutil.wait_procs(tree, timeout=5)
    assert alive == []
    assert await host.sweep() == ()


def test_what_machines_left_that_were_started_anew_is_forgotten_unless_it_is_held(bench: Bench) -> None:
    for name in ("old", "held", "new"):
        queue = bench.home / "leases" / name / "queue"
        queue.mkdir(parents=True)
        (queue.parent / "cpu-0.lock").touch()
        if name != "new":
            os.utime(queue, (0, 0))
    with (bench.home / "leases" / "held" / "cpu-0.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        forget_machines(bench.home)
    assert sorted(path.name for path in (bench.home / "leases").iterdir()) == ["held", "new"]


def test_a_candidates_jobs_are_those_of_its_own_roles(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for name in (
        "tuner.12.31.j1",
        "delivery.12.verify",
        "delivery.12.refit.c3",
        "tuner.1.2.j1",
        "setup.12",
        "coder.12.8.j2",
    ):
        layout.job(name).mkdir(parents=True)
    assert jobs_of(layout, 12) == ["coder.12.8.j2", "tuner.12.31.j1"]


# --- no sandbox -------------------------------------------------------------------------------------------------------


def prepared_with(tmp_path: Path, **settings: object) -> PrepareRequest:
    run = RunRef(id="r", folder=str(tmp_path / "run"))
    Path(run.folder).mkdir()
    given = RunSettings.model_validate(settings)
    spec = RunSpec(run=run, name="task", settings=given, budget=Budget(seconds=600))
    Layout.of(run).spec.write_text(spec.model_dump_json())
    return PrepareRequest(run=run, seed=0, sandbox=given.sandbox)


@pytest.mark.parametrize("settings", [{"model": "claude-x"}, {"models": {"coder": "claude-x"}}])
async def test_without_a_sandbox_a_language_model_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    monkeypatch.setattr(sandbox, "_candidates", lambda name: iter(()))
    activities = PreparationActivities(Host(tmp_path / "home", ("cpu:0",)))
    with pytest.raises(
        ApplicationError, match=r"claude-x would write code .* `--sandbox none` starts the run all"
    ) as no:
        await ActivityEnvironment().run(activities.prepare, prepared_with(tmp_path, **settings))
    assert (no.value.type, no.value.non_retryable) == ("BadInput", True)


@pytest.mark.parametrize("settings", [{}, {"model": "claude-x", "sandbox": "none"}])
async def test_the_playbook_goes_on_without_one_and_so_does_whoever_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    """They get as far as the task, which is not there."""
    monkeypatch.setattr(sandbox, "_candidates", lambda name: iter(()))
    activities = PreparationActivities(Host(tmp_path / "home", ("cpu:0",)))
    with pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(activities.prepare, prepared_with(tmp_path, **settings))
    assert (raised.value.type, "sandbox" in str(raised.value)) == ("BadInput", False)


async def test_a_short_check_goes_ahead_of_a_long_training_that_came_before(bench: Bench) -> None:
    code = "import os, time\nopen('/out/order', 'a').write('{name} ')\n"
    code += "while not os.path.exists('/out/go'):\n    time.sleep(0.02)\n"
    await bench.jobs.start(bench.spec(bench.step(code.format(name="first"), name="first")), id="tuner.1.1.j1")
    await bench.until((bench.out / "order").exists)
    for name, id, priority in (("training", "tuner.2.1.j1", 1), ("check", "coder.3.1.j1", 0)):
        await bench.jobs.start(bench.spec(bench.step(code.format(name=name), name=name), priority=priority), id=id)
        folder = JobFolder.of(bench.root / "jobs", id)
        await bench.until(folder.state_file.exists, id)
    (bench.out / "go").touch()
    await asyncio.gather(*(bench.ended(id) for id in ("tuner.1.1.j1", "tuner.2.1.j1", "coder.3.1.j1")))
    assert (bench.out / "order").read_text() == "first check training "


def test_write_whole_leaves_no_draft(tmp_path: Path) -> None:
    write_whole(tmp_path / "state.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
