"""Each fault, as it is brought about in a run that trains, and the seconds until work went on."""

import asyncio
import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from activities.execution.processes import supervisors
from ops import workers
from tests.faults import judged
from tests.faults.judged import Loss, Seen
from tests.faults.kills import GOES_ON, Struck, strike
from tests.faults.moments import AGENTS as MOMENTS
from tests.faults.proxy import Proxy
from tests.faults.stand import GPU, LOOK, Stand, grown, written
from workflows.calls import ALIVE, CONTROL

BEYOND = ALIVE.total_seconds() + 5.0  # for a worker to be taken for dead
TRAINS = 240.0
RESTART = "machine restarted"
HANDED_OVER = 10.0
EACH = 30  # so many kills are enough for each kind of moment to come
AFTER_RETURN = 15.0  # seconds that work may take to go on, at the median, once a worker is back
AFTER_DEATH = 30.0  # where another worker is there


@dataclass
class Tries:
    """What became of one kind of fault in one run."""

    fault: str
    asked: int
    tried: int = 0
    since_death: list[float] = field(default_factory=list)  # seconds until work went on
    since_return: list[float] = field(default_factory=list)  # empty where another worker was there
    moments: Counter[str] = field(default_factory=Counter)
    loss: Loss = field(default_factory=Loss)
    delivered: bool = False
    ended: str = ""

    @property
    def faults(self) -> list[str]:
        """What is wrong, in words. One call in flight may be lost for each time that a process died."""
        median = statistics.median(self.since_return or self.since_death or [0.0])
        limit = AFTER_RETURN if self.since_return else AFTER_DEATH
        most = max(self.since_return or self.since_death or [0.0])
        missed = {moment for moment in MOMENTS if self.asked >= EACH and self.moments and moment not in self.moments}
        wrong = {
            f"it did not deliver: {self.ended}": not self.delivered,
            f"{self.tried} of {self.asked} were tried": self.tried != self.asked,
            f"something was lost or repeated: {self.loss}": not self.loss.nothing,
            f"{self.loss.calls} calls in flight were lost": self.loss.calls > self.tried,
            f"work took {median:.0f} s to go on, at the median; {limit:.0f} is the most": median > limit,
            f"work once took {most:.0f} s to go on": most > 2 * limit,
            f"no kill came at: {', '.join(sorted(missed))}": bool(missed),
        }
        return [words for words, holds in wrong.items() if holds]


@dataclass
class Scene:
    """A run on a stand, and what was certain of it before each fault."""

    stand: Stand
    run: str
    chance: random.Random
    tries: Tries
    before: list[Seen]

    async def look(self) -> int:
        """Remembers how things stand, and returns how much the journals hold."""
        layout = self.stand.layout(self.run)
        self.before.append(judged.seen(layout, await self.stand.ledger(self.run)))
        return written(layout)

    async def trains(self) -> str:
        """A job that runs for an agent: a training, or the check of one's code."""
        until = time.time() + TRAINS
        while True:
            for name, state in judged.states(self.stand.layout(self.run)).items():
                if state.phase == "running" and name.startswith(("tuner.", "coder.")):
                    return name
            assert time.time() < until, f"no agent's job runs within {TRAINS:.0f} s"
            await asyncio.sleep(LOOK)

    async def goes_on(self, size: int, died: float, returned: float | None = None) -> None:
        """Once more is in the journals; `returned` is when a worker came back, where there was no other."""
        self.tries.tried += 1
        at = await grown(self.stand.layout(self.run), size, within=GOES_ON)
        assert at is not None, f"work did not go on within {GOES_ON:.0f} s"
        self._went_on(at, died, returned)

    async def answers(self, died: float, returned: float | None = None) -> None:
        """Once the workflow answers."""
        self.tries.tried += 1
        await self.stand.state(self.run)
        self._went_on(time.time(), died, returned)

    def _went_on(self, at: float, died: float, returned: float | None) -> None:
        self.tries.since_death.append(at - died)
        if returned is not None:
            self.tries.since_return.append(max(at - returned, 0.0))


