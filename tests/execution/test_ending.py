"""How a job is ended: asked first, then killed to the last process, by a stop, its time or its deadline."""

import signal
from datetime import UTC, datetime, timedelta

import psutil

from schemas.job import Limits
from tests.execution.conftest import Bench

STAYS = """
import os, signal, subprocess, sys, time
out = sys.argv[2]
def told(*_):
    open(out + '/told', 'w').write('SIGTERM')
signal.signal(signal.SIGTERM, told)
if not os.fork():
    os.setsid()
    if not os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(out + '/child', 'w').write('x')
        time.sleep(61)
    os._exit(0)
while not os.path.exists(out + '/child'):
    time.sleep(0.01)
open(out + '/running', 'w').write('x')
while True:
    time.sleep(0.05)
"""


async def test_a_stop_reaches_the_codes_own_handler_and_then_kills_whatever_is_left(bench: Bench) -> None:
    await bench.jobs.start(bench.spec(STAYS, limits=Limits(grace_seconds=0.5)), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    job = str(bench.root / "jobs" / "tuner.1.1.j1")
    [supervisor] = [process for process in psutil.process_iter() if job in _words(process)]
    everyone = supervisor.children(recursive=True)
    assert len(everyone) >= 4, "bubblewrap twice, the code, and what it left behind in a session of its own"
    state = await bench.jobs.stop("tuner.1.1.j1")
    assert (state.phase, state.steps[-1].signal) == ("stopped", signal.SIGKILL)
    assert (bench.out / "told").read_text() == "SIGTERM"
    assert not [process for process in everyone if _lives(process)]


async def test_without_a_sandbox_the_whole_tree_ends_too(bench: Bench) -> None:
    jobs = bench.another("none")
    await jobs.start(bench.spec(bench.step(STAYS), limits=Limits(grace_seconds=0.5)), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    folder = bench.root / "jobs" / "tuner.1.1.j1"
    everyone = [process for process in psutil.process_iter() if _job_of(process) == str(folder)]
    assert len(everyone) == 2, "the code, and what it left behind in a session of its own"
    state = await jobs.stop("tuner.1.1.j1")
    assert (state.phase, state.sandbox) == ("stopped", "none")
    assert (bench.out / "told").read_text() == "SIGTERM"
    assert not [process for process in everyone if _lives(process)]
    assert not list((folder / "scratch").iterdir())


async def test_without_a_sandbox_nothing_outlives_a_dead_supervisor_once_the_job_goes_on(bench: Bench) -> None:
    bench.jobs = jobs = bench.another("none")
    await jobs.start(bench.spec(bench.step(STAYS), limits=Limits(grace_seconds=0.1)), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    folder = bench.root / "jobs" / "tuner.1.1.j1"
    everyone = [process for process in psutil.process_iter() if _job_of(process) == str(folder)]
    [supervisor] = [process for process in psutil.process_iter() if str(folder) in _words(process)]
    supervisor.kill()
    psutil.wait_procs([supervisor], timeout=10)
    assert (await jobs.stop("tuner.1.1.j1")).phase == "stopped"
    assert not [process for process in everyone if _lives(process)]


async def test_a_stop_reaches_what_runs_in_a_shell(bench: Bench) -> None:
    step = bench.step(STAYS, argv=("sh", "-c", "python train.py --out /out; true"))
    await bench.jobs.start(bench.spec(step, limits=Limits(grace_seconds=0.5)), id="tuner.1.1.j1")
    await bench.until((bench.out / "running").exists)
    await bench.jobs.stop("tuner.1.1.j1")
    assert (bench.out / "told").read_text() == "SIGTERM"


async def test_a_time_out_says_what_the_code_should_have_done(bench: Bench) -> None:
    state = await bench.run(bench.step("import time\ntime.sleep(60)\n", seconds=0.3))
    assert state.phase == "failed"
    assert "time-out: it was still running after 0 s" in str(state.problem)
    assert state.seconds < 3


async def test_code_that_stops_in_order_when_its_time_is_up_did_its_work(bench: Bench) -> None:
    code = (
        "import signal, sys, time\ndef save(*_):\n    open('/out/model', 'w').write('m')\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\ntime.sleep(60)\n"
    )
    state = await bench.run(bench.step(code, seconds=0.5, expect=(str(bench.out / "model"),)))
    assert (state.phase, state.problem) == ("done", None)
    assert "stopped in order" in str(state.steps[0].note)


async def test_the_jobs_deadline_ends_what_still_runs(bench: Bench) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=1.5)
    state = await bench.run("import time\ntime.sleep(60)\n", deadline=deadline)
    assert (state.phase, "the deadline came" in str(state.problem)) == ("failed", True)


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _job_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("AIBUILDAI_JOB")
    except psutil.Error:
        return None


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
