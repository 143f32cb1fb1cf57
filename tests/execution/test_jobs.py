"""What a job is to those who start it: it runs once, leaves its output, and outlives them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from activities.execution.calling_off import call_off
from activities.execution.durable import write_whole
from activities.execution.folder import JobFolder
from activities.execution.output import Output, read
from schemas.job import Limits, Mount
from tests.execution.conftest import Bench

ONCE = """
import os, sys
with open('/out/runs', 'a') as file:
    file.write('once ')
print('threads', os.environ['OMP_NUM_THREADS'])
"""
CHECKPOINTED = """
import os, time
steps = int(open('/out/checkpoint').read()) if os.path.exists('/out/checkpoint') else 0
print('from', steps)
while steps < 8:
    steps += 1
    with open('/out/draft', 'w') as file:
        file.write(str(steps))
    os.replace('/out/draft', '/out/checkpoint')
    while steps == 4 and not os.path.exists('/out/go'):
        time.sleep(0.02)
"""
WAITS = "import time\nopen('/out/running', 'w').write('x')\nprint('runs', flush=True)\ntime.sleep(60)\n"


def supervisors(bench: Bench, id: str = "tuner.1.1.j1") -> list[psutil.Process]:
    wanted = str(bench.root / "jobs" / id)
    return [process for process in psutil.process_iter() if wanted in _words(process)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_what_was_drawn_over_shows_once_however_long_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_bytes(b"start\r\n10%\r50%\r100%\r\nend" + b"." * 2_000_000)
    assert read(file) == "start\n100%\nend" + "." * 2_000_000
    file.write_bytes(b"10%\r50%\r")
    assert read(file) == "50%"


@pytest.mark.parametrize("printed", [b"short\n", b"".join(b"line %03d\n" % number for number in range(200))])
def test_output_is_joined_once_wherever_its_supervisor_was_killed_in_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: bytes
) -> None:
    def joined(folder: Path, left: Iterator[int]) -> str:
        """The log after a supervisor that was killed when it had made so many changes, and a successor of it."""
        file = folder / "log.txt"
        output = Output(file, 400)
        output.write(printed)
        before = read(file)
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            for name in ("replace", "unlink"):
                patch.setattr(Path, name, killed_after(getattr(Path, name), left))
            output.finish()
        assert read(file) == before
        Output(file, 400).finish()
        assert [path.name for path in folder.iterdir()] == ["log.txt"]
        return file.read_text()

    def killed_after(change: Callable[..., object], left: Iterator[int]) -> Callable[..., object]:
        def maybe(*arguments: object, **more: object) -> object:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return change(*arguments, **more)

        return maybe

    whole = joined(tmp_path / "whole", iter(range(100)))
    assert len(whole) < 500
    for changes in range(5):
        assert joined(tmp_path / str(changes), iter(range(changes))) == whole, f"killed after {changes} changes"


async def test_a_job_runs_and_leaves_its_output_and_its_state(bench: Bench) -> None:
    step = bench.step("import helper\nprint('value', helper.VALUE)\nopen('/out/model', 'w').write('m')\n")
    state = await bench.run(step.model_copy(update={"expect": (str(bench.out / "model"),)}))
    assert (state.phase, state.problem, state.device, state.sandbox) == ("done", None, "cpu:0", "bubblewrap")
    assert [(step.exit_code, step.signal) for step in state.steps] == [(0, None)]
    assert (bench.out / "model").read_text() == "m"
    assert bench.jobs.log("tuner.1.1.j1") == "value 42\n"
    assert state.ended_at is not None
    assert state.started_at is not None
    assert state.queued_at <= state.started_at <= state.ended_at


async def test_a_job_is_started_once_however_often_and_from_wherever_it_is_asked_for(bench: Bench) -> None:
    spec = bench.spec(ONCE)
    workers = [bench.another() for _ in range(4)]
    await asyncio.gather(*(worker.start(spec, id="tuner.1.1.j1") for worker in workers for _ in range(3)))
    state = await bench.ended()
    again = await bench.another().start(spec, id="tuner.1.1.j1")
    assert again == state
    assert (bench.out / "runs").read_text() == "once "
    assert state.restarts == 0


async def test_a_job_outlives_the_process_that_started_it_and_is_found_by_another(bench: Bench) -> None:
    worker = start_elsewhere(bench, CHECKPOINTED)
    await bench.until(lambda: _reads(bench.out / "checkpoint", "4"))
    worker.kill()
    worker.communicate()
    (bench.out / "go").touch()
    state = await bench.ended(jobs=bench.another())
    assert (state.phase, state.restarts) == ("done", 0)
    assert bench.jobs.log("tuner.1.1.j1") == "from 0\n"


def start_elsewhere(bench: Bench, code: str) -> subprocess.Popen[bytes]:
    """A process that started the job, and would go on."""
    (bench.root / "spec.json").write_text(bench.spec(code).model_dump_json())
    program = (
        "import asyncio, pathlib, sys, time\nfrom activities.execution.jobs import LocalJobs\n"
        "from schemas.job import JobSpec\nroot = pathlib.Path(sys.argv[1])\n"
        "jobs = LocalJobs(root / 'jobs', root / 'home', ('cpu:0',), 'bubblewrap')\n"
        "spec = JobSpec.model_validate_json((root / 'spec.json').read_bytes())\n"
        "asyncio.run(jobs.start(spec, id='tuner.1.1.j1'))\nprint('started', flush=True)\ntime.sleep(60)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, str(bench.root)], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"started\n"
    return worker


async def test_a_job_whose_supervisor_was_killed_goes_on_from_its_checkpoint(bench: Bench) -> None:
    first = bench.step("open('/out/prepared', 'a').write('once ')", name="prepare")
    await bench.jobs.start(bench.spec(first, bench.step(CHECKPOINTED)), id="tuner.1.1.j1")
    await bench.until(lambda: _reads(bench.out / "checkpoint", "4"))
    [supervisor] = supervisors(bench)
    below = supervisor.children(recursive=True)
    assert below
    supervisor.kill()
    psutil.wait_procs(below, timeout=10)
    assert not [process for process in below if process.is_running()], "nothing survives a supervisor"
    (bench.out / "go").touch()
    state = await bench.ended(jobs=bench.another())
    assert (state.phase, state.restarts) == ("done", 1)
    assert [step.name for step in state.steps] == ["prepare", "train"]
    assert (bench.out / "prepared").read_text() == "once ", "a step that was done is not done again"
    assert "from 4" in bench.jobs.log("tuner.1.1.j1")


async def test_a_supervisor_that_is_told_to_end_leaves_the_job_to_be_taken_up_again(bench: Bench) -> None:
    code = "import signal, sys, time\n"
    code += "def save(*_):\n    open('/out/saved', 'w').write('x')\n    sys.exit(0)\n"
    code += "import os\nif os.path.exists('/out/saved'):\n    sys.exit(0)\n"
    code += "signal.signal(signal.SIGTERM, save)\nopen('/out/running', 'w').write('x')\ntime.sleep(60)\n"
    await bench.jobs.start(bench.spec(code), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    [supervisor] = supervisors(bench)
    supervisor.terminate()
    psutil.wait_procs([supervisor], timeout=10)
    assert (bench.out / "saved").exists(), "the code was told as well"
    assert bench.jobs.state("tuner.1.1.j1").phase == "running"
    state = await bench.ended()
    assert (state.phase, state.restarts) == ("done", 1)


async def test_an_order_that_no_supervisor_took_is_taken_by_whoever_waits(bench: Bench) -> None:
    """As when a worker dies between writing the order and starting a supervisor."""
    await bench.run(ONCE)
    done = JobFolder.of(bench.root / "jobs", "tuner.1.1.j1")
    left = JobFolder.of(bench.root / "jobs", "tuner.1.1.j2")
    left.place(done.order().model_copy(update={"id": "tuner.1.1.j2"}))
    assert left.state().phase == "queued"
    assert bench.jobs.running() == ("tuner.1.1.j2",)
    assert (await bench.ended("tuner.1.1.j2")).phase == "done"
    assert bench.jobs.running() == ()


async def test_a_job_that_kills_its_supervisor_again_and_again_is_given_up(bench: Bench) -> None:
    await bench.jobs.start(bench.spec(WAITS), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    [supervisor] = supervisors(bench)
    supervisor.kill()
    psutil.wait_procs([supervisor], timeout=10)
    folder = JobFolder.of(bench.root / "jobs", "tuner.1.1.j1")
    write_whole(folder.state_file, folder.state().model_copy(update={"restarts": 10}).model_dump_json())
    state = await bench.ended()
    assert state.phase == "failed"
    assert "its supervisor died 11 times" in str(state.problem)


async def test_a_supervisor_that_cannot_start_is_an_error_with_its_last_words(bench: Bench) -> None:
    folder = JobFolder.of(bench.root / "jobs", "tuner.1.1.j1")
    folder.path.mkdir(parents=True)
    (folder.path / "log.txt").mkdir()  # nothing can be written there
    await bench.jobs.start(bench.spec(ONCE), id="tuner.1.1.j1")
    with pytest.raises(RuntimeError, match="IsADirectoryError"):
        await bench.jobs.wait("tuner.1.1.j1", until=datetime.now(UTC) + timedelta(seconds=30))
    folder.log.rmdir()
    assert (await bench.another().stop("tuner.1.1.j1")).phase == "stopped"


async def test_waiting_ends_at_its_time_and_leaves_the_job_alone(bench: Bench) -> None:
    await bench.jobs.start(bench.spec(WAITS), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    state = await bench.jobs.wait("tuner.1.1.j1", until=datetime.now(UTC))
    assert state.phase == "running"
    await bench.until(lambda: bench.jobs.log("tuner.1.1.j1") == "runs\n")


async def test_stopping_all_leaves_no_process_of_a_run(bench: Bench) -> None:
    await bench.jobs.start(bench.spec(WAITS), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    await bench.jobs.start(bench.spec(bench.step(ONCE, name="other")), id="tuner.2.1.j1")
    [supervisor] = supervisors(bench)
    tree = [supervisor, *supervisor.children(recursive=True)]
    await bench.another().stop_all()
    assert bench.jobs.state("tuner.1.1.j1").phase == "stopped"
    waiting = bench.jobs.state("tuner.2.1.j1")
    assert (waiting.phase, waiting.problem) == ("stopped", "it was stopped while it waited for a device")
    assert list((bench.home / "leases").glob("*/queue/*")) == [], "its place in the queue is given up at once"
    _, alive = psutil.wait_procs(tree, timeout=10)
    assert not alive
    assert not (bench.out / "runs").exists()


async def test_a_supervisor_that_hangs_is_killed_by_a_stop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.execution.jobs.BEYOND_GRACE", 0.5)
    await bench.jobs.start(bench.spec(WAITS, limits=Limits(grace_seconds=0.1)), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    [supervisor] = supervisors(bench)
    code = supervisor.children(recursive=True)
    os.kill(supervisor.pid, signal.SIGSTOP)
    state = await bench.jobs.stop("tuner.1.1.j1")
    assert state.phase == "stopped"
    _, alive = psutil.wait_procs([supervisor, *code], timeout=10)
    assert not alive


async def test_stopping_a_job_that_never_started_does_not_keep_it_from_starting(bench: Bench) -> None:
    assert (await bench.jobs.stop("tuner.1.1.j1")).phase == "stopped"
    assert (await bench.run(ONCE)).phase == "done"


async def test_a_mount_that_is_not_there_is_named(bench: Bench) -> None:
    step = bench.step(ONCE)
    absent = Mount(source=str(bench.root / "model"), target="/model")
    state = await bench.run(step.model_copy(update={"mounts": (*step.mounts, absent)}))
    assert (state.phase, state.problem) == ("failed", "what it needs is not there: model")


@pytest.mark.parametrize("name", ["../escape", "", "a/b", ".hidden", "x" * 200])
async def test_an_id_cannot_lead_out_of_the_jobs_folder(bench: Bench, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a job"):
        await bench.jobs.start(bench.spec(ONCE), id=name)


def _reads(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


async def test_jobs_of_an_invocation_without_a_report_are_stopped_and_no_others(bench: Bench) -> None:
    await bench.jobs.start(bench.spec(WAITS), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    assert call_off(bench.root / "jobs", "tuner.1.10") == ()
    assert call_off(bench.root / "jobs", "tuner.1.1") == ("tuner.1.1.j1",)
    assert (await bench.ended()).phase == "stopped"
    assert call_off(bench.root / "jobs", "tuner.1.1") == (), "it ended"
