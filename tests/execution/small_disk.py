"""A real disk with little on it: a file system in memory, mounted where only one command and its children see it."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o "size=$1m" none "$0" && shift && exec "$@"'


def command(folder: Path, megabytes: int, argv: Sequence[str]) -> list[str]:
    """Runs `argv` with a disk of that size at `folder`."""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(folder), str(megabytes), *argv]


def needed(folder: Path) -> None:
    """Skips the test where no such disk may be made."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    tried = subprocess.run(command(folder, 1, [sys.executable, "-c", ""]), capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system may be mounted here: {tried.stderr.strip()}")
