"""What one worker makes for all is waited for while it goes on; once it was stopped, nobody waits for it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from activities.execution import environments, sole, weights
from activities.execution.weights import Wanted
from tests.hub.fixtures import hub
from tests.hub.server import LoopbackHub

__all__ = ["hub"]

SMALL = ("joblib", "threadpoolctl>=3")
STOPS_ITSELF = "import os, signal; stop = lambda: os.kill(os.getpid(), signal.SIGSTOP)\n"
MAKES = """
import sys
from pathlib import Path
from activities.execution import environments, uv
real = uv.compile_bytecode
uv.compile_bytecode = lambda packages: (stop(), real(packages))
print(environments.base(Path(sys.argv[1]), sys.argv[2:]).name)
"""
FETCHES = """
import asyncio, sys
from pathlib import Path
from activities.execution import weights
real = weights._kept
weights._kept = lambda *given: (stop(), real(*given))[1]
print(asyncio.run(weights.fetch(Path(sys.argv[1]), weights.Wanted(sys.argv[2]))).weights.digest)
"""
HOLDS = """
import sys
from pathlib import Path
from activities.execution.sole import alone
with alone(Path(sys.argv[1])):
    print("holds", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def process(code: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", STOPS_ITSELF + code, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def stopped(one: "subprocess.Popen[str]") -> None:
    """Waits until the process has stopped itself."""
    _, status = os.waitpid(one.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "it ended"


def goes_on(one: "subprocess.Popen[str]") -> str:
    """What it says at its end."""
    one.send_signal(signal.SIGCONT)
    said, _ = one.communicate(timeout=60)
    assert one.returncode == 0
    return said.strip()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole, "STILL", 2.5 * sole.BREATH)


@pytest.mark.usefixtures("soon")
def test_an_environment_is_made_elsewhere_while_who_made_it_stands_still(tmp_path: Path) -> None:
    with process(MAKES, str(tmp_path), *SMALL) as frozen:
        stopped(frozen)
        made = environments.base(tmp_path, SMALL)
        digest = environments.digest(environments.lock(made))
        assert made.name == f"{digest}-2"
        subprocess.run([made / "bin" / "python", "-I", "-c", "import joblib"], check=True)
        assert environments.base(tmp_path, SMALL) == made  # nobody waits again
        assert goes_on(frozen) == digest
    assert {made.name, digest} == {path.parent.name for path in made.parent.glob("*/.complete")}


@pytest.mark.usefixtures("soon")
async def test_weights_are_fetched_anew_while_who_fetched_them_stands_still(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share("org/tiny", {"model.safetensors": b"tensors"})
    with process(FETCHES, str(tmp_path), "org/tiny") as frozen:
        await asyncio.to_thread(stopped, frozen)
        fetched = await weights.fetch(tmp_path, Wanted("org/tiny"))
        files = weights.files_of(tmp_path, fetched)
        assert (files / "model.safetensors").read_bytes() == b"tensors"
        assert await asyncio.to_thread(goes_on, frozen) == fetched.weights.digest
    assert (files / "model.safetensors").read_bytes() == b"tensors"
    assert not list((tmp_path / "weights" / "drafts").glob("*/"))


@pytest.mark.usefixtures("soon")
def test_one_that_goes_on_is_waited_for_however_long_it_takes(tmp_path: Path) -> None:
    place = tmp_path / "place"
    with process(HOLDS, str(place)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        end = threading.Timer(2 * sole.STILL, holder.communicate, ["end\n"])
        end.start()
        with sole.alone(place):
            assert holder.wait(60) == 0
        end.join()


def test_one_that_was_killed_is_not_waited_for(tmp_path: Path) -> None:
    place = tmp_path / "place"
    with process(HOLDS, str(place)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        holder.kill()
        with sole.alone(place):
            assert holder.wait(60) == -signal.SIGKILL
