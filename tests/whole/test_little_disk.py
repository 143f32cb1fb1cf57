"""A home folder on a small disk that fills up: the run pauses before anything fails, and goes on when there is room."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.execution import small_disk
from tests.whole.filled import MARK_MB, SIZE_MB

DRIVEN = [sys.executable, "-m", "tests.whole.filled"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, task: Path) -> dict[str, Any]:
    """What a run went through whose disk was filled while it explored, and cleared once it had paused."""
    disk, elsewhere = tmp_path_factory.mktemp("disk"), tmp_path_factory.mktemp("environments")
    small_disk.needed(disk)
    command = small_disk.command(disk, SIZE_MB, [*DRIVEN, str(disk), str(elsewhere), str(task)])
    given = {**os.environ, "AIBUILDAI_LOW_DISK_MB": str(MARK_MB), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=800)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def events(seen: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["event"] for entry in seen["ledger"] if entry["event"]["kind"] == kind]


def test_the_run_pauses_with_the_folder_what_is_free_and_what_to_do(seen: dict[str, Any]) -> None:
    [paused] = events(seen, "run_paused")
    assert (paused["by"], paused["until_room"]) == ("system", seen["folder"])
    assert f"MB are free at {seen['folder']}, and {MARK_MB} MB must be" in paused["why"]
    assert "Once there is room the run goes on by itself." in paused["why"]
    assert "PAUSED" in seen["status"]


def test_nothing_failed_for_want_of_disk(seen: dict[str, Any]) -> None:
    assert {one["error"] for one in events(seen, "attempt_failed")} == {"LittleDisk"}
    assert events(seen, "invocation_failed") == []


def test_the_servers_database_is_whole(seen: dict[str, Any]) -> None:
    assert seen["database"] == "ok"


def test_the_run_goes_on_by_itself_and_delivers(seen: dict[str, Any]) -> None:
    [resumed] = events(seen, "run_resumed")
    assert resumed["by"] == "system"
    assert "MB are free on disk again" in resumed["why"]
    assert seen["code"] == 0, seen["watched"]
    assert "DONE: delivered and verified" in seen["watched"]
