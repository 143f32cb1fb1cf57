"""What the agent's loop and its journal cost beside the model: `python -m ops.bench_loop [FOLDER]`.

A coder's session of 40 turns and a manager's 300th turn, with a model that answers at once, a journal and a purse on a
real disk. FOLDER, by default a temporary one, says which disk.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import structlog
from pydantic import BaseModel

from activities.agent.context import characters
from activities.agent.doing import Doing
from activities.agent.journal import FileJournal, opening
from activities.agent.journaled import Journaled
from activities.agent.limits import Limits
from activities.agent.live import Live
from activities.agent.loop import converse
from activities.agent.outages import Mind
from activities.agent.purse import Purse, Purses
from activities.assignment import Equipment
from activities.execution.jobs import LocalJobs
from activities.manager import take_turn
from activities.models.scripted import calls
from activities.past import Pasts
from activities.tools.base import Call, Done, Tool, Toolbox
from schemas.base import RunRef
from schemas.budget import Usage
from schemas.job import Limits as JobLimits
from schemas.message import Message, ModelRequest, Reply, TextBlock
from schemas.metric import Direction, Metric
from schemas.role import Caps, ModelChoice
from schemas.state import Board, ManageRequest
from schemas.task import Split, Task
from schemas.tool import EditFile, ReadFile, WriteFile

NAME = "claude-opus-5-5"
TURNS, MANAGED = 40, 300
CAPS = Caps(dollars=1_000.0, tokens=10**12)
RMSE = Metric(name="rmse", direction=Direction.LOWER, predicts="value")
CODE = "".join(f"def part_{number}(rows):\n    return [row * {number} for row in rows]\n" for number in range(90))


class Nothing(BaseModel):
    pass


class Instant:
    """Says its script, and the size of what it was sent. `calls` are the moments when it was asked and had answered."""

    def __init__(self, script: Sequence[Reply]) -> None:
        self._script = iter(script)
        self.calls: list[tuple[float, float]] = []

    async def ask(self, request: ModelRequest) -> Reply:
        began = time.perf_counter()
        usage = Usage(cache_read_tokens=characters(request.messages) // 4, output_tokens=400)
        reply = next(self._script).model_copy(update={"usage": usage, "dollars": 0.01})
        self.calls.append((began, time.perf_counter()))
        return reply

    @property
    def seconds(self) -> float:
        """That it took itself."""
        return sum(answered - asked for asked, answered in self.calls)


async def coder(folder: Path) -> list[float]:
    """Milliseconds from one reply of the model to the next call."""
    steps = (
        calls(("read_file", {"path": "train.py"}), ("read_file", {"path": "PLAN.md"}), text="I look at the code."),
        calls(("edit_file", {"path": "train.py", "old": "a", "new": "b"}), text="A smaller step."),
        calls(("write_file", {"path": "train.py", "text": CODE}), text="The features, once more."),
        calls(("check", {}), text="Now the check."),
    )
    model = Instant([*(steps[place % len(steps)] for place in range(TURNS)), calls(("report", {}))])
    limits = Limits(deadline=datetime.now(UTC) + timedelta(hours=1), max_turns=TURNS * 2)
    first = Message(role="user", content=(TextBlock(text="The task. " * 400),))
    journal = await FileJournal.open(folder / "journals" / "coder.1.1", 1, first, now=limits.now)

    async def no_tree() -> None:
        return None

    live = Live(
        invocation="coder.1.1",
        minds=(Mind(NAME, model),),
        system="You are the coder. " * 600,
        toolbox=Toolbox(_tools()),
        limits=limits,
        doing=Doing(),
        snapshot=no_tree,
        purse=Purse(folder / "purse.jsonl", CAPS),
    )
    await converse(Journaled(live, journal), [opening(journal.records)])
    journal.close()
    return [1000 * (asked - answered) for (_, answered), (asked, _) in pairwise(model.calls)]


async def manager(folder: Path) -> tuple[list[float], float]:
    """Milliseconds of each turn, and of the last if a process takes it that has just begun."""
    pasts, purses, spent = Pasts(), Purses(), []
    for turn in range(1, MANAGED + 1):
        spent.append(await _managed(folder, turn, pasts, purses))
    return spent, await _managed(folder, MANAGED + 1, Pasts(), Purses())


async def _managed(folder: Path, turn: int, pasts: Pasts, purses: Purses) -> float:
    decide = calls(("tune", {"candidate": 1, "minutes": 5, "brief": "Go on. " * 60}), text="It promises. " * 30)
    model = Instant([decide] * 3)
    equipment = Equipment(
        model=model,
        purse=purses.of(folder / "purse.jsonl", CAPS),
        jobs=LocalJobs(folder=folder / "jobs", home=folder, devices=(), sandbox="none"),
        job_limits=JobLimits(),
        home=folder,
        devices=(),
        sandbox="none",
        doing=Doing(),
    )
    began = time.perf_counter()
    await take_turn(_request(folder, turn), equipment, pasts)
    return 1000 * (time.perf_counter() - began - model.seconds) / len(model.calls)


def _request(folder: Path, turn: int) -> ManageRequest:
    board = Board(
        phase="EXPLORING",
        candidates=(),
        max_candidates=3,
        max_designs=6,
        in_flight=(),
        slots=1,
        leader=None,
        seconds_to_explore=300.0,
        seconds_left=500.0,
    )
    return ManageRequest(
        run=RunRef(id="run", folder=str(folder)),
        invocation=f"manager.{turn}",
        turn=turn,
        model=ModelChoice(name=NAME),
        task=_task(),
        board=board,
        deadline=datetime.now(UTC) + timedelta(hours=1),
        caps=CAPS,
    )


def _task() -> Task:
    return Task(
        name="houses",
        kind="regression",
        metric=RMSE,
        split=Split(kind="random"),
        train="train.csv",
        test="test.csv",
        id="id",
        targets=("price",),
        prediction_columns=("id", "price"),
        rows=4_000,
        test_rows=400,
    )


def _tools() -> tuple[Tool, ...]:
    async def read(_given: ReadFile, _call: Call) -> Done:
        return Done(CODE)

    async def write(given: WriteFile, _call: Call) -> Done:
        return Done(f"written: {given.path}")

    async def edit(given: EditFile, _call: Call) -> Done:
        return Done(f"edited: {given.path}")

    async def check(_given: Nothing, _call: Call) -> Done:
        return Done("passed\n" * 100)

    async def report(_given: Nothing, _call: Call) -> Done:
        return Done("reported", ends=True)

    return (
        Tool("read_file", "Reads a file.", ReadFile, read, reads_only=True),
        Tool("write_file", "Writes a file.", WriteFile, write),
        Tool("edit_file", "Changes a file.", EditFile, edit),
        Tool("check", "Checks the code.", Nothing, check),
        Tool("report", "Ends the work.", Nothing, report),
    )


def _told(what: str, spent: Sequence[float]) -> str:
    return f"{what}: median {median(spent):.1f} ms, 90 % below {quantiles(spent, n=10)[-1]:.1f} ms"


async def _main(folder: Path) -> None:
    print(_told(f"coder, {TURNS} turns, for each call of the model", await coder(folder / "coder")))
    turns, anew = await manager(folder / "manager")
    print(_told(f"manager, turns {MANAGED - 19} to {MANAGED}, for each call", turns[-20:]))
    print(f"manager, turn {MANAGED + 1}, in a process that has just begun: {anew:.0f} ms")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        asyncio.run(_main(Path(folder)))
