"""A file of prices that a person spoils while agents work pauses them: nothing is lost, and no agent is blamed."""

from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.agent.journal import read
from activities.agent.outages import Backoff
from activities.agent.purse import Purse
from activities.agent.records import spent
from activities.attended import attended
from activities.errors import NeedsPerson
from activities.models.scripted import calls
from schemas.budget import Usage
from schemas.message import ModelRequest, Reply
from schemas.role import Caps
from tests.agent.storm import Storm, overloaded
from tests.agent.world import World

WELL = '{"models": {"scripted": {"input": 1.0, "output": 1.0}}}'
WRITE, REPORT = calls(("write", {"name": "a", "text": "b"})), calls(("report", {}))


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a person's own prices are."""
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    return tmp_path / "prices.json"


class Spoiling(Storm):
    """While it answers its first turn, somebody saves half a file of prices."""

    def __init__(self, prices: Path, *script: Any) -> None:
        super().__init__(*script)
        self._prices = prices

    async def ask(self, request: ModelRequest) -> Reply:
        if not self.asked:
            self._prices.write_text('{"models": {')
        return await super().ask(request)


def world_of(folder: Path, model: Storm) -> World:
    purse = Purse(folder / "purse.jsonl", Caps(dollars=1_000.0))
    return World(folder, model, more={"purse": purse, "backoff": Backoff(first=0.0001, longest=0.0002)})


async def test_spoilt_between_two_calls_the_run_pauses_and_goes_on_once_it_is_mended(
    tmp_path: Path, prices: Path
) -> None:
    prices.write_text(WELL)
    model = Spoiling(prices, [WRITE, REPORT])
    world = world_of(tmp_path, model)
    with pytest.raises(NeedsPerson, match=r"prices\.json.*Mend it, then: aibuildai resume RUN"):
        await world.attempt()
    prices.write_text(WELL)
    await world.attempt(2)
    assert [request.turn for request in model.asked] == [1, 2]
    assert world.used == ["write a"]
    assert spent(read(tmp_path / "journal")).lost_calls == 0


async def test_spoilt_before_it_begins_an_agent_asks_nothing(tmp_path: Path, prices: Path) -> None:
    prices.write_text("{")
    model = Storm([REPORT])
    with pytest.raises(NeedsPerson, match=str(prices)):
        await World(tmp_path, model).attempt()
    assert model.asked == []


async def test_spoilt_while_a_call_failed_that_was_paid_for_it_stays_reserved_at_its_most(
    tmp_path: Path, prices: Path
) -> None:
    prices.write_text(WELL)
    model = Spoiling(prices, [REPORT], {1: [overloaded(usage=Usage(input_tokens=100))]})
    world = world_of(tmp_path, model)
    with pytest.raises(NeedsPerson, match=r"prices\.json"):
        await world.attempt()
    assert world.more["purse"].totals().reserved_tokens > 100
    assert len(model.asked) == 1


async def test_the_workflow_is_told_that_a_person_must_act(tmp_path: Path, prices: Path) -> None:
    prices.write_text("{")

    async def work() -> None:
        async with attended():
            await World(tmp_path, Storm([REPORT])).attempt()

    with pytest.raises(ApplicationError) as told:
        await ActivityEnvironment().run(work)
    assert told.value.type == "NeedsPerson"
