"""Packages of conda are put in place as its format says, and nothing of theirs runs or leads elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from activities.execution.linking import PYTHON, BadPackage, link

PLACE = "/home/builder/" + "placeholder_" * 16


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "made"


def package(folder: Path, files: dict[str, bytes], *, info: dict[str, Any] | None = None, **more: object) -> Path:
    """As conda extracts it; `more` is said of each of its files."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return described(folder, [{"_path": path, **more} for path in files], **(info or {}))


def described(folder: Path, entries: list[dict[str, Any]], **info: Any) -> Path:
    (folder / "info").mkdir(parents=True, exist_ok=True)
    for name, content in {"paths": {"paths": entries}, **info}.items():
        (folder / "info" / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_files_links_and_modes_are_as_in_the_package(tmp_path: Path, prefix: Path) -> None:
    made = package(tmp_path / "zlib-1-0", {"lib/libz.so.1": b"z", "bin/z": b"#!/bin/sh\n"})
    (made / "bin" / "z").chmod(0o755)
    (made / "lib" / "libz.so").symlink_to("libz.so.1")
    entries = json.loads((made / "info" / "paths.json").read_text())["paths"]
    described(made, [*entries, {"_path": "lib/libz.so", "path_type": "softlink"}])
    link([made], prefix)
    assert (prefix / "lib" / "libz.so").readlink() == Path("libz.so.1")
    assert (prefix / "lib" / "libz.so").read_bytes() == b"z"
    assert (prefix / "bin" / "z").stat().st_mode & 0o777 == 0o755
    assert not (prefix / "info").exists()


def test_the_environments_path_takes_the_place_of_the_builders(tmp_path: Path, prefix: Path) -> None:
    """In text, and in binary files with each string as long as before."""
    old, new = PLACE.encode(), str(prefix).encode()
    text = package(tmp_path / "text", {"bin/tool": b"#!" + old + b"/bin/python\nprint()\n"}, prefix_placeholder=PLACE)
    content = b"\x7fELF\0" + old + b"/lib:" + old + b"/share\0rest\0"
    binary = package(tmp_path / "binary", {"lib/x": content}, prefix_placeholder=PLACE, file_mode="binary")
    link([text, binary], prefix)
    assert (prefix / "bin" / "tool").read_bytes() == b"#!" + new + b"/bin/python\nprint()\n"
    found = (prefix / "lib" / "x").read_bytes()
    assert len(found) == len(content)
    assert found.replace(b"\0\0", b"").startswith(b"\x7fELF\0" + new + b"/lib:" + new + b"/share\0")
    assert found.endswith(b"\0rest\0")
    assert (text / "bin" / "tool").read_bytes().startswith(b"#!" + old), "conda's own copy stays"


def test_a_path_that_the_kernel_would_cut_off_is_left_to_the_search_for_programs(tmp_path: Path) -> None:
    prefix = tmp_path / ("long" * 30)
    made = package(tmp_path / "x", {"bin/x": f"#!{PLACE}/bin/python -I\nx\n".encode()}, prefix_placeholder=PLACE)
    link([made], prefix)
    assert (prefix / "bin" / "x").read_bytes() == b"#!/usr/bin/env python -I\nx\n"


def test_a_package_for_any_python_has_its_modules_and_commands_where_this_one_looks(
    tmp_path: Path, prefix: Path
) -> None:
    info = {"index": {"noarch": "python"}, "link": {"noarch": {"entry_points": ["say = tool.main:Words.say"]}}}
    code = b"class Words:\n    def say():\n        print('said')\n"
    link([package(tmp_path / "tool", {"site-packages/tool/main.py": code, "python-scripts/t": b""}, info=info)], prefix)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    packages = prefix / "lib" / PYTHON / "site-packages"
    given = {"PYTHONPATH": str(packages)}
    said = subprocess.run([prefix / "bin" / "say"], env=given, capture_output=True, text=True, check=True)
    assert said.stdout == "said\n"
    assert (prefix / "bin" / "t").exists()


def test_nothing_that_packages_bring_is_run(tmp_path: Path, prefix: Path) -> None:
    """Neither what conda runs as it activates an environment, nor what Python runs as it starts."""
    marker = tmp_path / "ran"
    python = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n".encode()
    names = ("sitecustomize.py", "a.pth")
    files = {f"site-packages/{name}": python for name in names}
    shell = f"#!/bin/sh\ntouch {marker}\n".encode()
    files |= {"etc/conda/activate.d/x.sh": shell, "bin/python": shell, "bin/.x-pre-unlink.sh": shell}
    link([package(tmp_path / "x", files, info={"index": {"noarch": "python"}})], prefix)
    assert (prefix / "etc" / "conda" / "activate.d" / "x.sh").exists()
    assert not marker.exists()


@pytest.mark.parametrize("when", ["pre", "post"])
def test_a_package_that_needs_its_script_is_refused_before_anything_is_put_in_place(
    tmp_path: Path, prefix: Path, when: str
) -> None:
    good = package(tmp_path / "good-1-0", {"x": b""})
    bad = package(tmp_path / "bad-1-0", {f"bin/.bad-{when}-link.sh": b""})
    with pytest.raises(BadPackage, match=f"bad-1-0 has a script that runs .*{when}-link"):
        link([good, bad], prefix)
    assert not prefix.exists()


@pytest.mark.parametrize("path", ["../out", "lib/../../out", "{root}/out", "away/out", "lib/.."])
def test_no_file_is_put_elsewhere(tmp_path: Path, prefix: Path, path: str) -> None:
    """Not by a path, nor through a link that an earlier package brought."""
    path = path.format(root=tmp_path)
    first = described(tmp_path / "first", [{"_path": "away"}, {"_path": "lib/x"}])
    (first / "lib").mkdir()
    (first / "lib" / "x").touch()
    (first / "away").symlink_to(tmp_path)
    second = tmp_path / "second"
    (second / "away").mkdir(parents=True)
    (second / "away" / "out").touch()
    with pytest.raises(BadPackage, match="leads out of"):
        link([first, described(second, [{"_path": path}])], prefix)
    assert not (tmp_path / "out").exists()


def test_no_file_is_taken_from_elsewhere(tmp_path: Path, prefix: Path) -> None:
    """A link stays a link, which leads nowhere in the sandbox."""
    labels = tmp_path / "withheld" / "labels.csv"
    labels.parent.mkdir()
    labels.write_text(PLACE)
    made = described(tmp_path / "x", [{"_path": "lib/labels", "prefix_placeholder": PLACE}])
    (made / "lib").mkdir()
    (made / "lib" / "labels").symlink_to(labels)
    link([made], prefix)
    assert (prefix / "lib" / "labels").readlink() == labels
    (made / "through").symlink_to(labels.parent)
    with pytest.raises(BadPackage, match="leads out of"):
        link([described(made, [{"_path": "through/labels.csv"}])], tmp_path / "another")


@pytest.mark.parametrize(
    ("entries", "info", "said"),
    [
        ([], {}, "does not say which files it has"),
        ([{"_path": "gone"}], {}, "is not there, or no plain file"),
        ([{"_path": "x"}, {"_path": "x/y"}], {}, "does not fit what is there|leads out of"),
        ([{"_path": "x"}], {"index": {"noarch": "python"}, "link": {"noarch": {"entry_points": ["a=b"]}}}, "names a"),
    ],
)
def test_a_package_that_keeps_to_no_format_is_refused_in_words(
    tmp_path: Path, prefix: Path, entries: list[dict[str, Any]], info: dict[str, Any], said: str
) -> None:
    (tmp_path / "x-1-0").mkdir()
    (tmp_path / "x-1-0" / "x").touch()
    with pytest.raises(BadPackage, match=said):
        link([described(tmp_path / "x-1-0", entries, **info)], prefix)


def test_a_path_too_long_for_binary_files_is_refused(tmp_path: Path, prefix: Path) -> None:
    made = package(tmp_path / "x", {"x": b"/short\0"}, prefix_placeholder="/short", file_mode="binary")
    with pytest.raises(BadPackage, match="too long"):
        link([made], prefix)


def test_files_are_copied_where_they_cannot_be_shared(
    tmp_path: Path, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    link([package(tmp_path / "x", {"x": b"x"})], prefix)
    assert (prefix / "x").read_bytes() == b"x"
