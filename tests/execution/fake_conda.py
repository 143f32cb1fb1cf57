#!/usr/bin/env python3
# ruff: noqa: T201
"""A conda that knows two packages: the part of the documented command line that environments are made by.

It refuses what it does not know, keeps what it was told beside itself in `told.jsonl`, and puts nothing anywhere but
below --prefix.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CHANNEL = "https://conda.invalid/forge"
BUILDS = {"python": f"python-{sys.version_info.major}.{sys.version_info.minor}.0-0", "tinyconda": "tinyconda-2.0-py_0"}
MODULE = "VALUE = 'from conda'\n"
METADATA = "Metadata-Version: 2.1\nName: tinyconda\nVersion: 2.0\n"


def url(name: str) -> str:
    return f"{CHANNEL}/noarch/{BUILDS[name]}.conda#d41d8cd98f00b204e9800998ecf8427e"


def config(words: list[str]) -> None:
    assert words == ["--show", "channels", "--json"], words
    print(json.dumps({"channels": ["forge", "bio"]}))


def create(words: list[str]) -> None:
    options = argparse.ArgumentParser()
    for name in ("--prefix", "--channel", "--file"):
        options.add_argument(name)
    for name in ("--yes", "--quiet", "--override-channels"):
        options.add_argument(name, action="store_true")
    options.add_argument("specs", nargs="*")
    given = options.parse_args(words)
    assert given.yes, "it would wait for an answer"
    names = _explicit(given.file) if given.file else [_name(spec) for spec in given.specs]
    prefix = Path(given.prefix)
    subprocess.run(
        [getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--without-pip", prefix], check=True
    )
    (prefix / "conda-meta").mkdir()
    for name in sorted(set(names)):
        (prefix / "conda-meta" / f"{name}.json").write_text(json.dumps({"url": url(name)}))
    if "tinyconda" in names:
        _install(next(prefix.glob("lib/python3*/site-packages")))


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


def _install(packages: Path) -> None:
    (packages / "tinyconda.py").write_text(MODULE)
    information = packages / "tinyconda-2.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(METADATA)
    (information / "RECORD").write_text("tinyconda.py,,\n")


def list_(words: list[str]) -> None:
    *flags, prefix = words
    assert flags == ["--explicit", "--md5", "--prefix"], words
    print("# This file may be used to create an environment using:\n# platform: linux-64\n@EXPLICIT")
    for meta in sorted(Path(prefix, "conda-meta").glob("*.json")):
        print(json.loads(meta.read_text())["url"])


if __name__ == "__main__":
    assert not [name for name in os.environ if "TOKEN" in name or "KEY" in name], "what packages run would see them"
    with (HERE / "told.jsonl").open("a") as log:
        print(json.dumps(sys.argv[1:]), file=log)
    {"config": config, "create": create, "list": list_}[sys.argv[1]](sys.argv[2:])
