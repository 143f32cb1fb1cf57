"""Runs one job, in a session of its own that outlives workers."""

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from activities.errors import BadInput
from activities.execution import cgroups, devices, nvidia, processes
from activities.execution.base import Sandbox
from activities.execution.devices import SLICES
from activities.execution.durable import try_lock
from activities.execution.folder import JobFolder, Order
from activities.execution.leases import Lease, Leases, Place, Ticket
from activities.execution.output import Output
from activities.execution.sandbox import choose
from activities.execution.steprun import StepRun, label
from activities.execution.wording import Reason
from schemas.job import JobPhase, JobState, Step, StepState

PATIENCE = 1.0  # for those who only look whether the lock is held
QUEUE_LOOK = 0.1
MOST_RESTARTS = 10


class Suspended(Exception):
    """The supervisor was told to end, as when the machine goes down. Another one will take the job up again."""


class Ended(Exception):
    """The job's final state was written."""


@dataclass(frozen=True)
class Host:
    """Where a supervisor runs: the home folder and the devices of the worker that started it, on its machine.

    A job that is taken up on another machine is leased that one's devices.
    """

    home: Path
    devices: tuple[str, ...]


class Supervisor:
    """The life of one job, from its order, or from where a dead supervisor left it."""

    def __init__(self, folder: JobFolder, host: Host) -> None:
        self._folder = folder
        self._host = host
        self._order: Order = folder.order()
        self._spec = self._order.spec
        self._state: JobState = folder.state()
        self._suspended = False
        self._place: Place | None = None  # in the queue
        self._output = Output(folder.log, self._spec.limits.output_mb * 2**20)

    def run(self) -> NoReturn:
        """Ends by raising Ended or Suspended."""
        if self._state.ended:
            raise Ended
        self._held(None)  # what a dead supervisor held, this one does not
        if self._state.phase == "running":
            self._take_up()
        self._run_on(self._lease())

    def _take_up(self) -> None:
        """Where a dead supervisor left it."""
        processes.kill_marked(str(self._folder.path))  # without a sandbox, some may have outlived their supervisor
        self._clear()
        failed = next((step for step in self._state.steps if step.problem is not None), None)
        if failed is not None:
            self._fail(failed.name, failed.problem)
        self._write(restarts=self._state.restarts + 1)
        self._output.line("the supervisor had died; the job goes on with the step it was in")
        if self._state.restarts > MOST_RESTARTS:
            self._end("failed", f"its supervisor died {self._state.restarts} times; it may take too much memory")

    def _clear(self) -> None:
        """What it left, whatever becomes of the job now: its successor may do no step."""
        for number in range(len(self._spec.steps)):
            cgroups.clear(label(self._folder, number))
            if self._state.sandbox:
                self._sandbox.clean(label(self._folder, number))

    def suspend(self, *_: object) -> None:
        self._suspended = True

    # --- devices ----------------------------------------------------------------------------------------------

    def _lease(self) -> Lease:
        """Waits for the devices."""
        self._look()
        if self._spec.devices == 0:
            return Lease(())
        leases = Leases(self._host.home)
        try:
            place = self._place = leases.join(self._ticket(), priority=self._spec.priority, since=self._state.queued_at)
        except ValueError as error:
            self._end("failed", str(error))
        lease = place.take()
        if lease is None and self._state.phase == "queued":
            self._write()
        while lease is None:
            time.sleep(QUEUE_LOOK)
            self._look()
            lease = place.take()
        self._place = None
        return lease

    def _ticket(self) -> Ticket:
        """Raises ValueError if no device has what is asked for."""
        asked, offered = self._spec.device_memory_mb, self._host.devices
        slices = SLICES if asked is None else devices.slices(asked, offered, nvidia.memories())
        return Ticket(job=self._order.id, devices=offered, count=self._spec.devices, slices=slices)

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
        done = tuple(step for step in self._state.steps if step.exit_code == 0 and step.problem is None)
        cut_off = sum(step.seconds for step in self._state.steps[len(done) :])
        self._write(phase="running", device=", ".join(lease.devices) or None, started_at=started, steps=done)
        for number, step in enumerate(self._spec.steps[len(done) :], start=len(done)):
            problem = self._step(number, step, lease, cut_off)
            cut_off = 0.0
            if problem is not None:
                self._fail(step.name, problem)
        self._end("done", None)

    def _step(self, number: int, step: Step, lease: Lease, earlier: float) -> str | None:
        """Runs the step and records it. What is wrong, if anything is."""
        before = self._state.steps

        def record(state: StepState) -> None:
            self._write(steps=(*before, state))

        state = StepRun(
            folder=self._folder,
            spec=self._spec,
            number=number,
            step=step,
            lease=lease,
            of_host=self._host.devices,
            sandbox=self._sandbox,
            output=self._output,
            told=self._told,
            record=record,
            held=self._held,
            earlier=earlier,
        ).run()
        if state is None:
            raise Suspended
        record(state)
        return state.problem

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

    # --- state ------------------------------------------------------------------------------------------------

    def _told(self) -> Reason | None:
        if self._folder.stop.exists():
            return "stop"
        return "suspend" if self._suspended else None

    def _write(self, **changes: object) -> None:
        state = self._state.model_copy(update=changes)
        self._folder.write(state)
        self._state = state

    def _held(self, folder: Path | None) -> None:
        """Tells those who wait for the job where room is lacking, once there is so much that it can be written."""
        held = None if folder is None else str(folder)
        if held != self._state.held:
            with suppress(OSError):
                self._write(held=held)

    def _fail(self, step: str, problem: str | None) -> NoReturn:
        phase: JobPhase = "stopped" if self._told() == "stop" else "failed"
        self._end(phase, f"{step}: {problem}" if len(self._spec.steps) > 1 else problem)

    def _end(self, phase: JobPhase, problem: str | None) -> NoReturn:
        if self._place is not None:
            self._place.leave()
        self._output.finish()
        self._folder.remove_drafts()
        self._write(phase=phase, problem=problem, ended_at=datetime.now(UTC), held=None)
        raise Ended


def main(arguments: Sequence[str]) -> int:
    """Arguments: the job's folder, the home folder, and the host's devices with commas."""
    folder = JobFolder(Path(arguments[0]))
    host = Host(Path(arguments[1]), tuple(filter(None, arguments[2].split(","))))
    lock = try_lock(folder.lock, patience=PATIENCE)
    if lock is None:
        return 0  # another supervisor has the job
    processes.adopt_orphans()
    try:
        supervisor = Supervisor(folder, host)
    except ValidationError:
        processes.kill_marked(str(folder.path))
        folder.give_up()
        return 0
    signal.signal(signal.SIGTERM, supervisor.suspend)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(Ended, Suspended):
        supervisor.run()
    return 0  # the kernel frees the devices and the lock


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
