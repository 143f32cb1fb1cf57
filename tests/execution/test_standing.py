"""A running job on a real disk that fills up: it is held before anything fails, and goes on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.execution import held, small_disk


@pytest.fixture(scope="module")
def became(tmp_path_factory: pytest.TempPathFactory, environment: Path) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("small")
    small_disk.needed(folder)
    argv = [sys.executable, "-m", "tests.execution.held", str(folder), str(environment)]
    command = small_disk.command(folder, held.BALLAST_MB + held.LEAST_MB - 5, argv)
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def test_with_little_left_a_job_stands_still_and_goes_on_when_there_is_room(became: list[dict[str, Any]]) -> None:
    job = became[0]
    assert (job["steps while held"], job["running meanwhile"]) == (0, "running")
    assert (job["phase"], job["problem"], job["steps in all"]) == ("done", None, held.STEPS)


def test_the_time_that_it_was_held_is_not_its_own(became: list[dict[str, Any]]) -> None:
    assert held.HELD > held.SECONDS > became[0]["seconds"]


def test_its_log_says_why_it_stood_and_for_how_long(became: list[dict[str, Any]]) -> None:
    stood, went_on = became[0]["log"].strip().splitlines()
    assert "MB are free at" in stood
    assert "the job is held, and its time stands still, until 22 MB are" in stood
    assert went_on.startswith("[the job goes on after ")


def test_one_that_is_told_to_stop_while_it_is_held_may_save_what_it_has(became: list[dict[str, Any]]) -> None:
    assert (became[1]["phase"], became[1]["saved"]) == ("stopped", True)
