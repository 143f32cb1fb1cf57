"""Faults by chance, within whole conversations: what comes of these is what comes without any."""

import pytest

from tests.agent.world import Killed, World
from tests.strict.faults import PASSING
from tests.strict.sessions import LONG, PASSED, Agents, session, sound, written

TURNS = 24
STORM = " ".join(f"{kind}~0.05:{seed}" for seed, kind in enumerate(PASSED.split("|")))


def went_well(world: World, turns: int) -> None:
    """All was done, once and in order, and is there; the report was the last thing to happen."""
    assert world.used == written(turns)
    assert world.files == {f"f{n}": LONG for n in range(turns // 2, turns)}
    assert f"toolu_{turns}'" in str(world.said[-1])


@pytest.mark.parametrize("faults", ["", f"{PASSED}~0.5:1", f"{PASSED}~0.5:2", STORM])
async def test_a_conversation_ends_in_one_way_whatever_goes_wrong(agents: Agents, faults: str) -> None:
    world, server = agents(session(TURNS), faults)
    await world.attempt()
    fired = sound(server)["faults"]
    went_well(world, TURNS)
    if "|" in faults:
        assert set(fired) == {kind.partition(":")[0] for kind in PASSING}, "each came in its turn"
    assert bool(fired) is bool(faults)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_so_does_one_that_is_cut_short_and_whose_process_dies(agents: Agents, seed: int) -> None:
    world, server = agents(session(TURNS), f"{PASSED}~0.3:{seed}", context_tokens=16_000)
    for attempt in (1, 2):
        with pytest.raises(Killed):
            await world.attempt(attempt, die_at=25, written=True)
    await world.attempt(3)
    sound(server)
    went_well(world, TURNS)
