"""Long conversations: less is sent of them, rarely and then much; whatever is sent fits together, and all is kept."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from activities.agent import context
from activities.agent.journal import read
from activities.agent.records import Cleared, Condensed, Replied, Result, spent
from activities.errors import Impossible
from activities.models.base import Model
from activities.models.scripted import ScriptedModel, calls, says
from activities.tools.told import Told
from schemas.message import Message, ModelRequest, OtherBlock, TextBlock, ToolResultBlock, ToolUseBlock
from tests.agent.storm import SUMMARY, Storm, name_of, sums_up, thought
from tests.agent.world import World

LONG = "x" * 6_000
REPORT = calls(("report", {}))
LIMIT = 20_000  # tokens


def writes(count: int, text: str = LONG) -> list:  # type: ignore[type-arg]
    return [calls(("write", {"name": f"f{number}", "text": text})) for number in range(count)]


def reads(count: int) -> list:  # type: ignore[type-arg]
    """Short calls with long results."""
    return [calls(("read", {"place": number})) for number in range(count)]


def world_of(folder: Path, model: Model, tokens: int = LIMIT) -> World:
    world = World(folder, model, more={"context_tokens": tokens})
    world.limits = replace(world.limits, max_turns=100)
    return world


def condensed(folder: Path) -> list[Condensed]:
    return [record for record in read(folder / "journal") if isinstance(record, Condensed)]


def whole(request: ModelRequest) -> None:
    """What the API asks of a conversation: pairs, no empty message, and it ends with what is to be answered."""
    for before, after in pairwise(request.messages):
        asked = [block.id for block in before.content if isinstance(block, ToolUseBlock)]
        answered = [block.tool_use_id for block in after.content if isinstance(block, ToolResultBlock)]
        assert asked == answered
    assert all(message.content for message in request.messages)
    first, last = request.messages[0], request.messages[-1]
    assert (first.role, last.role) == ("user", "user")
    assert not any(isinstance(block, ToolResultBlock) for block in first.content)


def thinking_fits(requests: Sequence[ModelRequest]) -> None:
    """A thought is sent back only after the very messages that it came after."""
    came_after = {name_of(request): request.messages for request in requests}
    for request in requests:
        for place, message in enumerate(request.messages):
            for block in message.content:
                if isinstance(block, OtherBlock) and block.type == "thinking":
                    assert came_after[block.model_dump()["signature"]] == request.messages[:place]


async def test_old_results_are_cleared_at_the_limit_and_the_latest_stay(tmp_path: Path) -> None:
    model = Storm([*reads(14), REPORT])
    await world_of(tmp_path, model).attempt()
    (step,) = condensed(tmp_path)
    assert not step.summary
    after = next(request for request in model.asked if len(request.messages) == step.messages)
    results = [b for m in after.messages for b in m.content if isinstance(b, ToolResultBlock)]
    cleared = ["cleared to make room" in str(block.content) for block in results]
    assert cleared == [True] * (len(results) - 4) + [False] * 4
    words = str(results[0].content)
    assert words.startswith("0 yyy")
    assert "read, call 1 gave 6,002 characters. calls/1.txt holds the text: read_file shows it in parts" in words
    for request in model.asked:
        whole(request)
    thinking_fits(model.answered)


async def test_a_small_window_is_kept_to_with_room_for_the_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Storm([*reads(14), calls(("write", {"name": "a", "text": "cut"}), stop_reason="max_tokens"), REPORT])
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    small = {"input": 0.0, "output": 0.0, "context": 2 * LIMIT}
    (tmp_path / "prices.json").write_text(json.dumps({"models": {"scripted": small}}))
    await world_of(tmp_path / "run", model, tokens=120_000).attempt()
    assert condensed(tmp_path / "run")
    assert all(tokens(request) < LIMIT * 1.3 for request in model.answered)
    assert {request.max_tokens for request in model.asked} == {16_000, LIMIT}


async def test_between_two_times_what_is_sent_only_grows(tmp_path: Path) -> None:
    model = Storm([*reads(60), REPORT])
    await world_of(tmp_path, model).attempt()
    talk = [request for request in model.answered if not sums_up(request)]
    anew = [two for one, two in pairwise(talk) if two.messages[: len(one.messages)] != one.messages]
    assert len(anew) == len(condensed(tmp_path)) >= 2
    assert all(tokens(request) < LIMIT * 0.6 for request in anew)  # much at a time
    assert all(tokens(request) < LIMIT * 1.3 for request in talk)
    thinking_fits(model.answered)


def tokens(request: ModelRequest) -> float:
    return context.characters(request.messages) / 3


async def test_where_results_are_not_what_is_long_the_model_sums_up(tmp_path: Path) -> None:
    model = Storm([*writes(14), REPORT])
    world = world_of(tmp_path, model)
    await world.attempt()
    (step, *_) = condensed(tmp_path)
    assert step.summary == SUMMARY
    asking = next(request for request in model.answered if sums_up(request))
    before = model.answered[asking.turn - 2]
    assert asking.messages[: len(before.messages)] == before.messages  # so that the cache is read
    assert (asking.system, asking.tools) == (before.system, before.tools)
    after = model.answered[asking.turn]
    (first,) = after.messages
    words = [block.text for block in first.content if isinstance(block, TextBlock)]
    assert words[0] == "begin"
    assert words[1].endswith(SUMMARY)
    assert words[2].startswith("[what write gave]\n{")
    assert world.files == {f"f{number}": LONG for number in range(14)}
    for request in model.asked:
        whole(request)
    thinking_fits(model.answered)
    summaries = [r for r in read(tmp_path / "journal") if isinstance(r, Replied) and r.part == "summary"]
    assert len(summaries) == len([step for step in condensed(tmp_path) if step.summary])
    assert spent(read(tmp_path / "journal")).model_calls == len(model.answered)


async def test_a_model_that_tells_no_usage_is_sent_everything(tmp_path: Path) -> None:
    model = ScriptedModel([*reads(40), REPORT])
    await world_of(tmp_path, model, tokens=1).attempt()
    assert condensed(tmp_path) == []
    assert len(model.asked[-1].messages) == 81


async def test_what_does_not_fit_is_asked_again_without_old_results(tmp_path: Path) -> None:
    model = Storm([*reads(12), REPORT], window=10_000)
    await world_of(tmp_path, model, tokens=200_000).attempt()
    steps = condensed(tmp_path)
    assert steps
    assert not any(step.summary for step in steps[:1])
    for request in model.asked:
        whole(request)
    thinking_fits(model.answered)


async def test_what_fits_only_in_short_is_put_in_short_without_a_model(tmp_path: Path) -> None:
    model = Storm([*writes(12), REPORT], window=10_000)
    await world_of(tmp_path, model, tokens=200_000).attempt()
    assert any("called write with" in step.summary for step in condensed(tmp_path))
    assert not any(sums_up(request) for request in model.asked)


async def test_a_window_that_ran_full_while_the_model_answered_is_the_same(tmp_path: Path) -> None:
    full = says("half of", "context_window")
    model = Storm([*reads(3), REPORT], {4: [full]})
    world = world_of(tmp_path, model)
    await world.attempt()
    assert "half of" not in str(world.said)
    assert len(condensed(tmp_path)) == 1
    assert [request.turn for request in model.answered] == [1, 2, 3, 4, 5]


async def test_what_does_not_fit_even_in_short_is_for_the_manager(tmp_path: Path) -> None:
    with pytest.raises(Impossible, match="even in short"):
        await world_of(tmp_path, Storm(reads(3), window=1)).attempt()


@pytest.mark.parametrize("reply", [says(""), says("No.", "refusal"), calls(("look", {}))])
async def test_a_model_that_does_not_sum_up_loses_no_work(tmp_path: Path, reply: object) -> None:
    model = Storm([*writes(12), REPORT], {turn: [reply] for turn in [await _summary_turn(tmp_path)]})  # type: ignore[list-item]
    world = world_of(tmp_path / "b", model)
    await world.attempt()
    assert "called write with" in condensed(tmp_path / "b")[0].summary
    assert len(world.files) == 12


async def _summary_turn(folder: Path) -> int:
    model = Storm([*writes(12), REPORT])
    (folder / "b").mkdir()
    await world_of(folder / "a", model).attempt()
    return next(request.turn for request in model.asked if sums_up(request))


async def test_the_journal_keeps_what_was_cleared_and_the_agent_can_read_it(tmp_path: Path) -> None:
    await world_of(tmp_path, Storm([*reads(14), REPORT])).attempt()
    results = [record for record in read(tmp_path / "journal") if isinstance(record, Result)]
    told = Told(lambda: results)
    assert ("1.txt", len(results[0].content) + 6 + 1) in await told.files(())
    text = (await told.open(("1.txt",))).read().decode()
    assert text.replace("\n", "") == results[0].content
    assert max(map(len, text.split("\n"))) == 1_000


# --- the pure part -----------------------------------------------------------------------------------------------


def message(role: str, *blocks: object) -> Message:
    return Message.model_validate({"role": role, "content": blocks})


def use(name: str) -> ToolUseBlock:
    return ToolUseBlock(id=name, name="look", input={})


def result(name: str, content: object) -> ToolResultBlock:
    return ToolResultBlock.model_validate({"tool_use_id": name, "content": content})


PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
TALK = (
    message("user", TextBlock(text="begin")),
    message("assistant", thought("a"), use("1")),
    message("user", result("1", LONG)),
    message("assistant", thought("b")),
    message("user", TextBlock(text="go on")),
    message("assistant", thought("c"), use("2")),
    message("user", result("2", [{"type": "text", "text": "a curve"}, PICTURE])),
)


def test_thoughts_before_the_first_change_stay_and_later_ones_are_left_out() -> None:
    step = Condensed(turn=1, messages=7, cleared=(Cleared(message=2, block=0, text="gone"),))
    sent = context.outline(TALK, [step]).sent
    assert sent[:2] == TALK[:2]
    assert sent[2].content == (result("1", "gone"),)
    assert sent[3:] == (TALK[4], message("assistant", use("2")), TALK[6])  # a message of thought alone is none


def test_a_picture_is_cleared_with_its_words() -> None:
    (first, second) = context.clearing(context.outline(TALK, []), {6: (2,)}, keep=0, readable=False)
    assert (first.message, second.message) == (2, 6)
    assert "look, call 2 gave 7 characters and 1 picture(s). Call the tool again" in second.text


def test_the_last_results_are_told_as_text_after_a_summary() -> None:
    (first,) = context.outline(TALK, [Condensed(turn=1, messages=7, summary="so far")]).sent
    begin, summary, told, picture = first.content
    assert begin == TextBlock(text="begin")
    assert isinstance(summary, TextBlock)
    assert summary.text.endswith("so far")
    assert told == TextBlock(text="[what look gave]\na curve")
    assert picture == OtherBlock.model_validate(PICTURE)


def test_a_second_summary_takes_the_place_of_the_first() -> None:
    more = (*TALK, message("assistant", use("3")), message("user", result("3", "short")))
    steps = [Condensed(turn=1, messages=7, summary="first"), Condensed(turn=1, messages=9, summary="second")]
    (first,) = context.outline(more, steps).sent
    assert "first" not in json.dumps(first.model_dump(mode="json"))
    assert "first" in context.digest(more, steps[:1])
