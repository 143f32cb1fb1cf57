"""Each way in which code does harm costs one attempt and nothing else: no process, device, group or file is left."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from activities.delivery.bundle import REPOSITORY
from activities.execution import cgroups, processes, steprun
from activities.execution.folder import JobFolder
from activities.execution.leases import Leases, Ticket
from schemas.job import JobState, Limits, Mount
from tests.execution.conftest import Bench

QUICK = Limits(grace_seconds=0.3, memory_mb=150, processes=20, output_mb=1, disk_mb=64)
GROUPS = cgroups.group("trial", QUICK)
if GROUPS is not None:
    GROUPS.remove()


@pytest.fixture(params=["kernel", "supervisor"])
def keeper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who keeps memory and processes within their limits."""
    if request.param == "kernel" and GROUPS is None:
        pytest.skip("no control group can be made here")
    if request.param == "supervisor":
        monkeypatch.setattr(processes, "SUPERVISOR", ("-m", "tests.execution.ungrouped"))
    return str(request.param)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_is_left(bench: Bench) -> AsyncIterator[None]:
    """After each of these: the device can be leased, and nothing of the job runs, waits or lies about."""
    yield
    left = [process for process in psutil.process_iter() if belongs(process, bench)]
    _, alive = psutil.wait_procs(left, timeout=5)  # a supervisor writes the last state just before it ends
    assert alive == []
    place = Leases(bench.home).join(
        Ticket(job="next", devices=("cpu:0",), count=1), priority=1, since=datetime.now(UTC)
    )
    until = time.monotonic() + 5  # the kernel frees it a moment after the process is gone
    while (lease := place.take()) is None and time.monotonic() < until:  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.05)
    assert lease is not None, "the lease is free"
    lease.release()
    labels = {steprun.label(JobFolder(path), 0) for path in (bench.root / "jobs").iterdir()}
    groups = [folder / f"{cgroups.PREFIX}{label}" for folder in places() for label in labels]
    assert [path for path in groups if path.exists()] == []
    assert [path.name for path in (bench.root / "jobs").glob("*/.*")] == [], "no drafts"


def places() -> list[Path]:
    return [folder for folders in cgroups._places() for folder in folders]


def belongs(process: psutil.Process, bench: Bench) -> bool:
    """A supervisor of this bench, or a process with a mount of it, as all in its sandboxes have."""
    try:
        words, mounts = process.cmdline(), Path(f"/proc/{process.pid}/mountinfo").read_text()
    except (OSError, psutil.Error):
        return False
    return str(bench.root / "jobs") in " ".join(words) or str(bench.root) in mounts


async def goes_on(bench: Bench) -> None:
    """The next job of the same run is as well as ever."""
    state = await bench.run(bench.step("print('well')", name="next"), id="tuner.1.2.j1")
    assert (state.phase, bench.jobs.log("tuner.1.2.j1")) == ("done", "well\n")


def failed(state: JobState, *words: str) -> bool:
    assert state.phase == "failed", state
    missing = [word for word in words if word not in str(state.problem)]
    assert not missing, (missing, state.problem)
    return True


async def test_an_endless_loop_that_ignores_every_signal(bench: Bench) -> None:
    code = (
        "import signal\nfor number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(number, lambda *_: None)\nwhile True:\n    pass\n"
    )
    state = await bench.run(bench.step(code, seconds=0.5), limits=QUICK)
    assert failed(state, "time-out", "save what it has")
    assert state.seconds < 3
    await goes_on(bench)


async def test_a_fork_bomb(bench: Bench, keeper: str) -> None:
    """Endless where the kernel bounds it; where the supervisor does, it doubles every 40 ms, to 512 at most."""
    endless = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    doubling = "import os, time\nfor _ in range(9):\n    os.fork()\n    time.sleep(0.04)\ntime.sleep(60)\n"
    state = await bench.run(endless if keeper == "kernel" else doubling, limits=QUICK)
    assert failed(state, "20 is the limit; use fewer workers")
    assert state.steps[0].limited_by == keeper
    await goes_on(bench)


