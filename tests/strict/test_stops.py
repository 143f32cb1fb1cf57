"""Replies that end as replies should not, or do not end: the conversation goes on, and nothing of it is refused."""

import pytest

from activities.agent.loop import CUT
from activities.agent.records import Condensed, Unanswered, fell_back
from activities.errors import Impossible
from schemas.message import ToolResultBlock
from tests.agent.world import World
from tests.strict.answers import Answer, answer
from tests.strict.minds import ScriptMind, Thoughtful
from tests.strict.raw import Json, use
from tests.strict.server import StrictServer
from tests.strict.service import Service
from tests.strict.sessions import MODEL, Agents, accepted, journaled, models_asked, session, sound, summing_up, written

OTHER = "claude-sonnet-5-5"
DECLINED = "refused to go on: This request was declined by a safety classifier."


def blocks(world: World, kind: str) -> list[Json]:
    """Of what was said in the conversation."""
    return [b.model_dump() for message in world.said for b in message.content if b.type == kind]


def sizes(server: StrictServer) -> list[int]:
    """The room that was asked for, call by call."""
    return [one.max_tokens for one in server.service.record.asked]


# --- refusals ----------------------------------------------------------------------------------------------------


async def test_what_the_chosen_model_refuses_the_fallback_answers_and_the_chosen_one_goes_on(agents: Agents) -> None:
    world, server = agents(session(10), "refusal@7", fallback=OTHER)
    await world.attempt()
    accepted(server)
    assert models_asked(server) == [MODEL, OTHER, MODEL]
    [fallen] = fell_back(journaled(world, object))
    assert (fallen.model, fallen.calls, fallen.why) == (OTHER, 1, DECLINED)
    assert world.used == written(10)


async def test_what_every_model_refuses_is_impossible_in_the_words_of_each(agents: Agents) -> None:
    world, server = agents(session(10), "refusal@3-", fallback=OTHER)
    with pytest.raises(Impossible) as raised:
        await world.attempt()
    assert str(raised.value) == f"scripted {DECLINED}; {OTHER} {DECLINED}"  # the world's name for the chosen one
    accepted(server)


# --- turns that the server paused --------------------------------------------------------------------------------


@pytest.mark.parametrize("web_searches", [0, 3])
async def test_a_turn_that_was_paused_is_sent_back_as_it_was_and_goes_on(agents: Agents, web_searches: int) -> None:
    world, server = agents(session(6), "pause_turn@3,4,7", web_searches=web_searches)
    await world.attempt()
    sound(server)
    assert [one.stop_reason for one in server.service.record.asked].count("pause_turn") == 3
    assert world.used == written(6)
    made = [block["id"] for block in blocks(world, "server_tool_use")]
    assert len(made) == (4 if web_searches else 0)
    assert [block["tool_use_id"] for block in blocks(world, "web_search_tool_result")] == made


@pytest.mark.parametrize(
    "fault", ["overloaded", "cut_at:4", "garbage", "broken_json", "max_tokens", "context_window", "refusal"]
)
async def test_whatever_goes_wrong_with_a_turn_that_was_paused_it_goes_on(agents: Agents, fault: str) -> None:
    world, server = agents(session(10), f"pause_turn@7 {fault}@8", fallback=OTHER, web_searches=3)
    await world.attempt()
    counters = accepted(server)
    assert len(counters["faults"]) == 2
    assert world.used == written(10)


# --- the model's window ------------------------------------------------------------------------------------------


async def test_a_window_that_is_full_is_made_room_in_by_clearing_old_results(agents: Agents) -> None:
    world, server = agents(session(10), "context_window@7")
    await world.attempt()
    sound(server)
    [step] = journaled(world, Condensed)
    assert step.cleared
    assert world.used == written(10)


