"""A model that is not to be had: tried again, with patience, within limits, and on record."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from activities.agent.journal import Superseded, read
from activities.agent.limits import LimitReached, utc_now
from activities.agent.outages import Backoff, Mind, Outages
from activities.agent.purse import Purse
from activities.agent.records import Asking, Replied, Unanswered, fell_back, spent
from activities.errors import Impossible, NeedsPerson
from activities.models.scripted import ScriptedModel, calls, says
from schemas.budget import Usage
from schemas.message import ModelRequest, Reply
from schemas.role import Caps
from tests.agent.storm import Storm, overloaded
from tests.agent.world import Killed, World

QUICK = Backoff(first=0.0001, longest=0.0002)
LOOK, REPORT = calls(("look", {})), calls(("report", {}))


def world_of(folder: Path, model: Storm, *fallbacks: Mind, **more: object) -> World:
    return World(folder, model, fallbacks=fallbacks, more={"backoff": QUICK, **more})


def kinds(folder: Path) -> list[str]:
    return [record.kind for record in read(folder / "journal")]


async def test_a_call_is_tried_until_it_is_answered_and_each_try_is_on_record(tmp_path: Path) -> None:
    model = Storm([LOOK, REPORT], {1: [overloaded(), overloaded()]})
    await world_of(tmp_path, model).attempt()
    assert kinds(tmp_path)[:7] == ["opened", "asking", "unanswered", "asking", "unanswered", "asking", "replied"]
    assert [request.turn for request in model.asked] == [1, 1, 1, 2]
    assert model.asked[0] == model.asked[2]
    spend = spent(read(tmp_path / "journal"))
    assert (spend.model_calls, spend.lost_calls) == (2, 0)


async def test_what_a_failed_try_cost_is_counted(tmp_path: Path) -> None:
    cut = overloaded(usage=Usage(input_tokens=100))
    world = world_of(tmp_path, Storm([REPORT], {1: [cut, cut]}))
    await world.attempt()
    spend = spent(read(tmp_path / "journal"))
    assert spend.usage.input_tokens >= 200
    assert spend.dollars is None  # nobody knows what this model costs
    assert spend.model_calls == 1


async def test_a_long_outage_leaves_few_records(tmp_path: Path) -> None:
    world = world_of(tmp_path, Storm([REPORT], {1: [overloaded()] * 600}))
    await world.attempt()
    records = read(tmp_path / "journal")
    assert len(records) < 80
    assert sum(record.tries for record in records if isinstance(record, Unanswered)) > 560
    assert (tmp_path / "journal" / "a1.jsonl").stat().st_size < 20_000
    assert spent(records).lost_calls == 0


async def test_the_wait_grows_to_a_minute_and_heeds_what_the_server_asks_for() -> None:
    backoff = Backoff()
    waits = [backoff.seconds(failed) for failed in range(1, 40)]
    assert waits == [backoff.seconds(failed) for failed in range(1, 40)]
    assert waits[0] < 1.1
    assert all(40 <= wait <= 60 for wait in waits[7:])
    assert len(set(waits[7:])) > 20  # agents do not come back all at once
    assert backoff.seconds(1, 17.0) == 17.0
    assert backoff.seconds(9, 300.0) == 300.0
    assert backoff.seconds(9, 0.0) > 40


async def test_waiting_ends_at_the_deadline_and_nothing_is_lost(tmp_path: Path) -> None:
    world = world_of(tmp_path, Storm([], {1: [overloaded(3600.0)]}), backoff=Backoff())
    world.limits = replace(world.limits, deadline=utc_now() + timedelta(seconds=0.3))
    with pytest.raises(LimitReached, match=r"while scripted was not to be had: overloaded \(529\)"):
        await world.attempt()
    assert kinds(tmp_path) == ["opened", "asking", "unanswered"]


async def test_waiting_ends_when_it_is_called_off_and_says_meanwhile_what_is_waited_for(tmp_path: Path) -> None:
    faults = [overloaded()] * 9 + [overloaded(42.0)]
    world = world_of(tmp_path, Storm([], {1: faults}))
    work = asyncio.create_task(world.attempt())
    async with asyncio.timeout(30):
        while "waits 42 s" not in str(world.doing):  # noqa: ASYNC110 - of another task, which tells nobody
            await asyncio.sleep(0.01)
    assert str(world.doing) == "turn 1: waits 42 s for scripted: overloaded (529), 11th try"
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    records = read(tmp_path / "journal")
    assert isinstance(records[-1], Unanswered)  # what the open streak came to
    assert spent(records).lost_calls == 0


async def test_before_each_try_the_pause_mark_is_looked_at(tmp_path: Path) -> None:
    mark = tmp_path / "HELD"
    model = Storm([REPORT])

    class Pausing:
        async def ask(self, request: ModelRequest) -> Reply:
            mark.touch()
            raise overloaded()

    world = world_of(tmp_path, model)
    world.model = Pausing()
    world.limits = replace(world.limits, held=mark, deadline=utc_now() + timedelta(seconds=0.5))
    with pytest.raises(LimitReached):
        await world.attempt()
    assert kinds(tmp_path).count("asking") == 1


async def test_what_a_person_must_mend_is_not_tried_again(tmp_path: Path) -> None:
    model = Storm([], {1: [NeedsPerson("set the key")]})
    with pytest.raises(NeedsPerson):
        await world_of(tmp_path, model).attempt()
    assert len(model.asked) == 1


# --- fallback ----------------------------------------------------------------------------------------------------


async def test_after_some_failures_in_a_row_the_fallback_answers(tmp_path: Path) -> None:
    chosen, other = Storm([], {turn: [overloaded()] * 9 for turn in (1, 2)}), Storm([LOOK, REPORT])
    world = world_of(tmp_path, chosen, Mind("other", other))
    await world.attempt()
    assert len(chosen.asked) == 4  # and none in the second call: the outage is remembered
    assert [request.model for request in other.asked] == ["other", "other"]
    (fallen,) = fell_back(read(tmp_path / "journal"))
    assert (fallen.model, fallen.calls, fallen.why) == ("other", 2, "overloaded (529)")


async def test_after_a_while_the_chosen_one_is_tried_again_once_and_used_when_it_answers(tmp_path: Path) -> None:
    now = [0.0]
    outages = Outages(lambda: now[0])
    one, two = Mind("one", Storm([])), Mind("two", Storm([]))
    for _ in range(4):
        assert outages.pick((one, two)) is one
        outages.failed("one", overloaded())
    assert outages.pick((one, two)) is two
    now[0] = 301.0
    assert outages.pick((one, two)) is one
    outages.failed("one", overloaded())
    assert outages.pick((one, two)) is two
    now[0] = 700.0
    outages.answered("one")
    outages.failed("one", overloaded())
    assert outages.pick((one, two)) is one


def test_a_server_that_asks_for_long_patience_is_out_at_once() -> None:
    outages = Outages(lambda: 0.0)
    outages.failed("one", overloaded(900.0))
    assert outages.out("one")


def test_where_no_model_is_to_be_had_they_are_tried_in_turns() -> None:
    now = [0.0]
    outages = Outages(lambda: now[0])
    minds = (Mind("one", Storm([])), Mind("two", Storm([])))
    seen = []
    for _ in range(12):
        now[0] += 1.0
        seen.append(outages.pick(minds).name)
        outages.failed(seen[-1], overloaded())
    assert set(seen[-4:]) == {"one", "two"}


async def test_a_refusal_goes_to_the_fallback_and_is_no_part_of_the_conversation(tmp_path: Path) -> None:
    refused = says("No.", "refusal").model_copy(update={"explanation": "biology"})
    chosen, other = Storm([LOOK, REPORT], {2: [refused]}), Storm([LOOK])
    world = world_of(tmp_path, chosen, Mind("other", other))
    await world.attempt()
    assert [request.turn for request in chosen.answered] == [1, 2, 4]
    (asked,) = other.asked
    assert asked.messages == chosen.answered[1].messages
    assert "No." not in str(world.said)
    records = read(tmp_path / "journal")
    assert fell_back(records)[0].why == "refused to go on: biology"
    assert [record.part for record in records if isinstance(record, Replied)] == ["said", "void", "said", "said"]
    assert spent(records).model_calls == 4


@pytest.mark.parametrize(("web_searches", "sent"), [(0, [0, 1, 2, 3]), (4, [0, 1, 0, 1])])
async def test_thinking_is_left_out_up_to_a_reply_that_came_under_other_tools(
    tmp_path: Path, web_searches: int, sent: list[int]
) -> None:
    """Of a fallback that can search the web where the chosen model cannot; or the other way round."""
    chosen, other = Storm([LOOK, LOOK, REPORT], {2: [says("No.", "refusal")]}), Storm([LOOK])
    world = world_of(tmp_path, chosen, Mind("claude-opus-5-5", other), web_searches=web_searches)
    await world.attempt()
    assert [request.turn for request in other.answered] == [3]
    assert [thoughts(request) for request in chosen.answered] == sent


def thoughts(request: ModelRequest) -> int:
    return sum(block.type == "thinking" for message in request.messages for block in message.content)


async def test_a_refusal_by_both_is_for_the_manager_with_what_they_say(tmp_path: Path) -> None:
    refused = says("No.", "refusal")
    world = world_of(tmp_path, Storm([refused]), Mind("other", Storm([refused])))
    with pytest.raises(Impossible, match=r"scripted refused to go on: No\.; other refused to go on: No\."):
        await world.attempt()


async def test_a_fallback_that_refuses_during_an_outage_leaves_the_chosen_one_to_wait_for(tmp_path: Path) -> None:
    chosen = Storm([REPORT], {1: [overloaded()] * 4})
    world = world_of(tmp_path, chosen, Mind("other", Storm([says("No.", "refusal")])))
    await world.attempt()
    assert [request.turn for request in chosen.answered] == [2]


# --- money -------------------------------------------------------------------------------------------------------


def purse_of(folder: Path, **caps: float) -> Purse:
    return Purse(folder / "purse.jsonl", Caps.model_validate(caps))


async def test_every_try_is_reserved_and_settled_at_what_it_cost(tmp_path: Path) -> None:
    purse = purse_of(tmp_path)
    world = world_of(tmp_path, Storm([LOOK, REPORT], {1: [overloaded()]}), purse=purse)
    await world.attempt()
    totals = purse.totals()
    assert totals.tokens == spent(read(tmp_path / "journal")).usage.tokens
    assert totals.reserved_tokens == 0
    lines = (tmp_path / "purse.jsonl").read_text()
    for call in ("coder.1.1.a1.t1.1", "coder.1.1.a1.t1.2", "coder.1.1.a1.t2.1"):
        assert lines.count(f'"{call}"') == 2


async def test_what_is_spent_ends_the_work_before_the_next_call(tmp_path: Path) -> None:
    model = Storm([LOOK] * 9)
    world = world_of(tmp_path, model, purse=purse_of(tmp_path, tokens=20))
    with pytest.raises(LimitReached, match="tokens are spent"):
        await world.attempt()
    assert len(model.asked) == 2
    assert spent(read(tmp_path / "journal")).lost_calls == 0


async def test_a_call_that_ended_unread_stays_reserved_until_the_invocation_ends(tmp_path: Path) -> None:
    purse = purse_of(tmp_path)

    def crash(request: ModelRequest) -> Reply:
        raise OSError("the line is cut")

    world = world_of(tmp_path, Storm([]), purse=purse)
    world.model = ScriptedModel(crash)
    with pytest.raises(OSError, match="cut"):
        await world.attempt()
    assert purse.totals().reserved_tokens > 0
    purse.close("coder.1.1")
    assert (purse.totals().reserved_tokens, purse.totals().tokens > 0) == (0, True)


class Dying(Purse):
    """The process dies when a reply is in the journal, and before it is settled."""

    def settle(self, call: str, dollars: float | None, tokens: int) -> None:
        raise Killed


async def test_a_reply_that_nobody_lived_to_settle_is_settled_by_the_next_attempt(tmp_path: Path) -> None:
    world = world_of(tmp_path, Storm([LOOK, REPORT]), purse=Dying(tmp_path / "purse.jsonl", Caps()))
    with pytest.raises(Killed):
        await world.attempt(1)
    purse = world.more["purse"] = purse_of(tmp_path)
    assert purse.totals().reserved_tokens > spent(read(tmp_path / "journal")).usage.tokens
    await world.attempt(2)
    records, totals = read(tmp_path / "journal"), purse.totals()
    assert (spent(records).model_calls, spent(records).lost_calls) == (2, 0)
    assert (totals.tokens, totals.reserved_tokens) == (spent(records).usage.tokens, 0)


async def test_a_reply_of_an_attempt_that_was_cut_off_is_settled_at_what_it_cost(tmp_path: Path) -> None:
    purse = purse_of(tmp_path)

    def late(request: ModelRequest) -> Reply:
        (tmp_path / "journal" / "a2.jsonl").touch()  # the next attempt has begun
        return REPORT.model_copy(update={"usage": Usage(output_tokens=7)})

    with pytest.raises(Superseded):
        await replace(world_of(tmp_path, Storm([]), purse=purse), model=ScriptedModel(late)).attempt(1)
    assert (purse.totals().tokens, purse.totals().reserved_tokens) == (7, 0)


async def test_a_model_that_is_free_writes_nothing_down(tmp_path: Path) -> None:
    await world_of(tmp_path, Storm([REPORT])).attempt()
    assert not (tmp_path / "purse.jsonl").exists()


async def test_the_first_try_of_a_turn_is_told_with_its_model(tmp_path: Path) -> None:
    await world_of(tmp_path, Storm([REPORT], {1: [overloaded()]})).attempt()
    asking = [record for record in read(tmp_path / "journal") if isinstance(record, Asking)]
    assert [(record.turn, record.number, record.model) for record in asking] == [(1, 1, "scripted"), (1, 2, "scripted")]
