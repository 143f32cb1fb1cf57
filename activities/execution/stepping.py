"""One step of a job: its processes are started, watched, told to stop where they must, and ended to the last."""

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from activities.execution import processes
from activities.execution.base import Command
from activities.execution.cgroups import Group
from activities.execution.launching import launch
from activities.execution.mounts import used_mb
from activities.execution.nvidia import Meter
from activities.execution.output import Output
from activities.execution.processes import Usage
from activities.execution.sampling import Sampler
from activities.execution.standing import Brake
from activities.execution.wording import Ending, Reason
from activities.handing import ENGINES, handed_on
from schemas.job import Limits, Step

LOOK = 0.2  # seconds between looks at memory, time and stop requests
LOOK_AT_DISK = 1.0
DRAIN = 2.0  # seconds for the last output, once all processes are gone
CHUNK = 1 << 16
NICE = 5
LIKELY_VICTIM = "800"  # the kernel takes generated code before anything else when memory is short
AT_ONCE: tuple[Reason, ...] = ("memory", "processes", "disk")
END_OF_OUTPUT = 4_000


@dataclass(frozen=True)
class Bounds:
    """What a step is held to, besides its own seconds. `gpus` are read as it runs; `group` is the kernel's part."""

    limits: Limits
    deadline: datetime | None
    cores: frozenset[int]
    gpus: tuple[int, ...] = ()
    group: Group | None = None


