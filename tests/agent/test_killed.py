"""An attempt that dies between any two records costs time only: the next one goes on from what was written."""

from itertools import count
from pathlib import Path

import pytest

from activities.agent.journal import read
from activities.agent.records import Asking, Replied, Result, spent
from activities.models.scripted import ScriptedModel, calls, says
from schemas.message import ModelRequest, Reply
from tests.agent.world import Killed, World

SCRIPT = (
    calls(("look", {}), ("look", {}), ("write", {"name": "plan", "text": "1"})),
    says("I think that this is done."),
    calls(("write", {"name": "plan", "text": "2"}), ("work", {}), ("write", {"name": "code", "text": "x"})),
    calls(("fail", {}), ("write", {"wrong": 1}), ("look", {})),
    calls(("report", {})),
)
RECORDS = len(SCRIPT) * 2 + sum(len(reply.tool_uses) for reply in SCRIPT)
JOBS = ["coder.1.1.j5"]


def by_place(request: ModelRequest) -> Reply:
    """The reply that belongs to this place of the conversation, however often it is asked for."""
    return SCRIPT[sum(message.role == "assistant" for message in request.messages)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ScriptedModel(by_place))


def told(world: World) -> list[tuple[int, str, bool]]:
    records = read(world.folder / "journal")
    results = [record for record in records if isinstance(record, Result)]
    return [(result.number, result.content, result.is_error) for result in sorted(results, key=lambda one: one.number)]


def asked_at(world: World) -> list[int]:
    assert isinstance(world.model, ScriptedModel)
    return [sum(message.role == "assistant" for message in request.messages) + 1 for request in world.model.asked]


@pytest.fixture(scope="module")
async def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("undisturbed"), ScriptedModel(by_place))
    await world.attempt()
    assert asked_at(world) == [1, 2, 3, 4, 5]
    assert world.files == {"plan": "2", "code": "x"}
    return world


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", range(1, RECORDS + 1))
async def test_killed_at_any_record_it_comes_to_the_same(
    world: World, undisturbed: World, place: int, written: bool
) -> None:
    with pytest.raises(Killed):
        await world.attempt(1, die_at=place, written=written)
    kept = {record.turn for record in read(world.folder / "journal") if isinstance(record, Replied)}
    asked_before = len(asked_at(world))

    await world.attempt(2)

    assert not kept & set(asked_at(world)[asked_before:]), "a journaled reply was asked for again"
    assert told(world) == told(undisturbed)
    assert world.files == undisturbed.files
    assert world.said == undisturbed.said
    assert world.started == JOBS
    lost = len(asked_at(world)) - len(SCRIPT)
    spend = spent(read(world.folder / "journal"))
    assert spend.model_calls == len(SCRIPT)
    assert spend.lost_calls in (lost, 1)  # dying right after `asking` loses a call that no script saw
    assert spend.lost_calls <= 1


async def test_killed_after_every_single_record_it_still_ends(world: World, undisturbed: World) -> None:
    for attempt in count(1):
        try:
            await world.attempt(attempt, die_at=2, written=True)
        except Killed:
            continue
        break

    assert told(world) == told(undisturbed)
    assert world.files == undisturbed.files
    assert world.started == JOBS
    assert spent(read(world.folder / "journal")).model_calls == len(SCRIPT)


async def test_a_complete_result_is_not_done_again(world: World) -> None:
    with pytest.raises(Killed):
        await world.attempt(1, die_at=5, written=True)  # asking, reply, and three results of the first turn
    before = list(world.used)
    assert before == ["look 1", "look 2", "write plan"]

    await world.attempt(2)

    assert world.used[len(before) :] == ["write plan", "write code", "look 9"]


async def test_a_late_writer_changes_nothing(world: World, undisturbed: World) -> None:
    with pytest.raises(Killed):
        await world.attempt(1, die_at=5, written=True)
    await world.attempt(2)
    with (world.folder / "journal" / "a1.jsonl").open("ab") as late:
        for record in read(undisturbed.folder / "journal")[6:]:
            late.write(record.model_dump_json().encode() + b"\n")

    await world.attempt(3)

    assert told(world) == told(undisturbed)
    assert spent(read(world.folder / "journal")).model_calls == len(SCRIPT)
    asked = [record.turn for record in read(world.folder / "journal") if isinstance(record, Asking)]
    assert asked == [1, 2, 3, 4, 5]
