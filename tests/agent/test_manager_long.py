"""The manager's conversation after days: condensed across turns, the same after a restart, quick to take up."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from activities.agent import context
from activities.agent.journal import read
from activities.agent.outages import Backoff
from activities.agent.purse import Purse
from activities.agent.records import Condensed, spent
from activities.assignment import Equipment
from activities.errors import Impossible
from activities.manager import take_turn
from activities.models.scripted import ScriptedModel, calls, says
from activities.past import Pasts
from activities.workspace.layout import Layout
from schemas.message import ModelRequest
from schemas.role import Caps, ModelChoice
from schemas.state import Answer, ManageRequest
from tests.agent.requests import TASK
from tests.agent.storm import Storm, overloaded, sums_up
from tests.agent.test_context import thinking_fits, whole
from tests.agent.test_manager import equipment, request  # noqa: F401 - fixtures

LIMIT = 12_000
LOOK = calls(("read_file", {"path": "data/description.md"}))
WAIT = calls(("wait", {"why": "all are at work"}))


def asks(folder: Path, turn: int, *answers: Answer, **more: object) -> ManageRequest:
    asked = request(folder, turn, *answers)
    return asked.model_copy(update={"context_tokens": LIMIT, "model": ModelChoice(name="big"), **more})


@pytest.fixture
def long(tmp_path: Path, equipment: Equipment) -> Equipment:  # noqa: F811 - a fixture by its name
    (tmp_path / "view" / "description.md").write_text("words of the task\n" * 200)
    return replace(equipment, backoff=Backoff(0.0001, 0.0002))


async def days(folder: Path, own: Equipment, turns: int, pasts: Pasts | None) -> list[list[ModelRequest]]:
    """What was asked in each turn. Without `pasts`, each turn is taken by a process that has just begun."""
    asked = []
    for number in range(1, turns + 1):
        model = Storm([LOOK, WAIT])
        managed = await take_turn(asks(folder, number), replace(own, model=model), pasts or Pasts())
        assert [decision.kind for decision in managed.decisions] == ["wait"]
        asked.append(model.answered)
    return asked


async def test_it_is_condensed_across_turns_and_stays_whole(tmp_path: Path, long: Equipment) -> None:
    turns = await days(tmp_path, long, 24, Pasts())
    steps = [
        record
        for number in range(1, 25)
        for record in read(Layout(tmp_path).journals(f"manager.{number}"))
        if isinstance(record, Condensed)
    ]
    assert any(step.summary for step in steps)
    talk = [one for turn in turns for one in turn if not sums_up(one)]
    assert max(context.characters(one.messages) / 3 for one in talk) < LIMIT * 1.4
    for turn in turns:
        for one in turn:
            whole(one)
    anew = [two for one, two in pairwise(talk) if two.messages[: len(one.messages)] != one.messages]
    assert len(anew) <= len(steps)
    thinking_fits([one for turn in turns for one in turn])


async def test_a_process_that_has_just_begun_takes_up_what_an_older_one_had(tmp_path: Path, long: Equipment) -> None:
    pasts, layout = Pasts(), Layout(tmp_path)
    for number in range(1, 17):
        await take_turn(asks(tmp_path, number), replace(long, model=Storm([LOOK, WAIT])), pasts)
        assert await pasts.before(layout, number + 1) == await Pasts().before(layout, number + 1)
    assert (await pasts.before(layout, 17)).known.condensed


async def test_under_other_prompts_the_thoughts_of_earlier_turns_are_left_out(tmp_path: Path, long: Equipment) -> None:
    pasts, asked, prompts = Pasts(), [], ["one", "one", "two", "two"]
    for number, name in enumerate(prompts, start=1):
        model, task = Storm([LOOK, WAIT]), TASK.model_copy(update={"name": name})
        await take_turn(asks(tmp_path, number, task=task), replace(long, model=model), pasts)
        asked += model.answered
    assert [len({one.system for one in asked[:4]}), len({one.system for one in asked})] == [1, 2]
    thoughts = [[str(b.signature) for m in one.messages for b in m.content if b.type == "thinking"] for one in asked]  # type: ignore[union-attr]
    assert thoughts[3] == ["manager.1 1", "manager.1 2", "manager.2 1"]
    assert thoughts[4:] == [
        [],
        ["manager.3 1"],
        ["manager.3 1", "manager.3 2"],
        ["manager.3 1", "manager.3 2", "manager.4 1"],
    ]
    thinking_fits(asked[4:])


async def test_an_earlier_turn_than_was_read_is_read_from_the_start(tmp_path: Path, long: Equipment) -> None:
    pasts = Pasts()
    await days(tmp_path, long, 3, pasts)
    layout = Layout(tmp_path)
    third = await pasts.before(layout, 3)
    assert third == await Pasts().before(layout, 3)
    assert await pasts.before(layout, 4) == await Pasts().before(layout, 4)


async def test_a_look_aside_is_a_conversation_of_its_own(tmp_path: Path, long: Equipment) -> None:
    pasts = Pasts()
    decide = calls(("design", {"candidate": 1, "brief": "trees"}))
    await take_turn(asks(tmp_path, 1), replace(long, model=ScriptedModel([decide])), pasts)
    aside = asks(tmp_path, 2, invocation="manager.2.aside", aside=True)
    look = ScriptedModel([says("Nothing to do.")])
    await take_turn(aside, replace(long, model=look), pasts)
    assert len(look.asked[0].messages) == 1
    told = Answer(tool_use="use_0_design", text="designer.1.1")
    model = ScriptedModel([says("ok")])
    await take_turn(asks(tmp_path, 3, told), replace(long, model=model), pasts)
    assert [message.role for message in model.asked[0].messages] == ["user", "assistant", "user"]
    assert "Nothing to do." not in str(model.asked[0].messages)


async def test_what_was_cut_off_or_refused_is_no_part_of_later_turns(tmp_path: Path, long: Equipment) -> None:
    pasts = Pasts()
    cut = says("half of", "max_tokens")
    choice = ModelChoice(name="big", fallback="other")
    model = Storm([WAIT], {1: [cut], 2: [says("No.", "refusal")]})
    own = replace(long, model=model, fallback=model)
    managed = await take_turn(asks(tmp_path, 1, model=choice), own, pasts)
    assert managed.decisions[0].kind == "wait"
    (fallen,) = managed.fell_back
    assert (fallen.model, fallen.calls) == ("other", 1)
    later = Storm([WAIT])
    await take_turn(asks(tmp_path, 2), replace(long, model=later), pasts)
    assert "half of" not in str(later.asked[0].messages)
    assert "No." not in str(later.asked[0].messages)
    assert [message.role for message in later.asked[0].messages] == ["user", "assistant", "user"]


async def test_what_a_failed_turn_cost_is_in_its_journal(tmp_path: Path, long: Equipment) -> None:
    model = Storm([LOOK, says("No.", "refusal")], {1: [overloaded()]})
    with pytest.raises(Impossible):
        await take_turn(asks(tmp_path, 1), replace(long, model=model), Pasts())
    spend = spent(read(Layout(tmp_path).journals("manager.1")))
    assert (spend.model_calls, spend.lost_calls) == (2, 0)
    assert spend.usage.tokens > 0


async def test_the_board_says_what_the_purse_has_left(tmp_path: Path, long: Equipment) -> None:
    layout = Layout(tmp_path)
    other = Purse(layout.purse, Caps(tokens=1_000_000))
    asked = asks(tmp_path, 1, caps=Caps(tokens=1_000_000))
    await other.reserve("coder.1.1.a1.t1.1", 0.0, 400_000, until=asked.deadline)
    model = Storm([WAIT])
    own = replace(long, model=model, purse=Purse(layout.purse, asked.caps))
    await take_turn(asked, own, Pasts())
    assert '"tokens_left": 600000' in str(model.asked[0].messages[0])
    assert own.purse is not None
    assert own.purse.totals().tokens == model_tokens(model)


async def test_a_manager_that_may_spend_no_more_says_which_limit_it_was(tmp_path: Path, long: Equipment) -> None:
    layout = Layout(tmp_path)
    lost = Purse(layout.purse, Caps(tokens=500))
    await lost.reserve("coder.1.1.a1.t1.1", 0.0, 600, until=asks(tmp_path, 1).deadline)
    lost.close("coder.1.1")
    managed = await take_turn(asks(tmp_path, 1), replace(long, purse=lost), Pasts())
    assert (managed.limit, managed.decisions) == ("tokens", ())
    assert "600 tokens are spent, of 500" in managed.thought


def model_tokens(model: Storm) -> int:
    return sum(context.characters(one.messages) // 3 + 10 for one in model.answered)
