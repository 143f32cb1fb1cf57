"""An attempt that dies between any two records of a conversation with failures, refusals, cuts and summaries."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from activities.agent.journal import read
from activities.agent.outages import Backoff, Mind, Outages
from activities.agent.records import Condensed, Replied, Result, fell_back, spent
from activities.models.scripted import calls, says
from schemas.budget import Usage
from schemas.message import ModelRequest
from tests.agent.storm import Storm, overloaded
from tests.agent.world import Killed, World

LONG = "x" * 6_000
CUT = calls(("write", {"name": "half", "text": "of it"}), stop_reason="max_tokens")
REFUSED = says("No.", "refusal")
SCRIPT = (
    calls(("read", {"place": 0}), ("read", {"place": 1})),
    calls(("read", {"place": 2}), ("write", {"name": "a", "text": "1"})),
    calls(("read", {"place": 3}), ("work", {})),
    *(calls(("read", {"place": place})) for place in range(4, 9)),
    says("I think that this is done."),
    *(calls(("write", {"name": f"f{place}", "text": LONG})) for place in range(4)),
    calls(("read", {"place": 9})),
    calls(("report", {})),
)
FAULTS = {
    2: [overloaded(), overloaded(usage=Usage(input_tokens=7))],
    3: [CUT],
    6: [REFUSED],
    9: [overloaded()] * 5,
    14: [says("half of", "context_window")],
}


class Weather:
    """One model for the chosen one and the fallback, so that a turn's reply does not depend on who is asked."""

    def __init__(self) -> None:
        self.storm = Storm(SCRIPT, FAULTS)

    def world(self, folder: Path) -> World:
        more = {"context_tokens": 16_000, "backoff": Backoff(0.0001, 0.0002), "outages": Outages()}
        made = World(folder, self.storm, fallbacks=(Mind("other", self.storm),), more=more)
        made.limits = replace(made.limits, max_turns=60)
        return made


def sent(requests: list[ModelRequest]) -> dict[int, set[str]]:
    """What was sent in each turn, to the byte; which model it was sent to is no part of it."""
    by_turn: dict[int, set[str]] = {}
    for request in requests:
        by_turn.setdefault(request.turn, set()).add(request.model_dump_json(exclude={"model"}))
    return by_turn


@pytest.fixture(scope="module")
async def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Storm]:
    weather = Weather()
    world = weather.world(tmp_path_factory.mktemp("calm"))
    await world.attempt()
    records = read(world.folder / "journal")
    steps = [record for record in records if isinstance(record, Condensed)]
    assert any(step.summary for step in steps)
    assert any(step.cleared for step in steps)
    parts = [record.part for record in records if isinstance(record, Replied)]
    assert len(records) == RECORDS + 1
    assert parts.count("void") == 3
    assert "summary" in parts
    return world, weather.storm


RECORDS = 74  # of the conversation, without the one that opens it


@pytest.mark.parametrize("place", range(1, RECORDS + 1))
async def test_killed_at_any_record_it_sends_the_same_and_comes_to_the_same(
    tmp_path: Path, undisturbed: tuple[World, Storm], place: int
) -> None:
    calm, storm = undisturbed
    weather = Weather()
    with pytest.raises(Killed):  # by turns before and after the record is written
        await weather.world(tmp_path).attempt(1, die_at=place, written=place % 2 == 0)
    kept = {record.turn for record in read(tmp_path / "journal") if isinstance(record, Replied)}
    before = len(weather.storm.asked)
    await weather.world(tmp_path).attempt(2)
    assert not kept & {request.turn for request in weather.storm.asked[before:]}
    before = len(weather.storm.asked)
    world = weather.world(tmp_path)
    await world.attempt(3)
    assert len(weather.storm.asked) == before, "all was on record, and something was asked"
    assert sent(weather.storm.asked) == sent(storm.asked)
    assert world.said == calm.said
    assert world.files == calm.files
    records = read(tmp_path / "journal")
    assert len([1 for record in records if isinstance(record, Condensed)]) == len(_condensed(calm))
    assert spent(records).lost_calls <= 1
    assert sum(one.calls for one in fell_back(records)) >= 1


def _condensed(world: World) -> list[Condensed]:
    return [record for record in read(world.folder / "journal") if isinstance(record, Condensed)]


async def test_killed_after_every_single_record_it_still_ends_with_the_same(
    tmp_path: Path, undisturbed: tuple[World, Storm]
) -> None:
    calm, storm = undisturbed
    weather = Weather()
    for attempt in count(1):
        world = weather.world(tmp_path)
        try:
            await world.attempt(attempt, die_at=2, written=True)
        except Killed:
            continue
        break
    assert sent(weather.storm.asked) == sent(storm.asked)
    assert results(tmp_path) == results(calm.folder)


def results(folder: Path) -> list[tuple[int, str]]:
    found: Iterator[Result] = (record for record in read(folder / "journal") if isinstance(record, Result))
    return sorted((result.number, result.content) for result in found)
