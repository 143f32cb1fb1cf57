"""Many kills of workers within one run, each at a planned moment."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults import judged
from tests.faults.judged import Seen
from tests.faults.moments import AGENTS, OFTEN, STEERING, Moment, Plan
from tests.faults.stand import GPU, LOOK, Stand, grown, written
from workflows.calls import CONTROL

PATIENCE = 20.0  # seconds for a planned moment to come; then any moment will do
GOES_ON = 90.0
STEERED = 0.25  # share of kills that hit the control worker


@dataclass(frozen=True)
class Struck:
    """One kill: seconds from death, and from the worker's return, until work went on; None where there was none.

    `moment` is when it happened, which is "any" where the planned one did not come.
    """

    queue: str
    moment: Moment
    since_death: float | None
    since_return: float | None


async def strike(stand: Stand, run: str, count: int, seed: int) -> tuple[list[Struck], list[Seen]]:
    """Kills workers of the run `count` times, or until it has nothing more to explore."""
    chance = random.Random(seed)
    done: list[Struck] = []
    before: list[Seen] = []
    turns = {CONTROL: _turns(STEERING, chance), GPU: _turns(AGENTS, chance)}
    while len(done) < count and await _works(stand, run):
        queue = CONTROL if chance.random() < STEERED else GPU
        moment = next(turns[queue])
        worker, layout = stand.workers[queue], stand.layout(run)
        before.append(judged.seen(layout, await stand.ledger(run)))
        nth = chance.randint(1, 3) if moment in OFTEN else 1
        worker.doom(Plan(moment=moment, nth=nth, seed=chance.randrange(2**31)))
        if await stand.struck(worker, within=PATIENCE):
            died = worker.died()
        else:
            moment, died = "any", time.time()
            worker.process.kill()
            worker.process.wait()
        done.append(await _went_on(stand, run, queue, moment, died))
    return done, before


def _turns(moments: Sequence[Moment], chance: random.Random) -> Iterator[Moment]:
    """Each kind of moment as often as the others, in an order of chance."""
    while True:
        yield from chance.sample(moments, len(moments))


async def _works(stand: Stand, run: str) -> bool:
    """True once agents are at work; False when the run explores no more."""
    while True:
        state = await stand.state(run)
        if state.ended is not None or state.phase not in ("PREPARING", "EXPLORING"):
            return False
        if state.in_flight:
            return True
        await asyncio.sleep(LOOK)


async def _went_on(stand: Stand, run: str, queue: str, moment: Moment, died: float) -> Struck:
    size = written(stand.layout(run))
    back = stand.work(queue)
    state = await stand.state(run)  # it answers once a worker has taken up the workflow
    at: float | None = time.time()
    if queue == GPU:
        at = await grown(stand.layout(run), size, within=GOES_ON)
        assert at is not None or not state.in_flight, f"work did not go on within {GOES_ON:.0f} s after {moment}"
    if at is None:
        return Struck(queue, moment, None, None)
    return Struck(queue, moment, at - died, at - back.started)
