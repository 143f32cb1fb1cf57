"""Runs one job, in a session of its own: `python -m activities.execution.supervisor JOBDIR`. It outlives workers."""

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from activities.errors import BadInput
from activities.execution import devices, mounts, processes, sealed, wording
from activities.execution.base import Sandbox
from activities.execution.durable import try_lock
from activities.execution.folder import JobFolder, Order
from activities.execution.leases import Lease, Leases, Ticket
from activities.execution.output import Output, read
from activities.execution.sandbox import choose
from activities.execution.stepping import Bounds, Watch
from activities.execution.wording import Reason
from schemas.job import JobPhase, JobState, Step, StepState

PATIENCE = 1.0  # for those who only look whether the lock is held
BEAT = 5.0  # seconds between records of a running step's time and memory
QUEUE_LOOK = 0.1
MOST_RESTARTS = 10


class Suspended(Exception):
    """The supervisor was told to end, as when the machine goes down. Another one will take the job up again."""


class Ended(Exception):
    """The job's final state was written."""


class Supervisor:
    """The life of one job, from its order, or from where a dead supervisor left it."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._order: Order = folder.order()
        self._spec = self._order.spec
        self._state: JobState = folder.state()
        self._suspended = False
        self._output = Output(folder.log, self._spec.limits.output_mb * 2**20)

    def run(self) -> NoReturn:
        """Ends by raising Ended or Suspended."""
        if self._state.ended:
            raise Ended
        if self._state.phase == "running":
            self._take_up()
        self._run_on(self._lease())

    def _take_up(self) -> None:
        """Where a dead supervisor left it."""
        processes.kill_marked(str(self._folder.path))  # without a sandbox, some may have outlived their supervisor
        self._write(restarts=self._state.restarts + 1)
        self._output.line("the supervisor had died; the job goes on with the step it was in")
        if self._state.restarts > MOST_RESTARTS:
            self._end("failed", f"its supervisor died {self._state.restarts} times; it may take too much memory")

    def suspend(self, *_: object) -> None:
        self._suspended = True

    # --- devices ----------------------------------------------------------------------------------------------

    def _lease(self) -> Lease:
        """Waits for the devices."""
        self._look()
        if self._spec.devices == 0:
            return Lease(())
        ticket = Ticket(job=self._order.id, devices=self._order.devices, count=self._spec.devices)
        leases = Leases(Path(self._order.home))
        try:
            place = leases.join(ticket, priority=self._spec.priority, since=self._state.queued_at)
        except ValueError as error:
            self._end("failed", str(error))
        lease = place.take()
        if lease is None and self._state.phase == "queued":
            self._write()
        while lease is None:
            time.sleep(QUEUE_LOOK)
            self._look()
            lease = place.take()
        return lease

    def _look(self) -> None:
        """Ends a job that waits in vain."""
        told, deadline = self._told(), self._spec.deadline
        if told == "suspend":
            raise Suspended
        if told == "stop":
            self._end("stopped", "it was stopped while it waited for a device")
        if deadline is not None and datetime.now(UTC) >= deadline:
            self._end("failed", "the deadline came while it waited for a device")

    # --- steps ------------------------------------------------------------------------------------------------

    def _run_on(self, lease: Lease) -> NoReturn:
        started = self._state.started_at or datetime.now(UTC)
        self._write(phase="running", device=", ".join(lease.devices) or None, started_at=started)
        done = [step for step in self._state.steps if step.exit_code == 0 and step.problem is None]
        self._state = self._state.model_copy(update={"steps": tuple(done)})
        for number, step in enumerate(self._spec.steps[len(done) :], start=len(done)):
            problem = self._step(number, step, lease)
            if problem is not None:
                phase: JobPhase = "stopped" if self._told() == "stop" else "failed"
                self._end(phase, f"{step.name}: {problem}" if len(self._spec.steps) > 1 else problem)
        self._end("done", None)

    def _step(self, number: int, step: Step, lease: Lease) -> str | None:
        """Runs the step and records it. What is wrong, if anything is."""
        before = self._state.steps
        self._write(steps=(*before, StepState(name=step.name)))
        missing = [mount.source for mount in step.mounts if not Path(mount.source).exists()]
        if missing:
            lacks = f"what it needs is not there: {', '.join(Path(path).name for path in missing)}"
            self._write(steps=(*before, StepState(name=step.name, problem=lacks)))
            return lacks
        ending = self._run(number, step, lease, before)
        if ending.reason == "suspend":
            raise Suspended
        removed = mounts.tidy(step)
        if step.sealed and removed:  # names could be words
            removed = [f"removed {len(removed)} links that lead elsewhere, or other things that are no plain files"]
        for said in removed:
            self._output.line(said)
        problem = wording.problem(step, self._spec.limits, ending) or mounts.lacking(step)
        note = None if problem else wording.note(step, ending)
        if problem or note:
            self._output.line(f"{step.name}: {problem or note}")
        state = StepState(
            name=step.name,
            seconds=ending.seconds,
            exit_code=ending.exit_code,
            signal=ending.signal,
            problem=problem,
            note=note,
            peak_memory_mb=ending.peak_memory_mb,
        )
        self._write(steps=(*before, state))
        return problem

    def _run(self, number: int, step: Step, lease: Lease, before: Sequence[StepState]) -> wording.Ending:
        label = f"{sha256(str(self._folder.path).encode()).hexdigest()[:16]}-{number}"
        sandbox = self._sandbox
        sandbox.clean(label)  # of a supervisor that died
        command = sandbox.command(
            step,
            environment=self._spec.environment,
            variables=devices.variables(lease.devices, self._order.devices),
            devices=lease.devices,
            network=self._spec.network and not step.sealed,  # what has seen withheld rows tells nobody
            limits=self._spec.limits,
            label=label,
        )
        output = self._output_of(number, step)
        bounds = Bounds(self._spec.limits, self._spec.deadline, devices.affinity(lease.devices))
        try:
            return Watch(step, bounds, output, self._told, self._beat(step, before)).run(command)
        finally:
            sandbox.clean(label)
            self._unseal(number, step, output)

    @cached_property
    def _sandbox(self) -> Sandbox:
        try:
            found = choose(self._order.sandbox, scratch=self._folder.scratch)
        except BadInput as error:
            self._end("failed", str(error))
        self._write(sandbox=found.name)
        if found.name == "none":
            self._output.line("no sandbox: this code can read and write whatever its user can")
        return found

    def _output_of(self, number: int, step: Step) -> Output:
        if not step.sealed:
            return self._output
        return Output(self._folder.sealed_log(number), self._spec.limits.output_mb * 2**20)

    def _unseal(self, number: int, step: Step, output: Output) -> None:
        if step.sealed:
            output.finish()
            text = read(self._folder.sealed_log(number))
            self._output.write(f"{sealed.shown(text, step, self._spec.environment)}\n".encode())

    def _beat(self, step: Step, before: Sequence[StepState]) -> "_Beat":
        return _Beat(self, step, tuple(before))

    def record(self, steps: tuple[StepState, ...]) -> None:
        self._write(steps=steps)

    # --- state ------------------------------------------------------------------------------------------------

    def _told(self) -> Reason | None:
        if self._folder.stop.exists():
            return "stop"
        return "suspend" if self._suspended else None

    def _write(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)
        self._folder.write(self._state)

    def _end(self, phase: JobPhase, problem: str | None) -> NoReturn:
        self._output.finish()
        self._write(phase=phase, problem=problem, ended_at=datetime.now(UTC))
        raise Ended


class _Beat:
    """Keeps the record of a running step fresh, for those who wait and for a successor."""

    def __init__(self, supervisor: Supervisor, step: Step, before: tuple[StepState, ...]) -> None:
        self._supervisor = supervisor
        self._step = step
        self._before = before
        self._next = BEAT

    def __call__(self, seconds: float, memory_mb: float) -> None:
        if seconds < self._next:
            return
        self._next = seconds + BEAT
        state = StepState(name=self._step.name, seconds=seconds, peak_memory_mb=memory_mb)
        self._supervisor.record((*self._before, state))


def main(arguments: Sequence[str]) -> int:
    folder = JobFolder(Path(arguments[0]))
    lock = try_lock(folder.lock, patience=PATIENCE)
    if lock is None:
        return 0  # another supervisor has the job
    processes.adopt_orphans()
    supervisor = Supervisor(folder)
    signal.signal(signal.SIGTERM, supervisor.suspend)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(Ended, Suspended):
        supervisor.run()
    return 0  # the kernel frees the devices and the lock


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
