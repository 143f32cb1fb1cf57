"""The manager's one conversation: each turn goes on where the last that ended stopped."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from activities.agent.doing import Doing
from activities.assignment import Equipment
from activities.errors import Impossible
from activities.manager import take_turn
from activities.models.recorded import kept
from activities.models.scripted import ScriptedModel, calls, says
from activities.workspace.layout import Layout
from schemas.base import RunRef
from schemas.decision import Design, Tune
from schemas.job import Limits
from schemas.message import Message, Reply, ToolResultBlock, ToolUseBlock
from schemas.state import Answer, Managed, ManageRequest
from tests.agent.requests import TASK, board
from tests.tools.direct import DirectJobs


@pytest.fixture
def equipment(tmp_path: Path) -> Equipment:
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / "description.md").write_text("the task")
    return Equipment(
        model=ScriptedModel(()),
        jobs=DirectJobs(tmp_path / "jobs"),
        job_limits=Limits(),
        home=tmp_path,
        devices=(),
        sandbox="none",
        doing=Doing(),
    )


def request(folder: Path, turn: int, *answers: Answer, attempt: int = 1, seconds: float = 300.0) -> ManageRequest:
    return ManageRequest(
        run=RunRef(id="run", folder=str(folder)),
        invocation=f"manager.{turn}",
        attempt=attempt,
        turn=turn,
        task=TASK,
        board=board(candidates=(), leader=None, seconds_left=1000.0 - turn),
        answers=answers,
        deadline=datetime.now(UTC) + timedelta(seconds=seconds),
    )


async def turn(equipment: Equipment, asked: ManageRequest, *replies: Reply) -> tuple[Managed, ScriptedModel]:
    model = ScriptedModel(replies)
    return await take_turn(asked, replace(equipment, model=model)), model


def answers(message: Message) -> list[tuple[str, object]]:
    return [(block.tool_use_id, block.content) for block in message.content if isinstance(block, ToolResultBlock)]


TWO = calls(
    ("design", {"candidate": 1, "brief": "trees"}),
    ("read_file", {"path": "data/description.md"}),
    ("design", {"candidate": 2, "brief": "linear"}),
    text="Begin broad.",
)


async def test_decisions_come_with_their_tool_uses_and_the_thought(tmp_path: Path, equipment: Equipment) -> None:
    managed, _ = await turn(equipment, request(tmp_path, 1), TWO)
    assert managed.decisions == (Design(candidate=1, brief="trees"), Design(candidate=2, brief="linear"))
    assert managed.tool_uses == ("use_0_design", "use_2_design")
    assert managed.thought == "Begin broad."
    assert managed.spend.model_calls == 1


async def test_reading_goes_on_until_something_is_decided(tmp_path: Path, equipment: Equipment) -> None:
    look = calls(("list_files", {"path": "data"}))
    managed, model = await turn(equipment, request(tmp_path, 1), look, says("Nothing to do yet."))
    assert managed.decisions == ()
    assert managed.thought == "Nothing to do yet."
    assert len(model.asked) == 2


async def test_the_next_turn_answers_every_call_of_the_last_reply(tmp_path: Path, equipment: Equipment) -> None:
    await turn(equipment, request(tmp_path, 1), TWO)
    told = (
        Answer(tool_use="use_0_design", text="designer.1.1"),
        Answer(tool_use="use_2_design", text="no", refused=True),
    )
    _, model = await turn(equipment, request(tmp_path, 2, *told), says("ok"))

    first, reply, second = model.asked[0].messages
    assert (first.role, reply.role, second.role) == ("user", "assistant", "user")
    assert answers(second) == [
        ("use_0_design", "designer.1.1"),
        ("use_1_read_file", "the task"),
        ("use_2_design", "no"),
    ]


async def test_the_conversation_grows_by_whole_turns(tmp_path: Path, equipment: Equipment) -> None:
    decide = calls(("wait", {"why": "all are at work"}))
    seen: list[tuple[Message, ...]] = []
    for number in range(1, 5):
        look = calls(("read_file", {"path": "data/description.md"}))
        _, model = await turn(equipment, request(tmp_path, number), look, decide)
        seen.append(model.asked[-1].messages)
    for shorter, longer in pairwise(seen):
        assert longer[: len(shorter)] == shorter  # so that a cached prefix stays one
        assert len(longer) == len(shorter) + 4


async def test_wrong_arguments_are_answered_within_the_turn(tmp_path: Path, equipment: Equipment) -> None:
    wrong = calls(("tune", {"candidate": 0, "minutes": 5, "brief": ""}))
    right = calls(("tune", {"candidate": 1, "minutes": 5, "brief": ""}))
    managed, _ = await turn(equipment, request(tmp_path, 1), wrong, right)
    assert managed.decisions == (Tune(candidate=1, minutes=5, brief=""),)


async def test_of_a_reply_with_a_wrong_decision_the_others_count(tmp_path: Path, equipment: Equipment) -> None:
    mixed = calls(("tune", {"candidate": 0}), ("discard", {"candidate": 1, "why": "poor"}))
    managed, _ = await turn(equipment, request(tmp_path, 1), mixed)
    assert [decision.kind for decision in managed.decisions] == ["discard"]
    _, model = await turn(equipment, request(tmp_path, 2), says("ok"))
    wrong, discarded = answers(model.asked[0].messages[-1])
    assert "candidate: Input should be greater" in str(wrong[1])
    assert discarded[0] == "use_1_discard"


async def test_a_turn_that_never_ended_is_left_out_but_its_answers_count(tmp_path: Path, equipment: Equipment) -> None:
    await turn(equipment, request(tmp_path, 1), calls(("finish", {"why": "done"})))
    with pytest.raises(Impossible):
        await turn(
            equipment, request(tmp_path, 2, Answer(tool_use="use_0_finish", text="Refused: early")), says("", "refusal")
        )
    _, model = await turn(equipment, request(tmp_path, 3), says("ok"))
    assert len(model.asked[0].messages) == 3
    assert answers(model.asked[0].messages[-1]) == [("use_0_finish", "Refused: early")]


async def test_a_later_attempt_of_a_turn_asks_nothing_again(tmp_path: Path, equipment: Equipment) -> None:
    look = calls(("read_file", {"path": "data/description.md"}))
    with pytest.raises(IndexError):
        await turn(equipment, request(tmp_path, 1), look)
    managed, model = await turn(equipment, request(tmp_path, 1, attempt=2), calls(("wait", {"why": "-"})))
    assert len(model.asked) == 1
    assert managed.spend.model_calls == 2


async def test_at_the_deadline_the_manager_wants_nothing(tmp_path: Path, equipment: Equipment) -> None:
    managed, model = await turn(equipment, request(tmp_path, 1, seconds=-1.0))
    assert managed.decisions == ()
    assert "time ran out" in managed.thought
    assert model.asked == []
    again, later = await turn(equipment, request(tmp_path, 2), says("ok"))
    assert again.thought == "ok"
    assert [message.role for message in later.asked[0].messages] == ["user", "user"]


async def test_where_a_recorded_run_ends_its_manager_finishes(tmp_path: Path, equipment: Equipment) -> None:
    recorded = Layout(tmp_path / "recorded")
    keeper = kept(ScriptedModel([TWO]), True, None, recorded)
    await take_turn(request(tmp_path / "first", 1), replace(equipment, model=keeper))
    player = kept(ScriptedModel(()), False, str(recorded.folder), recorded)
    again = await take_turn(request(tmp_path / "again", 1), replace(equipment, model=player))
    beyond = await take_turn(request(tmp_path / "again", 2), replace(equipment, model=player))
    assert [decision.kind for decision in again.decisions] == ["design", "design"]
    assert [decision.kind for decision in beyond.decisions] == ["finish"]


async def test_a_turn_that_was_given_up_and_ended_late_is_no_part_of_the_conversation(
    tmp_path: Path, equipment: Equipment
) -> None:
    wait = calls(("wait", {"why": "all are at work"}))
    await turn(equipment, request(tmp_path, 1), wait)
    await turn(equipment, request(tmp_path, 2), TWO)
    late, unseen = Layout(tmp_path).journals("manager.2"), tmp_path / "unseen"
    late.rename(unseen)
    await turn(equipment, request(tmp_path, 3), wait)
    unseen.rename(late)
    _, model = await turn(equipment, request(tmp_path, 4), wait)
    for said, heard in pairwise(model.asked[0].messages):
        uses = {block.id for block in said.content if isinstance(block, ToolUseBlock)}
        assert uses <= {place for place, _ in answers(heard)}
    assert "Begin broad." not in str(model.asked[0].messages)
