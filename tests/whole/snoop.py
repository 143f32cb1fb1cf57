"""Runs as a candidate's train.py: looks everywhere, tries everything, and writes what it found to OUT/seen.json."""

import argparse
import json
import os
import socket
import stat
from pathlib import Path

SYSTEM = ("/proc", "/sys", "/dev")


def files() -> list[list[int]]:
    """Every file that can be opened, by the numbers that say which file it is."""
    seen = []
    for folder, names, entries in os.walk("/"):
        names[:] = [name for name in names if str(Path(folder, name)) not in SYSTEM]
        for path in (Path(folder, name) for name in entries):
            try:
                found = path.stat()
                if stat.S_ISREG(found.st_mode):
                    path.open("rb").close()
                    seen.append([found.st_dev, found.st_ino])
            except OSError:
                continue
    return seen


def read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode(errors="replace")
    except OSError as error:
        return f"!{type(error).__name__}"


def listed(path: str) -> list[str]:
    try:
        return sorted(each.name for each in Path(path).iterdir())
    except OSError:
        return []


def reached(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--config", "--data", "--out"):
        parser.add_argument(name)
    given, _ = parser.parse_known_args()
    asked = json.loads(Path("asked.json").read_text())
    numbers = [name for name in listed("/proc") if name.isdigit()]
    seen = {
        "files": files(),
        "paths": {path: [read(path), listed(path)] for path in asked["paths"]},
        "environ": dict(os.environ),
        "processes": {n: [read(f"/proc/{n}/environ"), read(f"/proc/{n}/cmdline")] for n in numbers},
        "reached": [address for address in asked["addresses"] if reached(*address)],
    }
    Path(given.out, "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main()
