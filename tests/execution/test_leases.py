"""Devices are leased in the order of asking, short work ahead, and are free when their holder is dead."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.errors import BadInput
from activities.execution import devices
from activities.execution.devices import affinity, cores, cpu_slots, discover, variables
from activities.execution.leases import Leases, Place, Ticket, assign

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = ("cpu:0",), ("cpu:0", "cpu:1")


def ticket(job: str, count: int = 1, among: tuple[str, ...] = TWO) -> Ticket:
    return Ticket(job=job, devices=among, count=count)


def given(tickets: list[Ticket], taken: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    """The devices of each."""
    return [tuple(found) for found in assign(tickets, taken)]


def test_devices_go_to_the_queue_in_its_order() -> None:
    assert given([ticket("a"), ticket("b"), ticket("c")]) == [("cpu:0",), ("cpu:1",), ()]


def test_whoever_waits_for_several_is_not_starved_by_those_behind() -> None:
    assert given([ticket("a", 2), ticket("b")], frozenset({"cpu:1"})) == [(), ()]


def test_jobs_that_want_other_devices_do_not_wait_for_one_another() -> None:
    assert given([ticket("a", 1, ONE), ticket("b", 1, TWO)], frozenset({"cpu:0"})) == [(), ("cpu:1",)]


def test_devices_that_share_a_core_are_not_leased_together() -> None:
    group = ticket("a", 1, ("cpu:0-3",))
    assert given([group, ticket("b", 1, ("cpu:3",))]) == [("cpu:0-3",), ()]
    assert given([group], frozenset({"cpu:2"})) == [()]
    assert given([group, ticket("b", 1, ("cpu:3",))], frozenset({"cpu:2"})) == [(), ()], "nor starved by single ones"


def join(home: Path, job: str, *, after: float, priority: int = 1, among: tuple[str, ...] = ONE) -> Place:
    asked = ticket(job, 1, among)
    return Leases(home).join(asked, priority=priority, since=NOW + timedelta(seconds=after))


def test_first_come_first_served_but_short_checks_go_ahead(tmp_path: Path) -> None:
    first, second = join(tmp_path, "first", after=1), join(tmp_path, "second", after=2)
    check = join(tmp_path, "check", after=3, priority=0)
    assert second.take() is None
    assert first.take() is None
    lease = check.take()
    assert lease is not None
    assert lease.devices == ONE
    assert first.take() is None, "it is taken"
    lease.release()
    assert second.take() is None, "the first is before it"
    assert first.take() is not None


def test_a_job_that_is_taken_up_again_has_its_old_place(tmp_path: Path) -> None:
    later = join(tmp_path, "later", after=2)
    again = join(tmp_path, "again", after=1)
    assert later.take() is None
    assert again.take() is not None


def test_places_and_leases_of_dead_processes_are_free(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal\nfrom pathlib import Path\nfrom tests.execution.test_leases import join\n"
        "home = Path(sys.argv[1])\n"
        "lease = join(home, 'dead', after=0).take()\nplace = join(home, 'dead too', after=0)\n"
        "print(lease.devices, flush=True)\nsys.stdin.read()\n"
    )
    dead = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert dead.stdout is not None
    assert dead.stdout.readline() == "('cpu:0',)\n"
    mine = join(tmp_path, "mine", after=1)
    assert mine.take() is None
    dead.kill()
    dead.communicate()
    assert mine.take() is not None


def test_more_devices_than_there_are_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs 3 devices, and this worker has cpu:0, cpu:1"):
        Leases(tmp_path).join(ticket("a", 3), priority=1, since=NOW)


def test_small_machines_have_a_slot_for_each_core_and_large_ones_groups() -> None:
    assert cpu_slots(range(2)) == ("cpu:0", "cpu:1")
    assert cpu_slots(range(8)) == ("cpu:0-3", "cpu:4-7")
    assert cpu_slots([0, 2, 3, 5, 6, 7]) == ("cpu:0+2-3", "cpu:5-7")
    assert len(cpu_slots(range(64))) == 8
    assert frozenset().union(*map(cores, cpu_slots(range(37)))) == set(range(37))


def test_a_lease_says_how_many_threads_and_which_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores("cpu:0-2+5") == {0, 1, 2, 5}
    assert affinity(("cpu:0", "cpu:2-3")) == {0, 2, 3}
    assert variables(("cpu:0-3",))["OMP_NUM_THREADS"] == "4"
    assert variables(("cpu:0-3",))["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setattr(devices, "gpus", lambda: {0: ("H", "GPU-a"), 1: ("H", "GPU-b")})
    monkeypatch.setattr(devices, "usable_cores", lambda: frozenset(range(16)))
    leased = variables(("gpu:1",), ("gpu:0", "gpu:1"))
    assert (leased["CUDA_VISIBLE_DEVICES"], leased["OMP_NUM_THREADS"]) == ("GPU-b", "8")
    assert affinity(("gpu:1",)) == frozenset()
    assert discover("auto") == ("gpu:0", "gpu:1")


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("", "no device is named"),
        ("tpu:0", "'tpu:0' is no device; use `auto`"),
        ("cpu:x", "'cpu:x' is no device"),
        ("cpu:3-1", "cores that this process may not use"),
        ("cpu:0,cpu:0", "name cpu:0 more than once"),
        ("cpu:99999", "usable are cpu:"),
        ("gpu:0", "there is no device 'gpu:0'"),
    ],
)
def test_devices_that_cannot_be_are_refused_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch, wanted: str, problem: str
) -> None:
    monkeypatch.setattr(devices, "gpus", dict)
    with pytest.raises(BadInput, match=problem):
        discover(wanted)
