"""Who judges what a broken run lost must see it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.agent.journal import FileJournal
from activities.agent.records import Asking, Opened, Replied, Result
from activities.workspace.layout import Layout
from schemas.message import Message, Reply, TextBlock
from tests.faults import judged

START = datetime(2026, 1, 1, tzinfo=UTC)
OPENING = Message(role="user", content=(TextBlock(text="go"),))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


async def attempt(layout: Layout, number: int, *turns: int, at: float = 0.0, seconds: float = 1.0) -> None:
    """One that gets a reply at each turn, each `seconds` after it asked."""
    clock = START + timedelta(seconds=at)
    journal = await FileJournal.open(layout.journals("coder.1.2"), number, OPENING, lambda: clock)
    for turn in turns:
        await journal.append(Asking(at=clock, turn=turn))
        await journal.append(Replied(turn=turn, reply=reply(), seconds=seconds))
    journal.close()


def shortened(layout: Layout, adopts: dict[int, int]) -> None:
    """Has the second attempt hold less of the first."""
    file = layout.journals("coder.1.2") / "a2.jsonl"
    first, *rest = file.read_text().splitlines()
    opened = Opened.model_validate_json(first).model_copy(update={"adopts": adopts})
    file.write_text("\n".join([opened.model_dump_json(), *rest, ""]))


def reply() -> Reply:
    return Reply(content=(TextBlock(text="done"),), stop_reason="end_turn", model="playbook")


def again(layout: Layout) -> int:
    (layout.folder / "jobs").mkdir(exist_ok=True)
    return judged.loss(layout, [], []).asked_again


async def test_an_attempt_that_goes_on_from_the_one_before_loses_nothing(layout: Layout) -> None:
    await attempt(layout, 1, 1, 2)
    await attempt(layout, 2, 3, at=10)
    await attempt(layout, 3, 4, at=20)
    assert again(layout) == 0


async def test_a_reply_that_the_next_attempt_does_not_hold_counts(layout: Layout) -> None:
    await attempt(layout, 1, 1, 2)
    await attempt(layout, 2, 2, at=10)
    shortened(layout, {1: 3})  # without the second reply
    assert again(layout) == 1


async def test_a_result_that_the_next_attempt_does_not_hold_counts(layout: Layout) -> None:
    """Its tool is used once more, though the reply that asks for it holds."""
    journal = await FileJournal.open(layout.journals("coder.1.2"), 1, OPENING, lambda: START)
    await journal.append(Asking(at=START, turn=1))
    await journal.append(Replied(turn=1, reply=reply(), seconds=1.0))
    await journal.append(Result(number=1, tool="train", tool_use="t", content="trained"))
    journal.close()
    before = judged.seen(layout, [])
    assert before.held == {"coder.1.2": {("reply", 1), ("result", 1)}}
    await attempt(layout, 2, 2, at=10)
    assert judged.loss(layout, [before], []).asked_again == 0
    shortened(layout, {1: 3})
    assert judged.loss(layout, [before], []).asked_again == 1


async def test_a_reply_that_came_after_the_next_attempt_began_does_not(layout: Layout) -> None:
    """A worker that was frozen, or cut off: nobody waits for it."""
    await attempt(layout, 1, 1, seconds=60.0)
    file = layout.journals("coder.1.2") / "a1.jsonl"
    late = file.read_text()
    file.write_text("\n".join([*late.splitlines()[:-1], ""]))
    await attempt(layout, 2, 1, at=30)
    file.write_text(late)
    assert again(layout) == 0
