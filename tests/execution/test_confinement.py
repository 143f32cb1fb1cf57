"""What generated code cannot do: read what is not its own, reach out, stay, or take more than its limits."""

import json
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from activities.execution.devices import THREADS
from schemas.job import Limits, Mount
from tests.execution.conftest import Bench

LOOKS = """
import json, os, sys
def read(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read()
    except OSError as error:
        return type(error).__name__
def write(path):
    try:
        open(path, 'w').close()
        return 'written'
    except OSError as error:
        return error.strerror
seen = {
    'read': {path: read(path) for path in json.loads(sys.argv[1])},
    'write': {path: write(path + '/x') for path in ('/', '/work', '/data', '/usr', '/etc', '/tmp', '/out', sys.prefix)},
    'environ': dict(os.environ),
    'processes': [int(name) for name in os.listdir('/proc') if name.isdigit()],
    'uid': os.getuid(),
    'cores': len(os.sched_getaffinity(0)),
    'init': read('/proc/1/environ'),
}
json.dump(seen, open('/out/seen.json', 'w'))
"""
VARIABLES = {
    *("PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LANG", "LC_ALL", "TERM", "USER", "PWD", "MPLBACKEND"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONNOUSERSITE", "PYTHONHASHSEED", "PYTHONUTF8"),
    "PYTHONFAULTHANDLER",
    "CUDA_VISIBLE_DEVICES",
}
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


async def test_nothing_but_its_own_is_there_to_read_or_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    labels = bench.root / "run" / "withheld" / "labels.csv"
    labels.parent.mkdir(parents=True)
    labels.write_text("1\n")
    view = bench.root / "run" / "view"
    view.mkdir()
    (view / "train.csv").write_text("a\n")
    hidden = [str(labels), str(Path.home()), str(bench.home), str(bench.root / "jobs"), "/root", "/home", "/var"]
    step = bench.step(LOOKS, argv=("python", "train.py", json.dumps([*hidden, "/data/train.csv"])))
    step = step.model_copy(update={"mounts": (*step.mounts, Mount(source=str(view), target="/data"))})
    assert (await bench.run(step)).phase == "done"
    seen = json.loads((bench.out / "seen.json").read_text())
    read = {path: found for path, found in seen["read"].items() if found != "FileNotFoundError"}
    assert read.pop("/data/train.csv") == "a\n"
    # a folder on the way to the interpreter or the environment may be there, with nothing else in it
    shown = {part for prefix in (sys.base_prefix, str(bench.environment)) for part in Path(prefix).parts}
    assert {name for found in read.values() for name in found} <= shown
    assert seen["write"].pop("/tmp") == seen["write"].pop("/out") == "written"
    assert set(seen["write"].values()) == {"Read-only file system"}
    assert "sk-secret" not in json.dumps(seen)
    assert set(seen["environ"]) <= VARIABLES | set(THREADS)
    assert seen["environ"]["HOME"] == "/tmp"
    assert max(seen["processes"]) < 10, "it sees only its own processes"
    assert seen["cores"] == 1, "it is held to the device that is leased"


REACHES = """
import json, socket, sys
address = tuple(json.loads(sys.argv[1]))
try:
    socket.create_connection(address, timeout=2).sendall(b'x')
    print('reached')
except OSError as error:
    print('unreachable', error.strerror)
"""


@pytest.fixture
def listening() -> Iterator[list[str | int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield list(server.getsockname())


@pytest.fixture
def reachable() -> Iterator[list[str | int]]:
    """A service of this machine that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        try:
            found.connect(("192.0.2.1", 9))  # nothing is sent: it says by which address this host goes out
        except OSError:
            pytest.skip("this host has no network to be granted")
        address = found.getsockname()[0]
    with socket.create_server((address, 0)) as server:
        yield list(server.getsockname())


async def test_the_network_is_there_only_where_it_is_granted(bench: Bench, reachable: list[str | int]) -> None:
    step = bench.step(REACHES, argv=("python", "train.py", json.dumps(reachable)))
    for network, said in ((False, "unreachable"), (True, "reached")):
        assert (await bench.run(step, id=f"tuner.1.{network:d}.j1", network=network)).phase == "done"
        assert bench.jobs.log(f"tuner.1.{network:d}.j1").startswith(said)


@pytest.mark.skipif(shutil.which("slirp4netns") is None, reason="without it, a granted network is the host's own")
@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.2.2"])
async def test_what_listens_on_the_hosts_loopback_is_not_reached_even_then(
    bench: Bench, listening: list[str | int], host: str
) -> None:
    step = bench.step(REACHES, argv=("python", "train.py", json.dumps([host, listening[1]])))
    assert (await bench.run(step, network=True)).phase == "done"
    assert bench.jobs.log("tuner.1.1.j1").startswith("unreachable")


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


async def test_memory_counts_the_whole_tree(bench: Bench) -> None:
    code = (
        "import os, time\nfor _ in range(3):\n    if not os.fork():\n"
        "        kept = bytearray(60 << 20)\n        time.sleep(60)\ntime.sleep(60)\n"
    )
    state = await bench.run(code, limits=Limits(memory_mb=150))
    assert state.phase == "failed"
    assert "killed for memory" in str(state.problem)
    assert "150 MB is the limit" in str(state.problem)
    assert (state.steps[0].peak_memory_mb or 0) >= 150


async def test_memory_that_forks_share_counts_once(bench: Bench) -> None:
    code = (
        "import os, time\nkept = bytearray(b'x' * (60 << 20))\nfor _ in range(4):\n    if not os.fork():\n"
        "        time.sleep(1)\n        os._exit(0)\ntime.sleep(1.2)\n"
    )
    assert (await bench.run(code, limits=Limits(memory_mb=190))).problem is None


async def test_a_refused_allocation_is_told_with_sizes(bench: Bench) -> None:
    state = await bench.run("bytearray(1 << 60)\n")
    assert str(state.problem).startswith("out of memory (exit code 1): it took up to")


async def test_too_many_processes_are_killed(bench: Bench) -> None:
    code = "import os, time\nfor _ in range(30):\n    os.fork() or time.sleep(60)\ntime.sleep(60)\n"
    state = await bench.run(code, limits=Limits(processes=20))
    assert "20 is the limit; use fewer workers" in str(state.problem)


async def test_a_file_cannot_outgrow_the_disk_limit(bench: Bench) -> None:
    code = "with open('/out/big', 'wb') as file:\n    for _ in range(64):\n        file.write(bytes(1 << 20))\n"
    state = await bench.run(code, limits=Limits(disk_mb=16))
    assert state.phase == "failed"
    assert (bench.out / "big").stat().st_size <= 16 << 20


async def test_many_files_cannot_outgrow_it_either(bench: Bench) -> None:
    code = (
        "import time\nfor number in range(32):\n    open(f'/out/{number}', 'wb').write(bytes(1 << 20))\n"
        "time.sleep(60)\n"
    )
    state = await bench.run(code, limits=Limits(disk_mb=16))
    assert "16 MB is the limit; keep less" in str(state.problem)


async def test_a_flood_of_output_keeps_its_head_and_its_end(bench: Bench) -> None:
    code = "print('first')\nfor number in range(40_000):\n    print('line', number, 'x' * 50)\nprint('last')\n"
    state = await bench.run(code, limits=Limits(output_mb=1))
    assert state.phase == "done"
    kept = (bench.root / "jobs" / "tuner.1.1.j1" / "log.txt").read_text()
    assert kept.startswith("first\nline 0 ")
    assert kept.endswith("last\n")
    assert "left out" in kept
    assert len(kept) <= 1 << 20
    shown = bench.jobs.log("tuner.1.1.j1", characters=2_000)
    assert len(shown) == 2_000
    assert shown.startswith("first\n")
    assert shown.endswith("last\n")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise SystemExit(3)", "exit code 3, without output"),
        ("raise ValueError('no column age')", "exit code 1: ValueError: no column age"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashed with SIGSEGV"),
        ("pass", "it ended without an error, but did not write /out/model"),
        ("import os\nos.mkdir('/out/model')", "it ended without an error, but left the folder /out/model empty"),
        ("open('/out/model', 'w').close()", "it ended without an error, but /out/model is empty"),
    ],
)
async def test_a_failure_is_told_in_words(bench: Bench, code: str, problem: str) -> None:
    state = await bench.run(bench.step(code, expect=(str(bench.out / "model"),)))
    assert state.phase == "failed"
    assert str(state.problem).startswith(problem)


async def test_a_command_that_is_not_there_is_told(bench: Bench) -> None:
    state = await bench.run(bench.step("", argv=("no-such-command",)))
    assert "no-such-command" in str(state.problem)


async def test_links_that_lead_elsewhere_are_removed_before_anyone_follows_them(bench: Bench) -> None:
    secret = bench.root / "labels.csv"
    secret.write_text("secret")
    code = (
        "import os, sys\nos.makedirs('/out/model/best')\nopen('/out/model/best/w', 'w').write('w')\n"
        "os.symlink('/out/model/best', '/out/model/last')\nos.symlink('best', '/out/model/same')\n"
        "os.symlink(sys.argv[1], '/out/predictions.csv')\nos.symlink('../..', '/out/up')\nos.mkfifo('/out/pipe')\n"
    )
    step = bench.step(code, argv=("python", "train.py", str(secret)), expect=(str(bench.out / "predictions.csv"),))
    state = await bench.run(step)
    assert state.problem == "it ended without an error, but did not write /out/predictions.csv"
    assert (bench.out / "model" / "last" / "w").read_text() == (bench.out / "model" / "same" / "w").read_text() == "w"
    assert sorted(path.name for path in bench.out.iterdir()) == ["model"]
    assert "removed the link /out/up" in bench.jobs.log("tuner.1.1.j1")


async def test_a_sealed_step_cannot_speak_through_names(bench: Bench) -> None:
    code = (
        "import os\nos.symlink('/', '/out/row 17 has label 4')\n"
        "print('Traceback (most recent call last):\\n  File \"/work/.//././train.py\", line 1, in x\\nValueError')\n"
        "raise SystemExit(1)\n"
    )
    await bench.run(bench.step(code, sealed=True))
    log = bench.jobs.log("tuner.1.1.j1")
    assert "label" not in log
    assert "removed 1 links" in log
    assert 'File "/work/train.py", line 1' in log


async def test_of_a_sealed_step_only_the_place_and_kind_of_its_error_are_shown(bench: Bench) -> None:
    code = (
        "class Leak_17(Exception):\n    pass\nprint('row 17 has label 4')\n"
        "print('Traceback (most recent call last):\\n  File \"/work/label 4\", line 4, in row_17')\n"
        "def read(row):\n    return int('label 4')\nread(17)\n"
    )
    state = await bench.run(bench.step(code, sealed=True))
    log = bench.jobs.log("tuner.1.1.j1")
    assert state.phase == "failed"
    assert 'File "/work/train.py", line 7\n    read(17)' in log
    assert "ValueError" in log
    assert "invalid literal" not in log
    assert "row" not in log.replace("read(row)", "").replace("withheld rows", "")
    assert "label 4" not in str(state.problem)
    assert "label 4" not in log.replace("return int('label 4')", "")


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
