"""A running job on a real disk that fills up: it is held before anything fails, and goes on."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.errors import LittleDisk
from activities.execution.durable import try_lock
from tests.execution import held, small_disk
from tests.execution.conftest import Bench
from tests.execution.test_survival import as_left_by_a_machine_that_died


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
    assert (became[1]["phase"], became[1]["saved"], became[1]["held"]) == ("stopped", True, None)


def test_who_waits_for_it_is_told_so_that_the_run_pauses_and_says_why(became: list[dict[str, Any]]) -> None:
    job = became[0]
    assert f"job tuner.1.1.j1 stands still, as little disk is left at {job['at']}: delete or move" in job["told"]
    assert job["at"].endswith("/0/out")


@pytest.mark.parametrize("alive", [True, False])
async def test_only_a_supervisor_that_lives_holds_a_job(bench: Bench, alive: bool) -> None:
    """Another one takes up what a dead one held."""
    folder = as_left_by_a_machine_that_died(bench, "print('goes on')")
    folder.write(folder.state().model_copy(update={"held": str(bench.out)}))
    lock = try_lock(folder.lock) if alive else None
    if lock is not None:
        with pytest.raises(LittleDisk, match=r"job tuner\.1\.1\.j1 stands still"):
            await bench.ended()
        assert (await bench.jobs.wait("tuner.1.1.j1", until=datetime.now(UTC))).phase == "running"
        lock.release()
    state = await bench.jobs.stop("tuner.1.1.j1") if alive else await bench.ended()
    assert (state.phase, state.held) == ("stopped" if alive else "done", None)
