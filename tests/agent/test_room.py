"""An agent and too little room on disk: it neither asks nor loses anything, and its next attempt goes on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.agent.journal import read
from activities.agent.limits import utc_now
from activities.agent.outages import Backoff
from activities.agent.records import Asking, Unanswered, spent
from activities.attended import attended
from activities.errors import LittleDisk
from activities.host import Host
from activities.models.scripted import calls
from activities.room import RoomActivities
from schemas.base import RunRef
from schemas.delivery import RoomFound, RoomRequest
from tests.agent.storm import Storm, overloaded
from tests.agent.world import World

ENDLESS = 10**9  # MB that no disk has


def filling(folder: Path, after: int) -> Callable[[], None]:
    """Room for so many looks."""
    left = iter(range(after))

    def room() -> None:
        if next(left, None) is None:
            raise LittleDisk("9 MB are free", folder)

    return room


async def test_with_too_little_room_no_model_is_asked_and_the_next_attempt_goes_on_there(tmp_path: Path) -> None:
    model = Storm([calls(("write", {"name": "a", "text": "b"})), calls(("report", {}))])
    world = World(tmp_path, model)
    roomy = world.limits
    world.limits = replace(roomy, room=filling(tmp_path, after=1))
    with pytest.raises(LittleDisk):
        await world.attempt()
    assert [request.turn for request in model.asked] == [1]
    world.limits = roomy
    await world.attempt(2)
    assert [request.turn for request in model.asked] == [1, 2]
    assert world.used == ["write a"]
    assert spent(read(tmp_path / "journal")).lost_calls == 0


async def test_a_disk_that_fills_up_between_tries_loses_no_call(tmp_path: Path) -> None:
    world = World(
        tmp_path, Storm([], {1: [overloaded()] * 20}), more={"backoff": Backoff(first=0.0001, longest=0.0002)}
    )
    world.limits = replace(world.limits, room=filling(tmp_path, after=12))
    with pytest.raises(LittleDisk):
        await world.attempt()
    records = read(tmp_path / "journal")
    assert sum(one.tries for one in records if isinstance(one, Unanswered)) == 12
    assert isinstance(records[-1], Unanswered)
    assert spent(records).lost_calls == 0


async def test_a_run_that_is_paused_looks_for_room_only_when_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "HELD").touch()
    world = World(tmp_path, Storm([]))
    ends = utc_now()
    world.limits = replace(world.limits, held=tmp_path / "HELD", room=filling(tmp_path, after=0), deadline=ends)
    with pytest.raises(LittleDisk):
        await world.attempt()
    assert not [one for one in read(tmp_path / "journal") if isinstance(one, Asking)]


async def test_the_workflow_is_told_the_kind_of_want_and_the_folder() -> None:
    async def work() -> None:
        async with attended():
            raise LittleDisk("9 MB are free", Path("/home/full"))

    with pytest.raises(ApplicationError) as told:
        await ActivityEnvironment().run(work)
    assert (told.value.type, told.value.details, told.value.non_retryable) == ("LittleDisk", ("/home/full",), True)


async def test_room_is_waited_for_with_heartbeats_that_say_where_it_lacks(tmp_path: Path) -> None:
    run = RunRef(id="run", folder=str(tmp_path / "run"))
    host = Host(tmp_path / "home", (), low_disk_mb=ENDLESS)
    environment, said = ActivityEnvironment(), list[str]()

    def heard(words: str) -> None:
        said.append(words)
        if "MB are free at" in words:
            environment.cancel()

    environment.on_heartbeat = heard
    with pytest.raises(BaseException):  # noqa: B017, PT011 - cancelled, as nobody makes room
        await environment.run(RoomActivities(host).room, RoomRequest(run=run, folder=str(tmp_path)))
    assert f"MB are free at {tmp_path}" in said[-1]


async def test_room_is_found_where_run_and_server_write_and_where_it_lacked(tmp_path: Path) -> None:
    run = RunRef(id="run", folder=str(tmp_path / "run"))
    found = await ActivityEnvironment().run(
        RoomActivities(Host(tmp_path / "home", (), low_disk_mb=1)).room,
        RoomRequest(run=run, folder="/of/another/host", steady_seconds=1.0),
    )
    assert isinstance(found, RoomFound)
    assert found.free_mb > 1