async def test_a_window_that_is_full_of_what_cannot_be_cleared_takes_the_conversation_in_short(agents: Agents) -> None:
    world, server = agents(session(10), "context_window@7,8")
    await world.attempt()
    sound(server)
    assert [bool(step.summary) for step in journaled(world, Condensed)] == [False, True]
    assert world.used == written(10)


async def test_a_window_that_is_full_even_in_short_is_for_the_manager(agents: Agents) -> None:
    world, server = agents(session(10), "context_window@7-")
    with pytest.raises(Impossible, match="does not fit the model's context window, even in short"):
        await world.attempt()
    sound(server)
    assert len(server.service.record.asked) == 9


async def test_a_window_that_is_smaller_than_anybody_knew_is_kept_to(agents: Agents) -> None:
    server = agents.serve(Service(Thoughtful(ScriptMind(session(16))), context=8_000))
    world, _ = agents.at(server)
    await world.attempt()
    counters = server.service.record.counters()
    assert all(words.startswith("prompt is too long") for words in counters["refused"])
    assert (counters["repeated"], counters["dropped_thinking"]) == (0, 0)
    assert {bool(step.summary) for step in journaled(world, Condensed)} == {True, False}
    assert world.used == written(16)


WORDS = {"type": "text", "text": "I look at one more thing."}
NO_SUMMARIES = {
    "a call": answer([WORDS, use("toolu_x", "look")]),
    "a search": Answer((WORDS, {"type": "search", "query": "one more thing", "paused": True}), "pause_turn"),
    "a refusal": Answer((WORDS,), "refusal"),
}


@pytest.mark.parametrize("reply", NO_SUMMARIES)
async def test_what_comes_in_place_of_a_summary_does_not_stand_for_the_conversation(agents: Agents, reply: str) -> None:
    def said(body: Json) -> Answer:
        return NO_SUMMARIES[reply] if summing_up(body) else session(20)(body)

    world, server = agents(said, context_tokens=16_000, web_searches=3)
    await world.attempt()
    sound(server)
    summaries = [step.summary for step in journaled(world, Condensed) if step.summary]
    assert summaries
    assert all("called write with" in words for words in summaries)
    assert world.used == written(20)


# --- replies that were cut off -----------------------------------------------------------------------------------


async def test_a_reply_that_was_cut_off_is_asked_for_again_with_more_room(agents: Agents) -> None:
    world, server = agents(session(6), "max_tokens@3")
    await world.attempt()
    sound(server)
    assert sizes(server) == [16_000] * 3 + [32_000] + [16_000] * 4
    assert CUT not in str(world.said)
    assert world.used == written(6)


async def test_a_call_that_is_cut_off_with_all_the_room_there_is_gets_that_for_its_result(agents: Agents) -> None:
    world, server = agents(session(6), "max_tokens@3,4,5")
    await world.attempt()
    sound(server)
    assert sizes(server) == [16_000] * 3 + [32_000, 64_000] + [16_000] * 5
    results = [b for message in world.said for b in message.content if isinstance(b, ToolResultBlock)]
    assert [result.content for result in results].count(CUT) == 1
    assert world.used == written(6)


async def test_a_search_that_is_cut_off_with_all_the_room_there_is_is_not_sent_back_by_halves(agents: Agents) -> None:
    def said(body: Json) -> Answer:
        if CUT in str(body["messages"]):
            return answer([use("toolu_1", "report")])
        return Answer(({"type": "search", "query": "all there is", "paused": True},), "max_tokens")

    world, server = agents(said, web_searches=3)
    await world.attempt()
    sound(server)
    assert sizes(server) == [16_000, 32_000, 64_000, 16_000]


# --- silence -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["hang", "hang_at:5"])
async def test_a_reply_that_falls_silent_is_given_up_and_asked_for_again(agents: Agents, fault: str) -> None:
    world, server = agents(session(6), f"{fault}@3", silence=2.0)
    await world.attempt()
    sound(server)
    [tried] = journaled(world, Unanswered)
    assert "in time" in tried.error or "silent" in tried.error
    assert world.used == written(6)
