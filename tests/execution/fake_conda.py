#!/usr/bin/env python3
# ruff: noqa: T201
"""A conda that knows three packages: the part of the documented command line that environments are made by.

It refuses what it does not know, and whatever would put a package in place: the real one would run what it brings. It
keeps what it was told beside itself in `told.jsonl`, and puts nothing anywhere but in its folder of packages.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from hashlib import md5
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE / "pkgs"
CHANNEL = "https://conda.invalid/forge"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
VERSIONS = {"python": f"{PYTHON.removeprefix('python')}.0", "tinyconda": "2.0", "scripted": "1.0"}
BUILDS = {"python": "0", "tinyconda": "py_0", "scripted": "0"}
FILES = {
    "site-packages/tinyconda.py": "VALUE = 'from conda'\n",
    "site-packages/tinyconda-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tinyconda\nVersion: 2.0\n",
    "site-packages/tinyconda-2.0.dist-info/RECORD": "tinyconda.py,,\n",
}


def folder(name: str) -> str:
    return f"{name}-{VERSIONS[name]}-{BUILDS[name]}"


def url(name: str) -> str:
    return f"{CHANNEL}/noarch/{folder(name)}.conda#{md5(name.encode()).hexdigest()}"


def config(words: list[str]) -> None:
    assert words == ["--show", "channels", "--json"], words
    print(json.dumps({"channels": ["forge", "bio"]}))


def info(words: list[str]) -> None:
    assert words == ["--json"], words
    print(json.dumps({"pkgs_dirs": [str(HERE / "elsewhere"), str(PACKAGES)]}))


def create(words: list[str]) -> None:
    options = argparse.ArgumentParser()
    for name in ("--prefix", "--channel", "--file"):
        options.add_argument(name)
    for name in ("--yes", "--quiet", "--override-channels", "--dry-run", "--json", "--download-only"):
        options.add_argument(name, action="store_true")
    options.add_argument("specs", nargs="*")
    given = options.parse_args(words)
    assert given.yes, "it would wait for an answer"
    names = _explicit(given.file) if given.file else [_name(spec) for spec in given.specs]
    if given.dry_run and given.json:
        linked = [{"name": one, "version": VERSIONS[one], "build_string": BUILDS[one]} for one in sorted(set(names))]
        print(json.dumps({"actions": {"LINK": linked}}))
    else:
        assert given.download_only, "it would run what packages bring"
        for name in set(names):
            _extract(name, PACKAGES / folder(name))


def _explicit(file: str) -> list[str]:
    first, *lines = Path(file).read_text().splitlines()
    assert first == "@EXPLICIT", first
    known = {url(name): name for name in BUILDS}
    return [known[line] for line in lines]


def _name(spec: str) -> str:
    name = re.split("[ =<>!~]", spec)[0]
    if name not in BUILDS:
        sys.exit(f"PackagesNotFoundError: The following packages are not available: {spec}")
    return name


def _extract(name: str, place: Path) -> None:
    if place.exists():
        return
    if name == "python":
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", "--without-pip", place], check=True)
        (place / "lib" / PYTHON / "site-packages" / "README.txt").touch()
    files = {"tinyconda": FILES, "scripted": {"bin/.scripted-post-link.sh": f"touch {HERE / 'ran'}\n"}}
    for path, text in files.get(name, {}).items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    _describe(name, place)


def _describe(name: str, place: Path) -> None:
    entries = [
        {"_path": str(path.relative_to(place))} for path in place.rglob("*") if path.is_symlink() or path.is_file()
    ]
    address, _, digest = url(name).partition("#")
    for file, content in {
        "paths.json": {"paths": entries},
        "index.json": {"name": name, "noarch": "python" if name == "tinyconda" else None},
        "repodata_record.json": {"url": address.replace("//", "//user:password@"), "md5": digest},
    }.items():
        (place / "info").mkdir(exist_ok=True)
        (place / "info" / file).write_text(json.dumps(content))


if __name__ == "__main__":
    assert not [name for name in os.environ if "TOKEN" in name or "KEY" in name], "what packages run would see them"
    with (HERE / "told.jsonl").open("a") as log:
        print(json.dumps(sys.argv[1:]), file=log)
    {"config": config, "create": create, "info": info}[sys.argv[1]](sys.argv[2:])
