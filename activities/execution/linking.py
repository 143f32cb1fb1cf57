"""Packages of conda, put in place without conda, so that nothing that they bring runs.

conda would run their scripts, activate the new environment, and start its Python with whatever they put on its start:
all that outside the sandbox, for any package that an agent names. So conda resolves and downloads, and the files that
each package lists are linked here, as conda's published format says. Packages that need a script of theirs are refused.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LONGEST_FIRST_LINE = 127  # which kernels read of a script
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SCRIPT = re.compile(r"bin/\.(.+)-(pre|post)-link\.sh")
ENTRY_POINT = re.compile(r"\s*([\w.-]+)\s*=\s*([\w.]+)\s*:\s*(\w+)((?:\.\w+)*)\s*")
FIRST_LINE = re.compile(rb"#![^\n]*/([^/\s]+)([^\n]*)")
COMMAND = "{first}\nimport sys\nfrom {module} import {name}\nsys.exit({name}{rest}())\n"
FOR_PYTHON = {"site-packages": f"lib/{PYTHON}/site-packages", "python-scripts": "bin"}


class BadPackage(Exception):
    """What keeps a package from being put in place, in words for whoever asked for it."""


def link(packages: Sequence[Path], prefix: Path) -> None:
    """A new environment of these packages, each a folder as conda extracted it. Raises BadPackage."""
    listed = [(package, _listed(package)) for package in packages]
    prefix.mkdir(parents=True)
    for package, entries in listed:
        try:
            _link(package, entries, prefix)
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise BadPackage(f"{package.name} does not fit what is there: {error}") from error


def _link(package: Path, entries: Sequence[dict[str, Any]], prefix: Path) -> None:
    for_python = _read(package, "index.json").get("noarch") == "python"
    for entry in entries:
        path = entry["_path"]
        _place(_within(package, path), _within(prefix, _moved(path) if for_python else path), entry, prefix)
    if for_python:
        _add_commands(package, prefix)


def _listed(package: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = _read(package, "paths.json").get("paths", [])
    for entry in entries:
        if SCRIPT.fullmatch(entry["_path"]):
            raise BadPackage(
                f"{package.name} has a script that runs as it is installed ({entry['_path']}), which would be outside "
                "the sandbox: take another package, or a wheel"
            )
    if not entries:
        raise BadPackage(f"{package.name} does not say which files it has")
    return entries


def _read(package: Path, name: str) -> dict[str, Any]:
    file = package / "info" / name
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return found


def _moved(path: str) -> str:
    """Where a file of a package for any Python belongs."""
    top, slash, rest = path.partition("/")
    return f"{FOR_PYTHON.get(top, top)}{slash}{rest}"


def _within(root: Path, path: str) -> Path:
    """The path below the root, by no link and no `..` elsewhere."""
    place = root / path
    if place.name == ".." or not Path(os.path.realpath(place.parent)).is_relative_to(os.path.realpath(root)):
        raise BadPackage(f"{path!r} leads out of {root.name}")
    return place


def _place(source: Path, target: Path, entry: dict[str, Any], prefix: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.get("path_type") == "directory":
        target.mkdir(exist_ok=True)
        return
    target.unlink(missing_ok=True)  # of two packages with the same file, the later counts
    if not source.is_symlink() and not source.is_file():
        raise BadPackage(f"{source} is not there, or no plain file")
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif placeholder := entry.get("prefix_placeholder"):
        binary = entry.get("file_mode") == "binary"
        target.write_bytes(_replaced(source.read_bytes(), placeholder.encode(), os.fsencode(prefix), binary=binary))
        target.chmod(source.stat().st_mode & 0o777)
    else:
        _shared(source, target)


def _shared(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another disk
        shutil.copy2(source, target)


def _replaced(content: bytes, placeholder: bytes, prefix: bytes, *, binary: bool) -> bytes:
    """The content with the environment's own path in it. In a binary file each string keeps its length."""
    if not binary:
        return _short_first_line(content.replace(placeholder, prefix))
    if len(prefix) > len(placeholder):
        raise BadPackage(f"the path {os.fsdecode(prefix)} is too long for packages of conda")

    def padded(found: re.Match[bytes]) -> bytes:
        return found[0].replace(placeholder, prefix).ljust(len(found[0]), b"\0")

    return re.sub(re.escape(placeholder) + rb"[^\0]*\0", padded, content)


def _short_first_line(content: bytes) -> bytes:
    """A script's interpreter by its name alone, where the kernel would cut its path off."""
    found = FIRST_LINE.match(content)
    if found is None or len(found[0]) <= LONGEST_FIRST_LINE:
        return content
    return b"#!/usr/bin/env " + found[1] + found[2] + content[found.end() :]


def _add_commands(package: Path, prefix: Path) -> None:
    for text in _read(package, "link.json").get("noarch", {}).get("entry_points", ()):
        found = ENTRY_POINT.fullmatch(text)
        if found is None:
            raise BadPackage(f"{package.name} names a command as {text!r}")
        first = _short_first_line(f"#!{prefix}/bin/python\n".encode()).decode().rstrip()
        file = _within(prefix, f"bin/{found[1]}")
        file.parent.mkdir(exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(COMMAND.format(first=first, module=found[2], name=found[3], rest=found[4]))
        file.chmod(0o755)
