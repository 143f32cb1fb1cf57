"""The short form of `make faults`: one run that is broken in most of the ways, a few times each, and loses nothing."""

from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.scenarios import Tries, staged

TASK = Path(__file__).parents[2] / "examples" / "diabetes"
FAULTS = {
    "worker told to end (SIGTERM)": 1,
    "worker killed at a planned moment": 5,
    "server killed": 1,
    "server and workers killed at once": 1,
    "worker frozen, then back": 1,
    "one of two workers killed": 1,
    "machine restarted": 1,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broken(tmp_path_factory: pytest.TempPathFactory) -> list[Tries]:
    return await staged(FAULTS, tmp_path_factory.mktemp("faults") / "home", TASK, minutes=9.0, seed=1)


def test_the_run_delivers(broken: list[Tries]) -> None:
    assert broken[0].delivered, broken[0].ended


def test_each_fault_struck(broken: list[Tries]) -> None:
    assert {tries.fault: tries.tried for tries in broken} == FAULTS


def test_no_journaled_reply_is_asked_for_again(broken: list[Tries]) -> None:
    assert broken[0].loss.asked_again == 0


def test_no_training_is_started_twice(broken: list[Tries]) -> None:
    assert broken[0].loss.started_twice == 0


def test_no_event_is_lost(broken: list[Tries]) -> None:
    assert broken[0].loss.events == 0


def test_at_most_one_call_in_flight_is_lost_for_each_death(broken: list[Tries]) -> None:
    assert broken[0].loss.calls <= sum(tries.tried for tries in broken)