Fault = Callable[[Scene, int], Awaitable[None]]


async def workers_killed(scene: Scene, times: int) -> None:
    done, before = await strike(scene.stand, scene.run, times, scene.chance.randrange(2**31))
    scene.before += before
    _count(scene.tries, done)


def _count(tries: Tries, done: list[Struck]) -> None:
    tries.tried += len(done)
    tries.moments.update(one.moment for one in done)
    tries.since_death += [one.since_death for one in done if one.since_death is not None]
    tries.since_return += [one.since_return for one in done if one.since_return is not None]


async def server_killed(scene: Scene, times: int) -> None:
    stand = scene.stand
    for _ in range(times):
        await scene.trains()
        await scene.look()
        died = time.time()
        await stand.kill_server()
        await asyncio.sleep(scene.chance.uniform(0.0, 5.0))
        await stand.serve()
        await scene.answers(died, time.time())


async def all_killed(scene: Scene, times: int) -> None:
    """Server and workers die at once; jobs live."""
    stand = scene.stand
    for _ in range(times):
        await scene.trains()
        await scene.look()
        died = time.time()
        await stand.kill_all()
        size = written(stand.layout(scene.run))
        await stand.serve()
        returned = time.time()
        stand.work_all()
        await scene.goes_on(size, died, returned)


async def machine_restarted(scene: Scene, times: int) -> None:
    """Every process of the run dies, jobs and their supervisors too; `aibuildai up` goes on with what is there."""
    stand = scene.stand
    for _ in range(times):
        await scene.trains()
        await scene.look()
        died = time.time()
        await stand.kill_all()
        for name in judged.states(stand.layout(scene.run)):
            for process in supervisors(str(stand.layout(scene.run).job(name).resolve())):
                process.kill()
        size, returned = written(stand.layout(scene.run)), time.time()
        await stand.brought_up()
        await scene.goes_on(size, died, returned)
        await asyncio.to_thread(workers.shut, stand.settings)
        stand.work_all()


async def told_to_end(scene: Scene, times: int) -> None:
    """SIGTERM: the worker hands over, and says so itself."""
    stand = scene.stand
    for _ in range(times):
        await scene.trains()
        await scene.look()
        died = time.time()
        took = await stand.end(GPU, signal.SIGTERM)
        assert took < HANDED_OVER, f"a worker took {took:.0f} s to hand over"
        size, returned = written(stand.layout(scene.run)), time.time()
        stand.work(GPU)
        await scene.goes_on(size, died, returned)


async def frozen(scene: Scene, times: int) -> None:
    """A worker is stopped until it is taken for dead, another takes over, and then it comes back to life."""
    for number in range(times):
        size, died = await _stopped(scene, GPU, number)
        await scene.goes_on(size, died)
        await _back(scene, GPU, number)


async def steering_frozen(scene: Scene, times: int) -> None:
    """The same with the control worker, which steers the run and keeps its books."""
    for number in range(times):
        _, died = await _stopped(scene, CONTROL, number)
        await scene.answers(died)
        await asyncio.sleep(BEYOND)  # for another to take over what it was at
        await _back(scene, CONTROL, number)


async def _stopped(scene: Scene, queue: str, number: int) -> tuple[int, float]:
    """Another worker is started for the queue of the one that is stopped. How much journals held then, and when."""
    await scene.trains()
    await scene.look()
    old = scene.stand.workers.pop(queue)
    scene.stand.workers[f"frozen.{queue}.{number}"] = old
    old.process.send_signal(signal.SIGSTOP)
    size, died = written(scene.stand.layout(scene.run)), time.time()
    scene.stand.work(queue)
    return size, died


async def _back(scene: Scene, queue: str, number: int) -> None:
    name = f"frozen.{queue}.{number}"
    scene.stand.workers[name].process.send_signal(signal.SIGCONT)
    await asyncio.sleep(BEYOND / 2)  # for it to write what it still can
    await scene.stand.end(name)