@dataclass
class Watch:
    """A running step. `told` says whether someone wants it to stop; `beat` gets its seconds of work at each look."""

    step: Step
    bounds: Bounds
    output: Output
    told: Callable[[], Reason | None]
    beat: Callable[[float, Sampler], None]
    sampler: Sampler
    brake: Brake
    count: int = 0  # of processes
    disk_mb: float = 0.0
    reason: Reason | None = None
    began: float = field(default_factory=time.monotonic)
    _kill_at: float = float("inf")
    _next_look: float = 0.0
    _next_disk: float = 0.0
    _last_output: float = 0.0  # when it came, in seconds of work
    _end: bytes = b""

    def run(self, command: Command) -> Ending:
        """Runs the command to its end. No process of it is left afterwards."""
        process = launch(
            command, variables=_environment(command), prepare=lambda: _prepare(self.bounds), say=self.output.line
        )
        assert process.stdout is not None, "it is a pipe"
        try:
            with Meter(self.bounds.gpus, processes.end_with_parent) as meter:
                self._follow(process, process.stdout, meter)
        finally:
            gone = processes.kill_below(os.getpid())
            code = process.wait(timeout=processes.PATIENCE)
            self._drain(process.stdout)
        if not gone:
            self.output.line("some processes could not be killed")
        return self._ending(code)

    def _follow(self, process: subprocess.Popen[bytes], pipe: IO[bytes], meter: Meter) -> None:
        """Until the process ends, or must be killed."""
        with selectors.DefaultSelector() as selector:
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ)
            with _end_of(process.pid, selector):
                while process.poll() is None and time.monotonic() < self._kill_at:
                    for key, _ in selector.select(timeout=LOOK):
                        if key.fileobj is pipe and not self._pump(pipe):
                            selector.unregister(pipe)
                    self._look(process.pid, meter)

    def _pump(self, pipe: IO[bytes]) -> bool:
        """Takes what is there. False at the end of the output."""
        with suppress(BlockingIOError):
            data = os.read(pipe.fileno(), CHUNK)
            self.output.write(data)
            if data:
                self._last_output = self._worked(time.monotonic())
            self._end = (self._end + data)[-END_OF_OUTPUT:]
            return bool(data)
        return True

    def _drain(self, pipe: IO[bytes]) -> None:
        until = time.monotonic() + DRAIN
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while time.monotonic() < until and selector.select(timeout=0.1) and self._pump(pipe):
                pass
        pipe.close()

    def _look(self, pid: int, meter: Meter) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        used = self._used()
        self._next_look = now + max(LOOK, 20 * (time.monotonic() - now))  # where it takes long, it is done less often
        self.sampler.look(now - self.began, used, meter.read())
        self.count = max(self.count, used.processes)
        self._look_at_disk(now)
        if self.reason is None:
            self.brake.look()
        self.beat(self._worked(now), self.sampler)
        if self.reason is None or self.reason not in AT_ONCE:
            self._judge(used, pid, now)

    def _worked(self, now: float) -> float:
        """Seconds since it began, without those that it was held."""
        return now - self.began - self.brake.seconds

    def _used(self) -> Usage:
        limits, group = self.bounds.limits, self.bounds.group
        used = processes.usage(os.getpid(), limits.memory_mb if group is None else float("inf"), limits.processes)
        return used if group is None else replace(used, memory_mb=group.memory_mb())

    def _look_at_disk(self, now: float) -> None:
        if now < self._next_disk:
            return
        self.disk_mb = used_mb(self.step)
        took = time.monotonic() - now
        self._next_disk = now + max(LOOK_AT_DISK, 50 * took)  # a folder of many files is looked at less often

    def _judge(self, used: Usage, pid: int, now: float) -> None:
        reason = self._why_stop(used, now)
        if reason is None or reason == self.reason:
            return
        if reason in AT_ONCE:
            self.reason, self._kill_at = reason, now
        elif self.reason is None:
            self.reason, self._kill_at = reason, now + self.bounds.limits.grace_seconds
            self.brake.release()  # to save what it has
            processes.ask_to_stop(pid)

    def _why_stop(self, used: Usage, now: float) -> Reason | None:
        limits, group = self.bounds.limits, self.bounds.group
        if group.out_of_memory() if group is not None else used.memory_mb > limits.memory_mb:
            return "memory"
        if used.processes > limits.processes or (group is not None and group.out_of_tasks()):
            return "processes"
        if self.disk_mb > limits.disk_mb:
            return "disk"
        if told := self.told():
            return told
        if self.bounds.deadline is not None and datetime.now(UTC) >= self.bounds.deadline:
            return "deadline"
        return "time" if self._worked(now) > self.step.seconds else None

    def _ending(self, code: int) -> Ending:
        by_signal = -code if code < 0 else code - 128 if 128 < code < 128 + signal.NSIG else None
        now, peak = time.monotonic(), self.sampler.peak_memory_mb
        if code and self.reason is None and self.bounds.group is not None and self.bounds.group.out_of_memory():
            self.reason = "memory"  # the kernel was quicker than the next look
        if self.reason == "memory":
            peak = max(peak, self.bounds.limits.memory_mb)
        return Ending(
            exit_code=code if by_signal is None else None,
            signal=by_signal,
            reason=self.reason,
            peak_memory_mb=peak,
            peak_processes=self.count,
            disk_mb=self.disk_mb,
            seconds=self._worked(now),
            end_of_output="" if self.step.sealed else self._end.decode(errors="replace"),
            silent_seconds=self._worked(now) - self._last_output,
            cores_lately=self.sampler.samples[-1].cores if self.sampler.samples else None,
        )


@contextmanager
def _end_of(pid: int, selector: selectors.BaseSelector) -> Iterator[None]:
    """Wakes the selector when the process ends. Kernels before 5.3 cannot, and the next look finds out."""
    try:
        number = os.pidfd_open(pid)
    except OSError:
        yield
        return
    try:
        selector.register(number, selectors.EVENT_READ)
        yield
    finally:
        os.close(number)


def _environment(command: Command) -> dict[str, str]:
    """For the sandbox's own program, which gives the code another: what Docker's client needs, and no more."""
    if command.options:  # bubblewrap's, which the code could read in /proc
        return {}
    return handed_on(ENGINES)


def _prepare(bounds: Bounds) -> None:
    """In the child, before the sandbox is made."""
    processes.end_with_parent()
    if bounds.group is not None:
        bounds.group.join()
    # workers and the scorer answer while all cores train; only root may be less nice than it was started
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    if bounds.cores:
        os.sched_setaffinity(0, bounds.cores)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size = bounds.limits.disk_mb * 2**20
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(LIKELY_VICTIM)