async def test_memory_without_end(bench: Bench, keeper: str) -> None:
    code = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(4 << 20))\n    time.sleep(0.005)\n"
    state = await bench.run(code, limits=QUICK)
    assert failed(state, "killed for memory", "150 MB is the limit")
    assert state.steps[0].limited_by == keeper
    await goes_on(bench)


async def test_memory_of_many_children_and_of_what_they_share(bench: Bench, keeper: str) -> None:
    code = (
        "import mmap, os, time\nfor _ in range(4):\n    if not os.fork():\n        kept = mmap.mmap(-1, 60 << 20)\n"
        "        kept.write(b'x' * (60 << 20))\n        time.sleep(60)\ntime.sleep(60)\n"
    )
    assert failed(await bench.run(code, limits=QUICK), "killed for memory")


async def test_a_file_without_end(bench: Bench) -> None:
    code = "with open('/out/big', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))\n"
    assert failed(await bench.run(code, limits=QUICK), "File too large")
    assert (bench.out / "big").stat().st_size <= QUICK.disk_mb << 20
    await goes_on(bench)


async def test_files_without_end(bench: Bench) -> None:
    """Empty ones, too: a disk has room for so many."""
    code = "import itertools, time\nfor number in itertools.count():\n    open(f'/out/{number}', 'w').close()\n"
    code += "    time.sleep(0.0005)\n"
    assert failed(await bench.run(code, limits=QUICK.model_copy(update={"disk_mb": 2})), "2 MB is the limit; keep less")


async def test_output_without_end(bench: Bench) -> None:
    """Gigabytes in a second: what is kept stays bounded while it runs, and the last is there."""
    code = "import os, sys\nprint('first', flush=True)\nwhile True:\n    os.write(1, b'x' * 65535 + b'\\n')\n"
    await bench.jobs.start(bench.spec(bench.step(code, seconds=1.5), limits=QUICK), id="tuner.1.1.j1")
    folder, most = bench.root / "jobs" / "tuner.1.1.j1", 0
    await bench.until(lambda: "left out" in bench.jobs.log("tuner.1.1.j1"))
    while not (await bench.jobs.wait("tuner.1.1.j1", until=datetime.now(UTC))).ended:
        most = max(most, sum(size(path) for path in folder.iterdir()))
    assert failed(await bench.ended(), "time-out")
    assert 0 < most < 2 << 20
    log = bench.jobs.log("tuner.1.1.j1")
    assert log.startswith("first\n")
    assert "time-out" in log[-400:]
    await goes_on(bench)


