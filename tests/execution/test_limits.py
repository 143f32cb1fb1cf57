"""Memory, processes, disk and output of a job are bounded, whatever it tries."""

from schemas.job import Limits
from tests.execution.conftest import Bench


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
