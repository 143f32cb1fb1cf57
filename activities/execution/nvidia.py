"""What nvidia-smi says of GPUs: their memory, and how a job uses them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from activities.handing import handed_on

PROGRAM = "nvidia-smi"
PATIENCE = 60.0
EVERY = 5  # seconds between readings
MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Reading:
    """Of several GPUs at a moment: mean utilization, and memory in all."""

    percent: float
    memory_mb: float


def memories() -> dict[int, int]:
    """Each GPU's memory in MB by its number; nothing where they cannot be asked."""
    if shutil.which(PROGRAM) is None:
        return {}
    command = [PROGRAM, "--query-gpu=index,memory.total", "--format=csv,noheader,nounits"]
    given = handed_on()
    listing = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=given, check=False)
    found = {}
    for line in listing.stdout.splitlines():
        with suppress(ValueError):  # "[N/A]", or a message
            index, total = line.split(",")
            found[int(index)] = int(float(total))
    return found


class Meter:
    """Reads the GPUs of a job every few seconds, without waiting for them."""

    def __init__(self, numbers: Iterable[int], prepare: Callable[[], None]) -> None:
        self._numbers = sorted(numbers)
        self._prepare = prepare
        self._process: subprocess.Popen[bytes] | None = None
        self._text = b""
        self._last: dict[int, Reading] = {}

    def __enter__(self) -> "Meter":
        if self._numbers and shutil.which(PROGRAM) is not None:
            self._process = subprocess.Popen(
                [
                    *(PROGRAM, "--query-gpu=index,utilization.gpu,memory.used", "--format=csv,noheader,nounits"),
                    *(f"--id={','.join(map(str, self._numbers))}", f"--loop={EVERY}"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=handed_on(),
                preexec_fn=self._prepare,
            )
            assert self._process.stdout is not None, "it is a pipe"
            os.set_blocking(self._process.stdout.fileno(), False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def read(self) -> Reading | None:
        """The last that was said of all of them; None before all have spoken."""
        if self._process is None or self._process.stdout is None:
            return None
        with suppress(BlockingIOError):
            self._text += os.read(self._process.stdout.fileno(), MOST_BYTES)
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            with suppress(ValueError):
                index, percent, memory = line.split(b",")
                self._last[int(index)] = Reading(float(percent), float(memory))
        if len(self._last) < len(self._numbers):
            return None
        known = self._last.values()
        return Reading(sum(one.percent for one in known) / len(known), sum(one.memory_mb for one in known))
