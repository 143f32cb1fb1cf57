"""conda, where the user has it: by its documented command line.

mamba and micromamba are asked in the same words. Where one of them lacks some, the agent is told of that failure.
It resolves, from the channels that the user's own configuration names, and downloads. It makes no environment: what
packages bring would run as it does, outside any sandbox. Their files are put in place by `linking`.
"""

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from activities.execution import distributions, linking, uv
from activities.handing import NETWORK, handed_on

PROGRAMS = ("conda", "mamba", "micromamba")
MARK = "# conda "
OWN = r"_?(?i:CONDA|MAMBA)(?!.*TOKEN).*"  # variables of its own
LONGEST = 60 * 60  # seconds
QUIETLY = ("--yes", "--quiet")
RECORD = Path("info", "repodata_record.json")
PASSWORD = re.compile(r"(?<=//)[^/@]+@|/t/[^/]+(?=/)")
PACKAGE = re.compile(r"[A-Za-z0-9_][\w.-]*( ?(=|==|>=|<=|<|>|!=|~=)[\w.*,<>=!~ +-]+)?")


class CondaFailed(Exception):
    """What conda said, or why it was not asked."""


def found() -> str | None:
    """The user's conda: what CONDA_EXE names, or the first on the PATH."""
    named = os.environ.get("CONDA_EXE")
    if named and os.access(named, os.X_OK):
        return named
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def channels() -> tuple[str, ...]:
    """Those that the user's configuration names."""
    told = _told("config", "--show", "channels", "--json")
    return tuple(map(str, told.get("channels", ())))


@contextmanager
def drafted(
    folder: Path, urls: Sequence[str], packages: Sequence[str], channel: str
) -> Iterator[tuple[tuple[str, ...], Path]]:
    """What the packages come to beside those that are there: the address of each, and an environment to look at."""
    for package in packages:
        if not PACKAGE.fullmatch(package):
            raise CondaFailed(f"{package!r} is no package such as `rdkit` or `rdkit>=2024`")
    if channel and channel not in (allowed := channels()):  # else not asked: micromamba has no `config --show`
        raise CondaFailed(f"{channel!r} is none of the user's channels, which are {', '.join(allowed) or 'none'}")
    only = ("--override-channels", "--channel", channel) if channel else ()
    major, minor, _ = platform.python_version_tuple()
    draft = folder / f".conda-{uuid4().hex[:8]}"
    asked = (f"python={major}.{minor}", *map(_spec, urls), *packages)
    try:
        named = _resolved(draft, (*only, *asked))
        _create("--prefix", str(draft), *only, *named.values(), "--download-only")
        found = _extracted(dict.fromkeys(named, ""))
        _link(found, draft)
        yield tuple(sorted(map(_address, found))), draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def create(folder: Path, urls: Sequence[str]) -> None:
    """The environment that a list of addresses describes, exactly."""
    shutil.rmtree(folder, ignore_errors=True)
    file = folder.with_name(f".{folder.name}.txt")
    file.write_text("@EXPLICIT\n" + "".join(f"{url}\n" for url in urls))
    try:
        _create("--prefix", str(folder), "--file", str(file), "--download-only")
    finally:
        file.unlink()
    _link(_extracted({"-".join(_parts(url)): url.partition("#")[2] for url in urls}), folder)
    uv.compile_bytecode(distributions.site_packages(folder))  # of packages for any Python, which come without


def _create(*words: str) -> str:
    return _run("create", *QUIETLY, *words)


def _resolved(draft: Path, words: Sequence[str]) -> dict[str, str]:
    """What they come to: how the folder of each package is called, and how conda is asked for exactly it."""
    told = _told("create", *QUIETLY, "--prefix", str(draft), *words, "--dry-run", "--json")
    parts = [(one["name"], one["version"], one.get("build_string") or one["build"]) for one in told["actions"]["LINK"]]
    return {"-".join(one): "=".join(one) for one in parts}


def _extracted(digests: Mapping[str, str]) -> list[Path]:
    """The folder that each package was extracted to; where its digest is given, of the package that has it."""
    places = [Path(place) for place in _told("info", "--json").get("pkgs_dirs", ())]
    found = {name: place / name for name in digests for place in reversed(places) if _is(place / name, digests[name])}
    if missing := sorted(digests.keys() - found.keys()):
        lacks = f"{missing[0]} was downloaded, but is in none of conda's folders of packages as it should be"
        raise CondaFailed(lacks)
    return [found[name] for name in digests]


def _is(package: Path, digest: str) -> bool:
    return (package / RECORD).is_file() and digest in ("", _record(package).get("md5"))


def _address(package: Path) -> str:
    """Where a package came from, with its digest; nobody's password."""
    record = _record(package)
    digest = f"#{record['md5']}" if "md5" in record else ""
    return PASSWORD.sub("", record["url"]) + digest


def _record(package: Path) -> dict[str, str]:
    record: dict[str, str] = json.loads((package / RECORD).read_text())
    return record


def _link(packages: Sequence[Path], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what conda began there
    try:
        linking.link(packages, folder)
    except linking.BadPackage as error:
        raise CondaFailed(str(error)) from error


def explicit(lock: str) -> tuple[str, ...]:
    """The addresses of conda's packages in a lock; none for an environment of wheels alone."""
    return tuple(line.removeprefix(MARK) for line in lock.splitlines() if line.startswith(MARK))


def noted(urls: Sequence[str]) -> str:
    """The addresses as a lock keeps them: as comments, which installers of wheels pass over."""
    return "".join(f"{MARK}{url}\n" for url in sorted(urls))


def named(url: str) -> str:
    """Name and version of the package at an address."""
    name, version, _ = _parts(url)
    return f"{name}=={version} (conda)"


def _spec(url: str) -> str:
    """Exactly the package at an address, as conda is asked for it."""
    return "=".join(_parts(url))


def _parts(url: str) -> tuple[str, str, str]:
    file = url.partition("#")[0].rpartition("/")[2]
    name, version, build = re.sub(r"\.(conda|tar\.bz2)$", "", file).rsplit("-", 2)
    return name, version, build


def _told(*arguments: str) -> dict[str, Any]:
    said = _run(*arguments)
    try:
        told: dict[str, Any] = json.loads(said)
    except ValueError:
        raise CondaFailed(f"conda {arguments[0]} gave no JSON, but {said[:200]!r}") from None
    return told


def _run(*arguments: str) -> str:
    program = found()
    if program is None:
        raise CondaFailed("there is no conda here: install what you need by uv, from wheels")
    given = handed_on(NETWORK, OWN)
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=LONGEST, env=given, check=False)
    if ran.returncode != 0:
        raise CondaFailed((ran.stderr.strip() or ran.stdout.strip() or f"exit code {ran.returncode}")[-2_000:])
    return ran.stdout
