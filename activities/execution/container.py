"""A sandbox through Docker or Podman: an empty image, with the same things shown as in bubblewrap."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from activities.execution import devices as device_names
from activities.execution import surroundings
from activities.execution.base import Command
from activities.handing import ENGINES, handed_on
from schemas.job import Limits, Step

IMAGE = "aibuildai-empty:1"
EMPTY_TAR = bytes(10_240)


@dataclass(frozen=True)
class Container:
    """`program` is the `docker` or `podman` command."""

    program: str
    name: str = "container"
    in_own_processes: bool = False

    def command(
        self,
        step: Step,
        *,
        environment: str,
        variables: dict[str, str],
        devices: tuple[str, ...],
        network: bool,
        limits: Limits,
        label: str = "",
    ) -> Command:
        inside = surroundings.placed(environment, step)
        given = surroundings.variables(step, inside, variables)
        argv = (
            *(self.program, "run", "--rm", "--pull", "never", "--name", _container(label)),
            *("--hostname", surroundings.HOSTNAME, "--workdir", step.workdir, "--user", f"{os.getuid()}:{os.getgid()}"),
            *self._confinement(limits, devices, network=network),
            *(f"--env={name}={value}" for name, value in given.items()),
            *(f"--device={file}" for file in device_names.device_files(devices)),
            *(f"--volume={source}:{place}:ro" for source, place in _shown(environment, inside, network=network)),
            *(f"--volume={m.source}:{m.target}:{'rw' if m.writable else 'ro'}" for m in step.mounts),
            IMAGE,
            *surroundings.argv(step, inside),
        )
        return Command(argv)

    def clean(self, label: str) -> None:
        """A container outlives its command's client, so it is removed by name."""
        self._ask("rm", "--force", _container(label))

    def make_image(self) -> str | None:
        """The empty image that everything is mounted into, made without any registry. What is wrong, if anything is."""
        if self._ask("image", "inspect", IMAGE, seconds=60).returncode == 0:
            return None
        made = self._ask("import", "-", IMAGE, given=EMPTY_TAR, seconds=120)
        return made.stderr.decode(errors="replace").strip() or "it failed" if made.returncode else None

    def _ask(self, *words: str, given: bytes = b"", seconds: float | None = None) -> subprocess.CompletedProcess[bytes]:
        command = [self.program, *words]
        variables = handed_on(ENGINES)
        return subprocess.run(command, input=given, capture_output=True, timeout=seconds, env=variables, check=False)

    def _confinement(self, limits: Limits, devices: tuple[str, ...], *, network: bool) -> tuple[str, ...]:
        cores = device_names.affinity(devices)
        size = surroundings.temporary_mb(limits)
        return (
            *(() if network else ("--network", "none")),  # the engine's own network does not show the host's loopback
            *("--read-only", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--pids-limit", str(limits.processes)),
            *("--memory", f"{limits.memory_mb}m", "--memory-swap", f"{limits.memory_mb}m", "--shm-size", f"{size}m"),
            *("--tmpfs", f"/tmp:rw,exec,mode=1777,size={size}m"),  # noqa: S108 - in the sandbox
            *(("--cpuset-cpus", ",".join(map(str, sorted(cores)))) if cores else ()),
            *(("--userns", "keep-id") if Path(self.program).name == "podman" and os.getuid() != 0 else ()),
        )


def _shown(environment: str, inside: str, *, network: bool) -> list[tuple[str, str]]:
    """System folders that are links are mounted too, as an image without files cannot hold links."""
    linked = [(os.path.realpath(place), place) for _, place in surroundings.links()]
    shown = surroundings.readable(environment, inside, network=network)
    return [*linked, *((source, place) for source, place in shown if place != "/etc/resolv.conf")]  # the engine's own


def _container(label: str) -> str:
    return f"aibuildai-{label}"