def size(path: Path) -> int:
    """Pieces of the log come and go."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


async def test_children_that_sleep_on_when_their_parent_is_done(bench: Bench) -> None:
    code = (
        "import os, signal, time\nfor _ in range(3):\n    if not os.fork():\n        os.setsid()\n"
        "        os.fork() and os._exit(0)\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        time.sleep(600)\nopen('/out/model', 'w').write('m')\n"
    )
    state = await bench.run(bench.step(code, expect=(str(bench.out / "model"),)), limits=QUICK)
    assert (state.phase, state.problem) == ("done", None)


async def test_an_end_without_results(bench: Bench) -> None:
    state = await bench.run(bench.step("raise SystemExit(0)", expect=(str(bench.out / "model"),)))
    assert failed(state, "it ended without an error, but did not write /out/model")


async def test_a_segmentation_fault_says_where_it_was(bench: Bench) -> None:
    state = await bench.run("import ctypes\n\n\ndef broken():\n    ctypes.string_at(0)\n\n\nbroken()\n")
    assert failed(state, "crashed with SIGSEGV at ", "native code failed")
    assert f"{REPOSITORY}/train.py" in bench.jobs.log("tuner.1.1.j1")
    assert "line 5" in bench.jobs.log("tuner.1.1.j1")


async def test_data_that_is_changed_and_deleted(bench: Bench) -> None:
    view = bench.root / "view"
    (view / "images").mkdir(parents=True)
    (view / "train.csv").write_text("a,b\n1,2\n")
    (view / "images" / "1.png").write_bytes(b"png")
    code = (
        "import os, pathlib, shutil, subprocess\ndata, did = pathlib.Path('/data'), []\n"
        "def tried(name, act):\n    try:\n        act()\n        did.append(name)\n    except OSError:\n        pass\n"
        "tried('write', lambda: (data / 'train.csv').write_text('a,b\\n1,99\\n'))\n"
        "tried('append', lambda: open(data / 'train.csv', 'a').write('x'))\n"
        "tried('truncate', lambda: os.truncate(data / 'train.csv', 0))\n"
        "tried('unlink', lambda: (data / 'train.csv').unlink())\n"
        "tried('rename', lambda: (data / 'images').rename(data / 'gone'))\n"
        "tried('chmod', lambda: (data / 'train.csv').chmod(0o777))\n"
        "tried('touch', lambda: os.utime(data / 'train.csv', (0, 0)))\n"
        "tried('tree', lambda: shutil.rmtree(data))\n"
        "tried('mount', lambda: subprocess.run(['mount', '-o', 'remount,rw', '/data'], check=True) and None)\n"
        "print(did)\n"
    )
    code = code.replace("except OSError", "except (OSError, subprocess.CalledProcessError)")
    before = {path: (path.read_bytes(), path.stat()) for path in view.rglob("*") if path.is_file()}
    step = bench.step(code)
    step = step.model_copy(update={"mounts": (*step.mounts, Mount(source=str(view), target="/data"))})
    assert (await bench.run(step)).phase == "done"
    assert bench.jobs.log("tuner.1.1.j1").endswith("[]\n")
    after = {path: (path.read_bytes(), path.stat()) for path in view.rglob("*") if path.is_file()}
    assert {path: (kept, stat.st_mtime, stat.st_mode) for path, (kept, stat) in after.items()} == {
        path: (kept, stat.st_mtime, stat.st_mode) for path, (kept, stat) in before.items()
    }


async def test_a_filled_tmp(bench: Bench, keeper: str) -> None:
    """It lies in memory, so it is bounded by it; this machine's own has as much room as before."""
    before = shutil.disk_usage(tempfile.gettempdir()).free
    code = "with open('/tmp/big', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))\n"
    state = await bench.run(code, limits=QUICK.model_copy(update={"memory_mb": 256, "disk_mb": 128}))
    assert failed(state, "No space left on device")
    assert before - shutil.disk_usage(tempfile.gettempdir()).free < 1 << 30
    assert not Path("/tmp/big").exists()
    await goes_on(bench)


@pytest.mark.parametrize("folder", ["/", "/dev", "/proc", "/proc/acpi", "/run"])
async def test_memory_cannot_be_filled_by_files_elsewhere(bench: Bench, folder: str) -> None:
    """Each place that lies in memory and has no bound of its own."""
    code = f"with open('{folder}/big', 'wb') as file:\n    file.write(bytes(100 << 20))\n"
    assert failed(await bench.run(code, limits=QUICK.model_copy(update={"disk_mb": 512, "memory_mb": 2_000})))
    said = bench.jobs.log("tuner.1.1.j1")
    assert "Read-only file system" in said or (folder in ("/proc", "/proc/acpi", "/run") and "No such file" in said)


async def test_files_in_memory_and_memory_count_together(bench: Bench, keeper: str) -> None:
    """Where the kernel counts, they are within the one limit; else each of the two places has a bound of its own."""
    code = (
        "for folder in ('/tmp', '/dev/shm'):\n    with open(folder + '/big', 'wb') as file:\n"
        "        file.write(bytes(60 << 20))\nkept = bytearray(150 << 20)\n"
    )
    state = await bench.run(code, limits=QUICK.model_copy(update={"memory_mb": 256}))
    assert state.phase == ("failed" if keeper == "kernel" else "done")


async def test_a_fork_bomb_without_a_sandbox(bench: Bench, keeper: str) -> None:
    bench.jobs = bench.another("none")
    code = "import os, time\nfor _ in range(8):\n    os.fork() or os.setsid()\n    time.sleep(0.04)\ntime.sleep(60)\n"
    state = await bench.run(code, limits=QUICK.model_copy(update={"memory_mb": 2_000}))
    assert failed(state, "20 is the limit")
