"""What agents may spend together holds while processes are killed, or stopped, at their writing."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.purses import dollars, purse, soon

SPENDER = """
import asyncio, json, random, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from activities.agent.limits import LimitReached
from activities.agent.purse import Purse
from schemas.role import Caps

async def spend(file, name, cap, most):
    chance, purse, turn = random.Random(name), Purse(Path(file), Caps(dollars=float(cap))), 0
    while True:
        turn += 1
        call = f"{name}.a1.t{turn}.1"
        try:
            await purse.reserve(call, float(most), 10, until=datetime.now(UTC) + timedelta(seconds=30))
        except LimitReached as reached:
            print(json.dumps({"end": str(reached)}), flush=True)
            return
        print(json.dumps({"reserved": call}), flush=True)
        cost = float(most) * chance.uniform(0.2, 1.0)
        purse.settle(call, cost, 10)
        print(json.dumps({"paid": cost}), flush=True)

asyncio.run(spend(*sys.argv[1:]))
"""


def spender(file: Path, name: str, cap: float, most: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SPENDER, str(file), name, str(cap), str(most)], stdout=subprocess.PIPE, text=True
    )


def said(process: "subprocess.Popen[str]") -> list[dict[str, str | float]]:
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout.read().splitlines()]


def test_agents_in_many_processes_never_pass_the_cap_by_more_than_one_reply(file: Path) -> None:
    cap, most = 20.0, 1.0
    processes = [spender(file, f"coder.{number}.1", cap, most) for number in range(1, 7)]
    words = [said(process) for process in processes]
    assert [process.wait() for process in processes] == [0] * 6
    paid = sum(float(line["paid"]) for lines in words for line in lines if "paid" in line)
    assert cap <= paid < cap + most
    assert dollars(file) == (pytest.approx(paid), 0.0)
    assert all("are spent, of $20.00" in str(lines[-1]["end"]) for lines in words)


@pytest.mark.parametrize("lines", [1, 4, 9, 16])
def test_a_process_killed_at_work_takes_nothing_with_it(file: Path, lines: int) -> None:
    process = spender(file, "coder.1.1", 1e9, 1.0)
    assert process.stdout is not None
    heard = [json.loads(process.stdout.readline()) for _ in range(lines)]
    process.kill()
    heard += said(process)
    process.wait()
    reserved = {line["reserved"] for line in heard if "reserved" in line}
    paid = sum(line["paid"] for line in heard if "paid" in line)
    known = [json.loads(line) for line in file.read_text().splitlines()]
    assert reserved <= {line["call"] for line in known if line["kind"] == "reserved"}
    spent, under_way = dollars(file)
    assert spent is not None
    assert spent + 1e-9 >= paid
    purse(file).close("coder.1.1")  # as the workflow does once it is given up
    assert dollars(file) == (pytest.approx(spent + under_way), 0.0)


@pytest.fixture
def busy(file: Path) -> Iterator["subprocess.Popen[str]"]:
    process = spender(file, "coder.1.1", 1e9, 1.0)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("lines", range(1, 12, 2))
async def test_nobody_waits_for_a_process_that_was_stopped_at_work(
    file: Path, busy: "subprocess.Popen[str]", lines: int
) -> None:
    assert busy.stdout is not None
    for _ in range(lines):
        busy.stdout.readline()
    busy.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitpid, busy.pid, os.WUNTRACED)
    before = purse(file).totals()
    async with asyncio.timeout(5):
        await purse(file).reserve("coder.2.1.a1.t1.1", 1.0, 10, until=soon())
    purse(file).settle("coder.2.1.a1.t1.1", 1.0, 10)
    purse(file).close("coder.1.1")  # as by its next attempt
    after = purse(file).totals()
    assert after.dollars == pytest.approx((before.dollars or 0.0) + before.reserved_dollars + 1.0)
