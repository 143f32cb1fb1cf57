"""One step of a job: its command is made, watched to its end, and what came of it is judged."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from activities.execution import cgroups, devices, mounts, sealed, wording
from activities.execution.base import Sandbox
from activities.execution.durable import sync_file_systems
from activities.execution.folder import JobFolder
from activities.execution.leases import Lease
from activities.execution.output import Output, read
from activities.execution.sampling import Sampler
from activities.execution.standing import Brake
from activities.execution.stepping import Bounds, Watch
from activities.execution.wording import Reason
from schemas.job import JobSpec, Step, StepState

BEAT = 5.0  # seconds between records of a running step


@dataclass(frozen=True)
class StepRun:
    """`earlier` are the seconds that supervisors spent in it who died; `record` writes how it stands.

    `held` is told of a folder with so little room that the step stands still, and None once it goes on.
    """

    folder: JobFolder
    spec: JobSpec
    number: int
    step: Step
    lease: Lease
    of_host: tuple[str, ...]
    sandbox: Sandbox
    output: Output
    told: Callable[[], Reason | None]
    record: Callable[[StepState], None]
    held: Callable[[Path | None], None]
    earlier: float = 0.0

    def run(self) -> StepState | None:
        """What came of it; None if the supervisor was told to end, and the step is to be done again."""
        self.record(StepState(name=self.step.name, seconds=self.earlier))
        missing = [mount.source for mount in self.step.mounts if not Path(mount.source).exists()]
        if missing:
            lacks = f"what it needs is not there: {', '.join(Path(path).name for path in missing)}"
            return StepState(name=self.step.name, problem=lacks)
        sampler = Sampler(self.step.name, shared=self.lease.slices < devices.SLICES)
        group = cgroups.group(self._label, self.spec.limits) if self.sandbox.in_own_processes else None
        try:
            ending = self._watched(group, sampler)
        finally:
            if group is not None:
                group.remove()
        self.folder.add_usage(sampler.samples)
        if ending.reason == "suspend":
            return None
        watcher = "supervisor" if self.sandbox.in_own_processes else "container"
        return self._judged(ending, sampler, watcher if group is None else "kernel")

    def _watched(self, group: cgroups.Group | None, sampler: Sampler) -> wording.Ending:
        self.sandbox.clean(self._label)  # of a supervisor that died
        step, lease = devices.spread(self.step, self.lease.devices), self.lease
        command = self.sandbox.command(
            step,
            environment=self.spec.environment,
            variables=devices.variables(lease.devices, self.of_host, lease.slices),
            devices=lease.devices,
            network=self.spec.network and not (step.sealed or step.offline),  # what has seen withheld rows tells nobody
            limits=self.spec.limits,
            label=self._label,
        )
        output = self._own_output()
        cores, gpus = devices.affinity(lease.devices), devices.numbers(lease.devices)
        bounds = Bounds(self.spec.limits, self.spec.deadline, cores, gpus, group)
        try:
            return Watch(step, bounds, output, self.told, self._beat(), sampler, self._brake()).run(command)
        finally:
            self.sandbox.clean(self._label)
            self._unseal(output)

    def _brake(self) -> Brake:
        """A container's processes are not this one's to hold."""
        least = self.spec.limits.least_free_mb if self.sandbox.in_own_processes else 0
        written = (Path(mount.source) for mount in mounts.writable(self.step))
        return Brake((*written, self.folder.path), least, self.output.line, self.held)

    def _judged(self, ending: wording.Ending, sampler: Sampler, limited_by: str) -> StepState:
        for said in self._tidied():
            self.output.line(said)
        problem = wording.problem(self.step, self.spec.limits, ending) or mounts.lacking(self.step)
        note = None if problem else wording.note(self.step, ending)
        if problem or note:
            self.output.line(f"{self.step.name}: {problem or note}")
        if problem is None:  # what counts as done must be there after a loss of power, too
            sync_file_systems(Path(mount.source) for mount in mounts.writable(self.step))
        return StepState(
            name=self.step.name,
            seconds=self.earlier + ending.seconds,
            exit_code=ending.exit_code,
            signal=ending.signal,
            problem=problem,
            note=note,
            peak_memory_mb=ending.peak_memory_mb,
            use=sampler.use(),
            limited_by=limited_by,
        )

    def _tidied(self) -> list[str]:
        removed = mounts.tidy(self.step)
        if self.step.sealed and removed:  # names could be words
            return [f"removed {len(removed)} links that lead elsewhere, or other things that are no plain files"]
        return removed

    @property
    def _label(self) -> str:
        return label(self.folder, self.number)

    def _own_output(self) -> Output:
        if not self.step.sealed:
            return self.output
        return Output(self.folder.sealed_log(self.number), self.spec.limits.output_mb * 2**20)

    def _unseal(self, output: Output) -> None:
        if self.step.sealed:
            output.finish()
            text = read(self.folder.sealed_log(self.number))
            self.output.write(f"{sealed.shown(text, self.step, self.spec.environment)}\n".encode())

    def _beat(self) -> Callable[[float, Sampler], None]:
        """Keeps the record fresh, for those who wait and for a successor."""
        following = BEAT

        def beat(seconds: float, sampler: Sampler) -> None:
            nonlocal following
            if seconds < following:
                return
            following = seconds + BEAT
            spent, peak = self.earlier + seconds, sampler.peak_memory_mb
            state = StepState(name=self.step.name, seconds=spent, peak_memory_mb=peak, use=sampler.use())
            with suppress(OSError):  # a disk that is full for a moment ends no training
                self.record(state)

        return beat


def label(folder: JobFolder, number: int) -> str:
    """Names what a step makes outside its processes: the same for every supervisor that comes to do it."""
    return f"{sha256(str(folder.path).encode()).hexdigest()[:16]}-{number}"
