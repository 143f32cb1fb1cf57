"""Installed distributions: what requirements come to, and taking them over into another environment as they are."""

import os
import shutil
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def site_packages(prefix: Path) -> Path:
    """Of an environment. Raises FileNotFoundError if it has none."""
    found = sorted(prefix.glob("lib/python3*/site-packages"))
    if not found:
        raise FileNotFoundError(f"{prefix} is no Python environment: it has no lib/python3*/site-packages")
    return found[0]


def installed(prefix: Path) -> dict[str, Distribution]:
    """By canonical name."""
    found = distributions(path=[str(site_packages(prefix))])
    return {canonicalize_name(distribution.metadata["Name"]): distribution for distribution in found}


def closure(requirements: Iterable[str], there: dict[str, Distribution]) -> dict[str, str] | None:
    """Name and version of all that the requirements need, as it is installed; None if something is lacking."""
    needed: dict[str, str] = {}
    waiting = [(Requirement(text), frozenset[str]()) for text in requirements]
    while waiting:
        requirement, extras = waiting.pop()
        if not _applies(requirement, extras):
            continue
        name = canonicalize_name(requirement.name)
        distribution = there.get(name)
        if distribution is None or not requirement.specifier.contains(distribution.version, prereleases=True):
            return None
        if name in needed and not requirement.extras:
            continue
        needed[name] = distribution.version
        waiting += [(Requirement(text), frozenset(requirement.extras)) for text in distribution.requires or ()]
    return dict(sorted(needed.items()))


def adopt(names: Iterable[str], source: Path, target: Path) -> set[str]:
    """Puts distributions of one environment into another, as links to the same files where the disk allows that.

    Returns the names that could be taken over; those installed in place, or without a record, could not.
    """
    there = installed(source)
    done = set()
    for name in names:
        files = _files(there[name], source) if name in there else None
        if files is None:
            continue
        for path in files:
            _place(path, source, target)
        done.add(name)
    return done


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, ""))


def _files(distribution: Distribution, source: Path) -> list[Path] | None:
    """Every file of it below the environment; None if it is not a plain installation."""
    if distribution.files is None or distribution.read_text("direct_url.json") is not None:
        return None
    paths = [Path(os.path.normpath(str(distribution.locate_file(file)))) for file in distribution.files]
    if any(not path.is_relative_to(source) for path in paths):
        return None
    return [path for path in paths if path.is_file()]


def _place(path: Path, source: Path, target: Path) -> None:
    place = target / path.relative_to(source)
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.parent == source / "bin":
        place.write_bytes(path.read_bytes().replace(str(source).encode(), str(target).encode()))
        place.chmod(0o755)
        return
    try:
        os.link(path, place)
    except OSError:  # another disk, or one without links
        shutil.copy2(path, place)


def pinned(lock: str) -> dict[str, str]:
    """Name and version of each line of a lock."""
    return dict(_pins(lock))


def _pins(lock: str) -> Iterator[tuple[str, str]]:
    for line in lock.splitlines():
        name, equal, version = line.partition("==")
        if equal and not line.startswith(("#", " ")):
            yield canonicalize_name(name.strip()), version.split(";")[0].strip()


def lock_text(versions: dict[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