async def cut_off(scene: Scene, times: int) -> None:
    """A worker's connection is blocked until it is taken for dead; it goes on as if nothing were, and then is back."""
    stand = scene.stand
    for number in range(times):
        proxy = Proxy(stand.server.port)
        stand.address, count = await proxy.start(), attempts(scene)
        await scene.trains()
        await stand.end(GPU)
        stand.work(GPU)
        stand.address = None
        await begun(scene, count)
        await scene.trains()
        await scene.look()
        stand.workers[f"cut.{number}"] = stand.workers.pop(GPU)
        count, died = attempts(scene), time.time()
        proxy.cut()
        stand.work(GPU)
        scene.tries.tried += 1
        scene.tries.since_death.append(await begun(scene, count) - died)
        proxy.mend()
        await asyncio.sleep(BEYOND / 2)  # for it to write what it still can
        await stand.end(f"cut.{number}")
        await proxy.close()


def attempts(scene: Scene) -> int:
    return len(list((scene.stand.layout(scene.run).folder / "journals").glob("*/a*.jsonl")))


async def begun(scene: Scene, count: int) -> float:
    """When a further attempt began, in seconds since the epoch."""
    until = time.time() + GOES_ON
    while attempts(scene) <= count:
        assert time.time() < until, f"no further attempt began within {GOES_ON:.0f} s"
        await asyncio.sleep(LOOK)
    return time.time()


async def second_worker(scene: Scene, times: int) -> None:
    """Of two workers one is killed: the other takes its work over by itself."""
    stand = scene.stand
    for number in range(times):
        await scene.trains()
        stand.work(GPU, name=f"second.{number}")
        size, died = await scene.look(), time.time()
        await stand.end(GPU, signal.SIGKILL)
        await scene.goes_on(size, died)
        stand.workers[GPU] = stand.workers.pop(f"second.{number}")


async def delivering(scene: Scene, times: int) -> None:
    """Workers are killed in turn while the run estimates, trains once more, checks and packs what it delivers."""
    stand = scene.stand
    for number in range(times):
        if not await _delivers(scene):
            return
        await scene.look()
        queue, died = (GPU, CONTROL)[number % 2], time.time()
        await stand.end(queue, signal.SIGKILL)
        returned = time.time()
        stand.work(queue)
        await scene.answers(died, returned)


async def _delivers(scene: Scene) -> bool:
    """True once the run delivers; False if it has ended by then."""
    while True:
        state = await scene.stand.state(scene.run)
        if state.phase not in ("PREPARING", "EXPLORING"):
            return state.ended is None
        await asyncio.sleep(LOOK)


FAULTS: dict[str, Fault] = {
    "worker killed at a planned moment": workers_killed,
    "server killed": server_killed,
    "server and workers killed at once": all_killed,
    RESTART: machine_restarted,
    "worker told to end (SIGTERM)": told_to_end,
    "worker frozen, then back": frozen,
    "control worker frozen, then back": steering_frozen,
    "worker cut off, then back": cut_off,
    "one of two workers killed": second_worker,
    "worker killed while it delivers": delivering,
}


async def staged(faults: Mapping[str, int], home: Path, task: Path, *, minutes: float, seed: int) -> list[Tries]:
    """One run, broken so many times by each of these faults in turn, to its end. What was lost is the whole run's."""
    stand = await Stand.up(home)
    try:
        run = await stand.run(task, "--minutes", minutes, "--candidates", 2)
        chance, before, done = random.Random(seed), list[Seen](), list[Tries]()
        for fault, times in faults.items():
            scene = Scene(stand, run, chance, Tries(fault, times), before)
            await FAULTS[fault](scene, times)
            done.append(scene.tries)
        state = await stand.ended(run, minutes * 60 + 300)
        loss = judged.loss(stand.layout(run), before, await stand.ledger(run), faults.get(RESTART, 0))
        for tries in done:
            tries.loss, tries.ended = loss, f"{state.phase}: {state.why}"
            tries.delivered = state.phase == "DONE" and state.verified is True
        assert (await stand.shell("history", run, "--verify")).code == 0, "the history does not verify"
        return done
    finally:
        await stand.down()
