"""Whole conversations of the agent's loop, with our client, against the strict server: nothing of them is refused."""

import pytest

from activities.agent.records import Condensed, Replied, Unanswered
from tests.agent.world import Killed
from tests.strict.faults import PASSING
from tests.strict.sessions import PASSED, Agents, journaled, session, sound, written


async def test_a_coders_session_of_forty_turns_is_read_from_the_cache_for_nine_tenths(agents: Agents) -> None:
    world, server = agents(session(39))
    await world.attempt()
    [share] = sound(server)["conversations"].values()
    assert len(journaled(world, Replied)) == 40
    assert share["share"] >= 0.9


async def test_a_conversation_that_is_cleared_and_cut_keeps_to_the_rules_of_thinking(agents: Agents) -> None:
    world, server = agents(session(40), context_tokens=16_000)
    await world.attempt()
    sound(server)
    steps = journaled(world, Condensed)
    assert {bool(step.summary) for step in steps} == {True, False}, "both were needed"
    assert world.used == written(40)
    thought = [b for message in world.said for b in message.content if b.type == "thinking"]
    assert len(thought) >= 40


async def test_with_a_fault_at_every_third_call_the_conversation_comes_to_its_end(agents: Agents) -> None:
    world, server = agents(session(30), f"{PASSED}/3")
    await world.attempt()
    counters = sound(server)
    assert set(counters["faults"]) == {kind.partition(":")[0] for kind in PASSING}
    assert world.used == written(30)
    assert journaled(world, Unanswered)


async def test_newer_code_with_other_prompts_goes_on_where_the_older_stopped(agents: Agents) -> None:
    world, server = agents(session(8))
    with pytest.raises(Killed):
        await world.attempt(1, die_at=8, written=True)
    world.system = "Prompts are rewritten at times."
    await world.attempt(2)
    sound(server)


@pytest.mark.parametrize("at", [2, 5, 11, 23, 37, 52])
async def test_killed_anywhere_the_next_attempt_goes_on_and_nothing_is_refused(agents: Agents, at: int) -> None:
    world, server = agents(session(20), context_tokens=16_000)
    with pytest.raises(Killed):
        await world.attempt(1, die_at=at, written=True)
    await world.attempt(2)
    sound(server)
    replied = journaled(world, Replied)
    assert len({record.turn for record in replied}) == len(replied)
