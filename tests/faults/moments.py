"""The moments at which a worker kills itself: wrapped around the product's own functions, inside a real worker."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from schemas.base import Record

Moment = Literal["model call", "reply", "journal", "commit", "job", "scoring", "any"]
AGENTS: tuple[Moment, ...] = ("model call", "reply", "journal", "commit", "job", "scoring", "any")
STEERING: tuple[Moment, ...] = ("model call", "reply", "journal", "scoring", "any")
OFTEN: tuple[Moment, ...] = ("model call", "reply", "journal")
LATEST = 8.0  # seconds until a moment that may be any
LOOK = 0.05


class Plan(Record):
    """At the `nth` time that a process comes to the moment, it dies there."""

    moment: Moment
    nth: int
    seed: int


class Trap:
    """Armed once a plan lies at its path; then it counts how often the moment comes, and kills this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._plan: Plan | None = None
        self._left = 0
        self.chance = random.Random(0)
        threading.Thread(target=self._await_plan, daemon=True).start()

    def _await_plan(self) -> None:
        while not self._path.exists():
            time.sleep(LOOK)
        plan = Plan.model_validate_json(self._path.read_bytes())
        self.chance, self._left = random.Random(plan.seed), plan.nth
        self._plan = plan
        if plan.moment == "any":
            time.sleep(self.chance.uniform(0.0, LATEST))
            self.strike()

    def comes(self, moment: Moment) -> bool:
        """True once, at the planned time."""
        if self._plan is None or self._plan.moment != moment:
            return False
        self._left -= 1
        return self._left == 0

    def strike(self) -> None:
        """Says when, on disk, and dies."""
        with self._path.with_suffix(".struck").open("w") as file:
            json.dump(time.time(), file)
            file.flush()
            os.fsync(file.fileno())
        os.kill(os.getpid(), signal.SIGKILL)

    def strike_within(self, seconds: float) -> None:
        threading.Timer(self.chance.uniform(0.0, seconds), self.strike).start()


def lay(path: Path) -> None:
    """Lays the trap. To be called before the worker's own modules are imported, for they take functions by name."""
    from activities.agent import journal
    from activities.execution.jobs import LocalJobs
    from activities.models.playbook import Playbook
    from activities.tools.base import Toolbox
    from activities.workspace import scorer
    from activities.workspace.repository import Repository

    trap = Trap(path)
    _before(Playbook, "ask", trap, "model call")
    _before(Toolbox, "use", trap, "reply")
    _within(Repository, "snapshot", trap, "commit", 0.05)
    _within(LocalJobs, "wait", trap, "job", 3.0)
    _within(scorer, "_asked", trap, "scoring", 0.5)
    _torn(journal, trap)


def _before(owner: Any, name: str, trap: Trap, moment: Moment) -> None:
    """Dies as the function is entered."""
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def wrapped(*args: Any, **named: Any) -> Any:
        if trap.comes(moment):
            trap.strike()
        return await real(*args, **named)

    setattr(owner, name, wrapped)


def _within(owner: Any, name: str, trap: Trap, moment: Moment, seconds: float) -> None:
    """Dies while the function is at work, or soon after."""
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def wrapped(*args: Any, **named: Any) -> Any:
        if trap.comes(moment):
            trap.strike_within(seconds)
        return await real(*args, **named)

    setattr(owner, name, wrapped)


def _torn(journal: Any, trap: Trap) -> None:
    """A part of a journal's line is on disk when the process dies."""
    real = journal._write

    def write(file: int, line: bytes) -> None:
        if trap.comes("journal"):
            os.write(file, line[: trap.chance.randrange(len(line))])
            os.fsync(file)
            trap.strike()
        real(file, line)

    journal._write = write
