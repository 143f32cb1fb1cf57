"""Conversations of the agent's loop with the strict server: what is said there, who takes part, what must hold."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from activities.agent.context import SUMMARISE
from activities.agent.journal import read
from activities.agent.limits import Limits, utc_now
from activities.agent.outages import Backoff, Mind
from activities.models.base import Model
from activities.models.claude.address import Address
from activities.models.claude.client import Claude
from activities.models.claude.connect import SILENCE, connect
from schemas.message import ModelRequest, Reply
from tests.agent.world import World
from tests.strict.answers import Answer, answer
from tests.strict.faults import PASSING
from tests.strict.minds import ScriptMind, Thoughtful
from tests.strict.prompt import Json
from tests.strict.raw import use
from tests.strict.server import Serve, StrictServer
from tests.strict.service import Service
from tests.strict.spoilt import unspoilt

MODEL = "claude-opus-5-5"
LONG = "y" * 6_000
PASSED = "|".join(kind.replace("rate_limit:1", "rate_limit:0") for kind in PASSING)
"""Every kind of fault that passes, each in its turn, and none that asks for patience."""
IN_SHORT = re.compile(r"called (?:read|write) with \{'(?:place': |name': 'f)(\d+)")


def heard(body: Json) -> int:
    """The place of the last call that was answered, by its own number, whatever else was cut from the conversation."""
    text = str(unspoilt(body["messages"])).replace("\\", "")
    known = [n for n in range(100) if f"toolu_{n}'" in text or f"number {n} " in text]
    return max([*known, *map(int, IN_SHORT.findall(text))], default=-1)


def summing_up(body: Json) -> bool:
    """Whether the conversation is about to be cut, and the model is to write it down in short."""
    return bool(body["messages"][-1]["content"][-1].get("text") == SUMMARISE)


def session(turns: int) -> Callable[[Json], Answer]:
    """Calls with long results, then as many with long arguments, then the report."""

    def said(body: Json) -> Answer:
        number = heard(body) + 1
        if summing_up(body):
            return answer([{"type": "text", "text": f"I called number {number - 1} last, and report after {turns}."}])
        if number >= turns:
            return answer([use(f"toolu_{number}", "report")])
        if number < turns // 2:
            return answer([use(f"toolu_{number}", "read", place=number)])
        return answer([use(f"toolu_{number}", "write", name=f"f{number}", text=LONG)])

    return said


def written(turns: int) -> list[str]:
    """What a session of so many turns does, whatever goes wrong on its way."""
    return [f"write f{n}" for n in range(turns // 2, turns)]


@dataclass(frozen=True)
class Named:
    """A model that is asked under its own name, whatever the world calls it."""

    name: str
    model: Model

    async def ask(self, request: ModelRequest) -> Reply:
        return await self.model.ask(request.model_copy(update={"model": self.name}))


@dataclass
class Agents:
    """Makes agents whose models are asked at a strict server of their own."""

    folder: Path
    serve: Serve
    environment: pytest.MonkeyPatch
    made: list[Claude] = field(default_factory=list)

    def __call__(
        self, script: Callable[[Json], Any], faults: str = "", *, fallback: str = "", **more: Any
    ) -> tuple[World, StrictServer]:
        """With `web_searches`, the model searches once at first."""
        mind = Thoughtful(ScriptMind(script), searches=True)
        return self.at(self.serve(Service(mind, faults=faults)), fallback=fallback, **more)

    def at(
        self, server: StrictServer, *, fallback: str = "", silence: float = SILENCE, **more: Any
    ) -> tuple[World, StrictServer]:
        """`silence`: seconds of it, after which a reply is given up."""
        self.environment.setenv("ANTHROPIC_BASE_URL", server.url)
        self.environment.setenv("ANTHROPIC_API_KEY", "a-key")
        others = (Mind(fallback, self.model(fallback)),) if fallback else ()
        settings = {"backoff": Backoff(0.01, 0.02)} | more
        world = World(self.folder, Named(MODEL, self.model(MODEL, silence)), fallbacks=others, more=settings)
        world.limits = Limits(utc_now() + timedelta(minutes=2), max_turns=200)
        return world, server

    def model(self, name: str, silence: float = SILENCE) -> Claude:
        address = Address.of(name)
        assert address is not None
        self.made.append(Claude(address, lambda address: connect(address, silence)))
        return self.made[-1]

    async def close(self) -> None:
        for model in self.made:
            await model.close()


def journaled(world: World, kind: type) -> list[Any]:
    return [record for record in read(world.folder / "journal") if isinstance(record, kind)]


def models_asked(server: StrictServer) -> list[str]:
    """In order, each once for as long as it is asked."""
    return [name for name, _ in groupby(one.model for one in server.service.record.asked)]


def accepted(server: StrictServer) -> Json:
    """That no request was refused, and no whole reply asked for again."""
    counters = server.service.record.counters()
    assert counters["refused"] == {}
    assert counters["repeated"] == 0
    return counters


def sound(server: StrictServer) -> Json:
    """That nothing is wrong with any request, and no thinking was sent that is not read."""
    counters = accepted(server)
    assert counters["dropped_thinking"] == 0
    return counters
