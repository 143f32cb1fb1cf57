"""The environments that candidates' code runs in: named by the digest of their lock, and never changed once made.

Nothing of this project is installed in them. What the project's own environment already has is taken over as it is,
file by file, so that making one needs neither the network nor a second copy on disk.
"""

import platform
import re
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import psutil
from packaging.requirements import InvalidRequirement, Requirement

from activities.errors import NeedsPerson, ToolFailed
from activities.execution import devices, distributions, uv
from activities.execution.durable import locked, write_whole
from activities.execution.sandbox import choose
from schemas.tool import EnvironmentFacts

BASE = (
    *("numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "torch>=2.13,<2.14"),
    *("pyarrow", "pyyaml", "matplotlib", "joblib", "threadpoolctl"),
)
LOCK, COMPLETE = "requirements.lock", ".complete"
OWN = Path(sys.prefix)


def base(home: Path, requirements: Sequence[str] = BASE) -> Path:
    """The folder of the environment that all runs share. Raises NeedsPerson if it cannot be made."""
    folder = home / "environments"
    try:
        lock = _remembered(folder, requirements) or _remember(folder, requirements, _base_lock(requirements))
        return _made(folder, lock, OWN)
    except uv.UvFailed as error:
        remedy = (
            "packages cannot be reached: connect to the network, or give pip an index or wheels (pip config)"
            if error.offline
            else "see what uv says, and install what is lacking"
        )
        raise NeedsPerson(f"the candidates' environment cannot be made; {remedy}. {error}") from error


def extend(environment: Path, packages: Sequence[str]) -> Path:
    """An environment with more packages; those that are there keep their versions. Raises ToolFailed."""
    wanted = [_checked(package) for package in packages]
    folder, given = environment.parent, lock(environment)
    asked = [*given.splitlines(), *wanted]
    try:
        made = _remembered(folder, asked)
        if made is None:
            added = uv.additions("\n".join(wanted), environment / LOCK, environment / "bin" / "python")
            pins = distributions.pinned(given) | distributions.pinned(added)
            made = _remember(folder, asked, distributions.lock_text(pins))
        return _made(folder, made, environment)
    except uv.UvFailed as error:
        why = "there is no network to packages; do without them" if error.offline else "they do not fit"
        raise ToolFailed(f"{', '.join(packages)} cannot be installed: {why}. {error}") from error


def lock(environment: Path) -> str:
    """Each distribution in it with its exact version, a line each."""
    return (environment / LOCK).read_text()


def facts(environment: Path, *, devices_of_host: tuple[str, ...], sandbox: str = "auto") -> EnvironmentFacts:
    """What the setup agent is told. Nothing of the environment is executed for it."""
    names = [f"{name}, {uuid}" for name, uuid in devices.gpus().values()]
    return EnvironmentFacts(
        python=platform.python_version(),
        packages=distributions.pinned(lock(environment)),
        cores=len(devices.usable_cores()),
        memory_mb=psutil.virtual_memory().total // 2**20,
        devices=devices_of_host,
        gpus=tuple(names),
        disk_free_mb=psutil.disk_usage(str(environment)).free // 2**20,
        sandbox=choose(sandbox).name,
    )


def digest(lock: str) -> str:
    """Of what the lock pins, and what it is pinned for."""
    pins = distributions.lock_text(distributions.pinned(lock))
    return sha256(f"{_platform()}\n{pins}".encode()).hexdigest()[:16]


def _base_lock(requirements: Sequence[str]) -> str:
    """As the project's own environment has it, or else as uv resolves it."""
    versions = distributions.closure(requirements, distributions.installed(OWN))
    if versions is not None:
        return distributions.lock_text(versions)
    return uv.resolve("\n".join(requirements), Path(sys.executable))


def _made(folder: Path, lock: str, source: Path) -> Path:
    """The environment of that lock, made if it is not there. Two workers do not make it both."""
    made = folder / digest(lock)
    if (made / COMPLETE).exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{made.name}.lock"):
        if not (made / COMPLETE).exists():  # nobody made it meanwhile
            _make(made, lock, source)
    return made


def _make(made: Path, lock: str, source: Path) -> None:
    """At its final place, since environments hold their own path; complete once the last file says so."""
    uv.make_environment(made)
    pins = distributions.pinned(lock)
    there = distributions.installed(source)
    same = [name for name, version in pins.items() if name in there and there[name].version == version]
    taken = distributions.adopt(same, source, made)
    lacking = {name: version for name, version in pins.items() if name not in taken}
    if lacking:
        uv.install(distributions.lock_text(lacking), made / "bin" / "python")
    packages = distributions.site_packages(made)
    if not any(packages.glob("numpy/__pycache__/*.pyc")):
        uv.compile_bytecode(made, packages)  # the project's own installer had left that out
    write_whole(made / LOCK, distributions.lock_text(pins))
    write_whole(made / COMPLETE, "")


def _remembered(folder: Path, requirements: Sequence[str]) -> str | None:
    """The lock that these requirements came to before, so that a second call needs no network."""
    file = _memory(folder, requirements)
    return file.read_text() if file.exists() else None


def _remember(folder: Path, requirements: Sequence[str], lock: str) -> str:
    file = _memory(folder, requirements)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, lock)
    return lock


def _memory(folder: Path, requirements: Sequence[str]) -> Path:
    asked = "\n".join((_platform(), *sorted(requirements)))
    return folder / "locks" / sha256(asked.encode()).hexdigest()[:16]


def _platform() -> str:
    """What wheels depend on."""
    return f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}"


def _checked(package: str) -> str:
    """A requirement by name and version: no path, address or option of the installer."""
    try:
        requirement = Requirement(package)
    except InvalidRequirement as error:
        raise ToolFailed(f"{package!r} is no requirement such as `xgboost` or `xgboost>=2,<3`: {error}") from None
    if requirement.url is not None or re.search(r"[\n\r]", package):
        raise ToolFailed(f"{package!r} names an address; only packages by name can be installed")
    return str(requirement)
