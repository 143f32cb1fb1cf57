"""A second model, asked over HTTP while the chosen one is not to be had: each of them is sent what it takes."""

from collections.abc import Callable
from itertools import groupby

import pytest

from activities.agent.outages import AWAY, Outages
from activities.agent.records import fell_back
from tests.strict.answers import Answer
from tests.strict.raw import Json
from tests.strict.server import StrictServer
from tests.strict.sessions import MODEL, Agents, accepted, heard, journaled, models_asked, session, written

OTHERS = ("claude-sonnet-5-5", "claude-opus-5", "claude-opus-4-6", "claude-haiku-4-5")


class Clock:
    """Outages pass while a conversation is at the calls that are named."""

    def __init__(self, *passing: int) -> None:
        self._passing = set(passing)
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def during(self, script: Callable[[Json], Answer]) -> Callable[[Json], Answer]:
        def said(body: Json) -> Answer:
            if heard(body) in self._passing:
                self._passing.remove(heard(body))
                self._now += AWAY + 1
            return script(body)

        return said


def thinking(server: StrictServer) -> list[tuple[str, bool]]:
    """Who was asked, and whether foreign thinking was left out: as often as that changes."""
    asked = [(one.model, one.dropped_thinking > 0) for one in server.service.record.asked]
    return [who for who, _ in groupby(asked)]


@pytest.mark.parametrize("other", OTHERS)
async def test_during_an_outage_another_model_goes_on_and_after_it_the_chosen_one(agents: Agents, other: str) -> None:
    clock = Clock(8)
    script = clock.during(session(16))
    world, server = agents(script, "overloaded@5,6,7,8", fallback=other, outages=Outages(clock))
    await world.attempt()
    assert accepted(server)["faults"] == {"overloaded": 4}
    thinks = other != "claude-haiku-4-5"
    assert thinking(server) == [(MODEL, False), (other, True), (MODEL, thinks)]
    [fallen] = fell_back(journaled(world, object))
    assert (fallen.model, fallen.calls) == (other, 6)
    assert "Overloaded (529, request req_" in fallen.why
    assert world.used == written(16)


async def test_an_outage_that_lasts_is_found_out_by_one_try_and_a_new_one_is_got_over(agents: Agents) -> None:
    clock, other = Clock(6, 9, 12), OTHERS[0]
    faults = "overloaded@3,4,5,6,13,19,20,21,22"
    world, server = agents(clock.during(session(16)), faults, fallback=other, outages=Outages(clock))
    await world.attempt()
    accepted(server)
    assert models_asked(server) == [MODEL, other, MODEL, other, MODEL, other, MODEL]
    assert {one.model for one in server.service.record.asked if one.fault} == {MODEL}, "each is tried as often"
    assert world.used == written(16)


async def test_a_paused_turn_is_gone_on_with_by_another_model(agents: Agents) -> None:
    world, server = agents(session(10), "pause_turn@7 overloaded@8,9,10,11", fallback=OTHERS[0], web_searches=3)
    await world.attempt()
    accepted(server)
    assert models_asked(server) == [MODEL, OTHERS[0]]
    assert world.used == written(10)


async def test_a_conversation_that_is_cut_while_another_model_answers_is_gone_on_with(agents: Agents) -> None:
    clock = Clock(24)
    world, server = agents(
        clock.during(session(40)),
        "overloaded@6,7,8,9",
        fallback=OTHERS[0],
        outages=Outages(clock),
        context_tokens=16_000,
    )
    await world.attempt()
    accepted(server)
    assert models_asked(server) == [MODEL, OTHERS[0], MODEL]
    assert world.used == written(40)
