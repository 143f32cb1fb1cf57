"""Every way in which a reply can end, and every way in which a tool can fail."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from activities.agent.journal import read
from activities.agent.limits import LimitReached, utc_now
from activities.agent.loop import CUT, NUDGE
from activities.agent.records import Result, Unanswered, spent
from activities.errors import Impossible, NeedsPerson
from activities.models.scripted import ScriptedModel, calls, says
from activities.tools.base import Call, Done, Tool
from schemas.message import ModelRequest, OtherBlock, Reply, TextBlock, ToolResultBlock
from tests.agent.world import Nothing, World

REPORT = calls(("report", {}))


def world_of(folder: Path, *replies: Reply) -> World:
    return World(folder, ScriptedModel(replies))


def last_answer(world: World, place: int = -2) -> Sequence[ToolResultBlock | TextBlock]:
    """What the model was told before its last reply."""
    return [block for block in world.said[place - 1].content if isinstance(block, ToolResultBlock | TextBlock)]


async def test_tool_results_come_back_in_order_and_one_for_each_call(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("look", {}), ("write", {"name": "a", "text": "1"}), ("look", {})), REPORT)
    await world.attempt()
    answers = last_answer(world)
    assert [block.tool_use_id for block in answers if isinstance(block, ToolResultBlock)] == [
        "use_0_look",
        "use_1_write",
        "use_2_look",
    ]
    assert [block.content for block in answers if isinstance(block, ToolResultBlock)][0::2] == ["nothing", "a"]


async def test_an_unknown_tool_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("fly", {})), REPORT)
    await world.attempt()
    (answer,) = last_answer(world)
    assert isinstance(answer, ToolResultBlock)
    assert answer.is_error
    assert "no tool 'fly'; you have write, look" in answer.content


async def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("write", {"name": 3, "txt": "x"})), REPORT)
    await world.attempt()
    (answer,) = last_answer(world)
    assert isinstance(answer, ToolResultBlock)
    assert answer.is_error
    for words in ("name: Input should be a valid string", "text: Field required", "txt: Extra inputs"):
        assert words in answer.content
    assert world.used == []


async def test_a_tool_that_failed_tells_the_model_and_the_next_call_is_made(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("fail", {}), ("look", {})), REPORT)
    await world.attempt()
    failed, looked = last_answer(world)
    assert isinstance(failed, ToolResultBlock)
    assert (failed.content, failed.is_error) == ("mend this", True)
    assert isinstance(looked, ToolResultBlock)
    assert not looked.is_error


async def test_the_unexpected_is_not_told_to_the_model(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("crash", {})), REPORT)
    with pytest.raises(OSError, match="the disk is gone"):
        await world.attempt()


async def test_the_unexpected_among_calls_that_read_keeps_its_own_type(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("look", {}), ("look", {})), REPORT)

    def broken(request: ModelRequest) -> Reply:
        (tmp_path / "worktree.1").rename(tmp_path / "gone")
        return calls(("look", {}), ("look", {}))

    world.model = ScriptedModel(broken)
    with pytest.raises(FileNotFoundError):
        await world.attempt()


async def test_a_reply_without_a_report_is_prompted(tmp_path: Path) -> None:
    world = world_of(tmp_path, says("done, I think"), says("", "stop_sequence"), REPORT)
    await world.attempt()
    said = [(message.role, getattr(message.content[0], "text", "")) for message in world.said[1:-2]]
    assert said == [("assistant", "done, I think"), ("user", NUDGE), ("user", NUDGE)]  # an empty reply is no message


async def test_three_idle_replies_in_a_row_are_one_too_many(tmp_path: Path) -> None:
    world = world_of(tmp_path, says("a"), says("b"), calls(("look", {})), says("c"), says("d"), says("e"))
    with pytest.raises(Impossible, match="3 times in a row"):
        await world.attempt()


CUT_OFF = calls(("write", {"name": "a", "text": "half of"}), stop_reason="max_tokens")


def asked(world: World) -> list[ModelRequest]:
    assert isinstance(world.model, ScriptedModel)
    return world.model.asked


async def test_a_reply_that_was_cut_off_is_asked_for_again_larger_and_is_no_part_of_the_conversation(
    tmp_path: Path,
) -> None:
    world = world_of(tmp_path, CUT_OFF, calls(("write", {"name": "a", "text": "all of it"})), REPORT)
    await world.attempt()
    assert world.used == ["write a"]
    assert world.files == {"a": "all of it"}
    first, second, third = asked(world)
    assert (first.max_tokens, second.max_tokens, third.max_tokens) == (16_000, 32_000, 16_000)
    assert first.messages == second.messages == third.messages[:1]
    assert spent(read(tmp_path / "journal")).model_calls == 3  # what was cut off is paid for


async def test_a_reply_that_is_cut_off_at_the_largest_is_not_acted_on(tmp_path: Path) -> None:
    long = says("long", "max_tokens")
    world = world_of(tmp_path, CUT_OFF, CUT_OFF, CUT_OFF, long, long, long, REPORT)
    await world.attempt()
    assert world.used == []
    answer, prompt = world.said[2].content[0], world.said[4].content[0]
    assert isinstance(answer, ToolResultBlock)
    assert (answer.is_error, answer.content) == (True, CUT)
    assert isinstance(prompt, TextBlock)
    assert prompt.text == CUT
    assert [request.max_tokens for request in asked(world)] == [16_000, 32_000, 64_000] * 2 + [16_000]


@pytest.mark.parametrize(
    "cut",
    [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "server_tool_use", "id": "s", "input": {}}],
)
async def test_what_was_cut_off_within_a_thought_or_a_search_is_not_sent_back(tmp_path: Path, cut: dict) -> None:  # type: ignore[type-arg]
    thought = OtherBlock.model_validate({"type": "thinking", "thinking": "so", "signature": "whole"})
    for number, kept in enumerate([(), (thought,)]):
        content = (*kept, OtherBlock.model_validate(cut))
        long = Reply(model="scripted", content=content, stop_reason="max_tokens")
        world = world_of(tmp_path / str(number), long, long, long, REPORT)
        await world.attempt()
        said = [message.content for message in asked(world)[-1].messages if message.role == "assistant"]
        assert said == ([kept] if kept else [])


async def test_a_refusal_is_for_the_manager(tmp_path: Path) -> None:
    with pytest.raises(Impossible, match="refused to go on: I will not"):
        await world_of(tmp_path, says("I will not", "refusal")).attempt()


async def test_arguments_that_are_no_json_are_told_with_the_place(tmp_path: Path) -> None:
    broken = calls(("write", {}), ("write", {}), ("write", {}))
    ids = [use.id for use in broken.tool_uses]
    texts = {ids[0]: '{"name": "a", "text": "b" "c"}', ids[1]: '["a"]', ids[2]: '{"name": "a", "te'}
    world = world_of(tmp_path, broken.model_copy(update={"unparsed": texts}), REPORT)
    await world.attempt()
    told = [block.content for block in last_answer(world) if isinstance(block, ToolResultBlock) and block.is_error]
    assert len(told) == 3
    assert all("write was not run, for its arguments were no JSON object" in str(text) for text in told)
    assert "delimiter at character 27 of 30" in str(told[0])
    assert "they are list" in str(told[1])
    assert "Unterminated string" in str(told[2])
    assert world.used == []


async def test_a_long_result_is_shortened_and_the_journal_has_the_whole(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(5_000))
    world = world_of(tmp_path, calls(("write", {"name": "a", "text": text})), REPORT)
    await world.attempt()
    (answer,) = last_answer(world)
    assert isinstance(answer, ToolResultBlock)
    assert isinstance(answer.content, str)
    assert len(answer.content) < 21_000
    assert "line 0" in answer.content
    assert "line 4999" in answer.content
    assert "characters are left out; calls/1.txt is the whole" in answer.content
    (result, _) = [record for record in read(tmp_path / "journal") if isinstance(record, Result)]
    assert json.loads(result.content)["text"] == text


async def test_a_picture_is_shown_beside_the_text_and_kept(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("picture", {})), REPORT)
    await world.attempt()
    (answer,) = last_answer(world)
    assert isinstance(answer, ToolResultBlock)
    words, picture = answer.content
    assert words == {"type": "text", "text": "a curve"}
    assert picture == {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    again = world_of(tmp_path, REPORT)
    await again.attempt(2)
    assert again.said[:3] == world.said[:3]


async def test_a_full_context_is_for_the_manager(tmp_path: Path) -> None:
    with pytest.raises(Impossible, match="context window"):
        await world_of(tmp_path, says("", "context_window")).attempt()


async def test_a_pause_is_asked_again_with_what_came(tmp_path: Path) -> None:
    world = world_of(tmp_path, says("searching", "pause_turn"), REPORT)
    await world.attempt()
    assert isinstance(world.model, ScriptedModel)
    assert [message.role for message in world.model.asked[1].messages] == ["user", "assistant"]


async def test_silence_can_end_a_conversation(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("look", {})), says("nothing to decide"))
    assert await world.attempt(silence_ends=True) == ()


async def test_so_many_turns_and_no_more(tmp_path: Path) -> None:
    world = world_of(tmp_path, *[calls(("look", {}))] * 3)
    world.limits = replace(world.limits, max_turns=2)
    with pytest.raises(LimitReached, match="within 2 model calls"):
        await world.attempt()


async def test_after_the_deadline_nothing_is_asked_but_what_is_journaled_counts(tmp_path: Path) -> None:
    world = world_of(tmp_path, calls(("write", {"name": "a", "text": "1"})))
    with pytest.raises(IndexError):
        await world.attempt(1)
    world.limits = replace(world.limits, deadline=utc_now() - timedelta(seconds=1))

    with pytest.raises(LimitReached, match="time ran out"):
        await world.attempt(2)

    assert world.files == {"a": "1"}
    assert isinstance(world.model, ScriptedModel)
    assert len(world.model.asked) == 2


async def test_while_the_run_is_held_nothing_is_asked(tmp_path: Path) -> None:
    mark = tmp_path / "HELD"
    mark.touch()
    world = world_of(tmp_path, REPORT)
    world.limits = replace(world.limits, held=mark, deadline=utc_now() + timedelta(seconds=0.2))
    with pytest.raises(LimitReached):
        await world.attempt(1)
    assert isinstance(world.model, ScriptedModel)
    assert world.model.asked == []
    mark.unlink()
    world.limits = replace(world.limits, deadline=utc_now() + timedelta(minutes=5))
    await world.attempt(2)
    assert len(world.model.asked) == 1


class Slow:
    """A model that never answers."""

    async def ask(self, request: ModelRequest) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_call_that_overstays_the_deadline_is_given_up_and_counts_as_lost(tmp_path: Path) -> None:
    world = World(tmp_path, Slow())
    world.limits = replace(world.limits, deadline=utc_now() + timedelta(seconds=0.2))
    with pytest.raises(LimitReached, match="while a model answered"):
        await world.attempt()
    assert spent(read(tmp_path / "journal")).lost_calls == 1


class Keyless:
    async def ask(self, request: ModelRequest) -> Reply:
        raise NeedsPerson("set the key")


async def test_a_model_that_says_what_a_person_must_do_lost_no_call(tmp_path: Path) -> None:
    world = World(tmp_path, Keyless())
    with pytest.raises(NeedsPerson, match="set the key"):
        await world.attempt()
    records = read(tmp_path / "journal")
    assert isinstance(records[-1], Unanswered)
    assert spent(records).lost_calls == 0


async def test_calls_that_only_read_run_side_by_side(tmp_path: Path) -> None:
    """Each of two calls waits for the other to have begun: one after the other, they would wait for ever."""
    world = world_of(tmp_path, calls(("meet", {}), ("meet", {})), REPORT)
    meeting = asyncio.Barrier(2)

    async def meet(_given: Nothing, _call: Call) -> Done:
        async with asyncio.timeout(10):
            await meeting.wait()
        return Done("met")

    more = Tool("meet", "", Nothing, meet, reads_only=True)
    usual = world._tools
    world._tools = lambda worktree: (*usual(worktree), more)  # type: ignore[method-assign]
    await world.attempt()
    assert [getattr(block, "content", "") for block in last_answer(world)] == ["met", "met"]
