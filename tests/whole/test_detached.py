"""Ctrl-C leaves a run that goes on, and a person's stop ends it with nothing left."""

import signal
from pathlib import Path

from tests.whole.conftest import House, of_home
from tests.whole.polling import eventually


async def test_ctrl_c_detaches_and_a_stop_ends_everything(house: House, task: Path) -> None:
    process = await house.shell.start("run", task, "--minutes", 5, "--candidates", 2)
    assert process.stdout is not None
    run = ""
    async for line in process.stdout:
        if line.startswith(b"Run "):
            run = line.split()[1].decode()
        if b"setup" in line:
            break
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert f"aibuildai watch {run}" in out.decode()

    async def works() -> bool:
        found = (await house.shell("status", run, "--json")).json
        return found["phase"] == "EXPLORING" and bool(found["candidates"])

    await eventually(works, within=200, what="the run goes on to its candidates without anyone who looks")
    folder = house.layout(run).folder
    assert (await house.shell("stop", run, "--why", "seen enough")).code == 0
    ended = await house.shell("watch", run)
    assert ended.code == 3, ended.err
    assert "STOPPED: seen enough" in ended.out
    assert list(of_home(folder)) == []
