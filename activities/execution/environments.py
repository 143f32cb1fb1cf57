"""The environments that candidates' code runs in: named by the digest of their lock, and never changed once made.

Nothing of this project is installed in them. What the project's own environment already has is taken over as it is,
file by file, so that making one needs neither the network nor a second copy on disk.
"""

import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from activities.errors import NeedsPerson, ToolFailed
from activities.execution import conda, distributions, uv
from activities.execution.durable import sync_file_systems, write_whole
from activities.execution.sole import StandsStill, alone, places

BASE = (
    *("numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "torch>=2.13,<2.14"),
    *("pyarrow", "pyyaml", "matplotlib", "joblib", "threadpoolctl"),
)
LOCK, COMPLETE = "requirements.lock", ".complete"
MEMORY = "locks"  # what requirements came to before
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


def made_base(home: Path) -> Path | None:
    """The folder of the environment that all runs share; None if none was made yet."""
    lock = _remembered(home / "environments", BASE)
    return next(_likely(home / "environments" / digest(lock))) if lock is not None else None


def extend(environment: Path, packages: Sequence[str]) -> Path:
    """An environment with more packages; those that are there keep their versions. Raises ToolFailed."""
    wanted = [_checked(package) for package in packages]
    folder, given = environment.parent, lock(environment)
    asked = [*given.splitlines(), *wanted]
    try:
        made = _remembered(folder, asked)
        if made is None:
            added = uv.additions("\n".join(wanted), environment / LOCK, distributions.site_packages(environment))
            pins = distributions.pinned(given) | distributions.pinned(added)
            made = _remember(folder, asked, conda.noted(conda.explicit(given)) + distributions.lock_text(pins))
        return _made(folder, made, environment)
    except uv.UvFailed as error:
        why = "there is no network to packages; do without them" if error.offline else "they do not fit"
        raise ToolFailed(f"{', '.join(packages)} cannot be installed: {why}. {error}") from error


def extend_by_conda(environment: Path, packages: Sequence[str], channel: str = "") -> Path:
    """An environment with packages that the user's own conda downloads; the wheels that are there are put on top.

    Raises ToolFailed. Where conda has a package of its own, it takes the place of the wheel.
    """
    folder, given = environment.parent, lock(environment)
    asked = [*given.splitlines(), f"# asked of conda, channel {channel}", *packages]
    try:
        made = _remembered(folder, asked)
        if made is None:
            folder.mkdir(parents=True, exist_ok=True)
            with conda.drafted(folder, conda.explicit(given), packages, channel) as (urls, draft):
                own = {name: one.version for name, one in distributions.installed(draft).items()}
            pins = distributions.pinned(given) | own
            made = _remember(folder, asked, conda.noted(urls) + distributions.lock_text(pins))
        return _made(folder, made, environment)
    except (conda.CondaFailed, uv.UvFailed) as error:
        raise ToolFailed(f"{', '.join(packages)} cannot be installed by conda: {error}") from error


def lock(environment: Path) -> str:
    """Each distribution in it with its exact version, a line each; what conda put there as comments before them."""
    return (environment / LOCK).read_text()


def digest(lock: str) -> str:
    """Of what the lock pins, and what it is pinned for."""
    pins = conda.noted(conda.explicit(lock)) + distributions.lock_text(distributions.pinned(lock))
    return sha256(f"{_platform()}\n{pins}".encode()).hexdigest()[:16]


def _base_lock(requirements: Sequence[str]) -> str:
    """As the project's own environment has it, or else as uv resolves it."""
    versions = distributions.closure(requirements, distributions.installed(OWN))
    if versions is not None:
        return distributions.lock_text(versions)
    return uv.resolve("\n".join(requirements), Path(sys.executable))


def _made(folder: Path, lock: str, source: Path) -> Path:
    """The environment of that lock, made if it is not there. Two workers do not make it both.

    Where one was stopped while it made it, it is made at the next place: the one that was stopped may yet go on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for made in _likely(folder / digest(lock)):
        if (made / COMPLETE).exists():
            return made
        with suppress(StandsStill), alone(made):
            if not (made / COMPLETE).exists():  # nobody made it meanwhile
                _make(made, lock, source)
            return made
    raise AssertionError("places do not end")


def _likely(first: Path) -> Iterator[Path]:
    """What is whole comes before what may have to be waited for."""
    yield from (marker.parent for marker in sorted(first.parent.glob(f"{first.name}*/{COMPLETE}")))
    yield from places(first)


def _make(made: Path, lock: str, source: Path) -> None:
    """At its final place, since environments hold their own path; complete once the last file says so."""
    urls, pins = conda.explicit(lock), distributions.pinned(lock)
    if urls:
        conda.create(made, urls)
    else:
        uv.make_environment(made)
    there = distributions.installed(source)
    wanted = {name: version for name, version in pins.items() if name not in distributions.installed(made)}
    same = [name for name, version in wanted.items() if name in there and there[name].version == version]
    taken = distributions.adopt(same, source, made)
    lacking = {name: version for name, version in wanted.items() if name not in taken}
    if lacking:
        _add_wheels(lacking, made)
    packages = distributions.site_packages(made)
    if lacking or not any(packages.glob("numpy/__pycache__/*.pyc")):
        uv.compile_bytecode(packages)  # the project's own installer had left that out
    write_whole(made / LOCK, conda.noted(urls) + distributions.lock_text(pins))
    sync_file_systems([made])  # what counts as complete must be there after a loss of power, too
    write_whole(made / COMPLETE, "")


def _add_wheels(pins: dict[str, str], made: Path) -> None:
    """Installed into an environment that has nothing yet, and taken over from there: none of their code runs."""
    fresh = made.with_name(f".{made.name}.wheels")
    try:
        uv.install(distributions.lock_text(pins), fresh)
        left = pins.keys() - distributions.adopt(pins, fresh, made)
        if left:
            raise uv.UvFailed(f"{', '.join(sorted(left))} came without a record of their files")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


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
    return folder / MEMORY / sha256(asked.encode()).hexdigest()[:16]


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
