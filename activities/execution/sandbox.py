"""Which sandbox works on this host, and why another does not."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import gettempdir

from activities.errors import BadInput
from activities.execution import processes
from activities.execution.base import Sandbox
from activities.execution.bubblewrap import Bubblewrap, programs
from activities.execution.container import Container
from activities.execution.launching import launch
from activities.execution.unconfined import Unconfined
from schemas.job import Limits, Step

log = logging.getLogger(__name__)
KERNEL = Path("/proc/sys")
NAMES = ("auto", "bubblewrap", "container", "none")
PROBE = """
test -e /proc/self || exit 1
test ! -w /proc/sys/kernel/core_pattern || { echo 'what runs in it could write settings of the kernel'; exit 1; }
"""
TRIAL = Step(name="probe", argv=("/bin/sh", "-c", PROBE), mounts=(), workdir="/", seconds=20)
SETTINGS = (
    (
        "kernel.apparmor_restrict_unprivileged_userns",
        "0",
        "AppArmor allows user namespaces only to programs with a profile",
    ),
    ("kernel.unprivileged_userns_clone", "1", "user namespaces are for root only"),
    ("user.max_user_namespaces", "15000", "no user namespace may be made"),
)


@dataclass(frozen=True)
class Finding:
    """What a trial of one sandbox showed. `detail` says what works, or what is wrong and what to do."""

    name: str
    program: str
    works: bool
    detail: str


def choose(name: str = "auto", *, scratch: Path | None = None) -> Sandbox:
    """The named sandbox, or with `auto` the first that works. Raises BadInput if the named one does not work.

    `scratch` is for code that runs without a sandbox: a folder for its paths and temporary files.
    """
    if name not in NAMES:
        raise BadInput(f"there is no sandbox {name!r}; there are {', '.join(NAMES)}")
    without = Unconfined(scratch or Path(gettempdir()) / "aibuildai")
    if name == "none":
        return without
    failed = []
    for sandbox in _candidates(name):
        finding = _try(sandbox)
        if finding.works:
            return sandbox
        failed.append(f"{finding.program}: {finding.detail}")
    why = "; ".join(failed) or "none is installed"
    if name != "auto":
        raise BadInput(f"the sandbox {name!r} does not work here: {why}")
    log.warning("no sandbox works here: generated code runs with all that its user can read and write (%s)", why)
    return without


def probe() -> tuple[Finding, ...]:
    """A trial of every sandbox that is installed."""
    return tuple(_try(sandbox) for sandbox in _candidates("auto"))


def _candidates(name: str) -> Iterator[Bubblewrap | Container]:
    if name in ("auto", "bubblewrap"):
        for program in programs():
            yield Bubblewrap(program)
            yield Bubblewrap(program, isolated=False)
    if name in ("auto", "container"):
        yield from (Container(found) for command in ("docker", "podman") if (found := which(command)))


def _try(sandbox: Bubblewrap | Container) -> Finding:
    """Runs a shell in it."""
    problem = _image(sandbox) if isinstance(sandbox, Container) else None
    if problem is None:
        problem = _failure(sandbox)
    if problem is None:
        return Finding(sandbox.name, sandbox.program, True, "works")
    advice = _advice() if isinstance(sandbox, Bubblewrap) else "start its service, or let this user reach it"
    return Finding(sandbox.name, sandbox.program, False, f"{problem}; {advice}")


def _failure(sandbox: Sandbox) -> str | None:
    """What went wrong, or None."""
    command = sandbox.command(
        TRIAL, environment=sys.prefix, variables={}, devices=(), network=False, limits=Limits(), label="probe"
    )
    said: list[str] = []
    try:
        process = launch(command, variables={}, prepare=processes.end_with_parent, say=said.append)
        output, _ = process.communicate(timeout=TRIAL.seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"a trial took more than {TRIAL.seconds:.0f} s"
    except OSError as error:
        return str(error)
    words = output.decode(errors="replace").strip()[-400:]
    return None if process.returncode == 0 else words or f"exit code {process.returncode}"


def _image(sandbox: Container) -> str | None:
    try:
        return sandbox.make_image()
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def _advice() -> str:
    """The setting that forbids user namespaces, if one can be seen to."""
    for name, wanted, why in SETTINGS:
        file = KERNEL.joinpath(*name.split("."))
        value = file.read_text().strip() if file.is_file() else None
        forbids = value == "0" if wanted != "0" else value not in (None, "0")
        if forbids:
            return f"{why}: `sysctl -w {name}={wanted}` (as root) allows them"
    return (
        "inside a container it must be allowed to make namespaces and to mount /proc "
        "(Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
    )
