"""A small agent with real files: it reads, writes, runs a job that is known by its id, and reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from activities.agent.doing import Doing
from activities.agent.journal import FileJournal, Journal, last_tree, opening
from activities.agent.journaled import Journaled
from activities.agent.limits import Limits, utc_now
from activities.agent.live import Live
from activities.agent.loop import converse
from activities.agent.outages import Mind
from activities.agent.records import JournalRecord, Result
from activities.errors import ToolFailed
from activities.models.base import Model
from activities.tools.base import Call, Done, Tool, Toolbox
from activities.workspace.repository import Repository
from schemas.base import Input
from schemas.message import Message, TextBlock
from schemas.tool import Image

OPENING = Message(role="user", content=(TextBlock(text="begin"),))


class Write(Input):
    name: str
    text: str


class Place(Input):
    place: int


class Nothing(Input):
    pass


class Killed(BaseException):
    """The process dies here."""


class Fragile:
    """A journal whose process dies at its n-th own record: before that is written, or right after."""

    def __init__(self, journal: FileJournal, at: int, *, written: bool) -> None:
        self._journal = journal
        self._left = at
        self._written = written

    @property
    def records(self) -> tuple[JournalRecord, ...]:
        return self._journal.records

    async def append(self, record: JournalRecord) -> None:
        self._left -= 1
        last = self._left == 0
        if self._left > 0 or (last and self._written):
            await self._journal.append(record)
        if last or self._left < 0:  # nothing is written by the dead
            raise Killed


@dataclass
class World:
    """What outlives attempts: the folder, jobs by id, and counts of what was really done."""

    folder: Path
    model: Model
    started: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    doing: Doing = field(default_factory=Doing)
    fallbacks: tuple[Mind, ...] = ()
    system: str = ""
    more: dict[str, Any] = field(default_factory=dict)  # of the agent's own settings
    limits: Limits = field(default_factory=lambda: Limits(utc_now() + timedelta(minutes=5), max_turns=20))

    async def attempt(
        self, number: int = 1, *, die_at: int | None = None, written: bool = False, silence_ends: bool = False
    ) -> tuple[Result, ...]:
        """One attempt, to its end or its death."""
        repository = Repository(self.folder / "run.git")
        await repository.init()
        real = await FileJournal.open(self.folder / "journal", number, OPENING, now=lambda: datetime.now(UTC))
        journal: Journal = real if die_at is None else Fragile(real, die_at, written=written)
        worktree = self.folder / f"worktree.{number}"
        await repository.checkout(last_tree(real.records) or await repository.empty(), worktree)
        live = Live(
            invocation="coder.1.1",
            minds=(Mind("scripted", self.model), *self.fallbacks),
            system=self.system,
            toolbox=Toolbox(self._tools(worktree)),
            limits=self.limits,
            doing=self.doing,
            snapshot=lambda: repository.snapshot(worktree),
            attempt=number,
            readable=True,
            **self.more,
        )
        try:
            self.said = [opening(real.records)]
            return await converse(Journaled(live, journal), self.said, silence_ends=silence_ends)
        finally:
            self.files = {path.name: path.read_text() for path in worktree.iterdir()}
            real.close()

    def _tools(self, worktree: Path) -> Sequence[Tool]:
        async def write(given: Write, _call: Call) -> Done:
            self.used.append(f"write {given.name}")
            (worktree / given.name).write_text(given.text)
            return Done(given)

        async def look(_given: Nothing, call: Call) -> Done:
            self.used.append(f"look {call.number}")
            return Done(" ".join(sorted(path.name for path in worktree.iterdir())) or "nothing")

        async def work(_given: Nothing, call: Call) -> Done:
            if call.job not in self.started:  # as a supervisor would: started, or found
                self.started.append(call.job)
            return Done(f"{call.job} ended")

        async def fail(_given: Nothing, _call: Call) -> Done:
            raise ToolFailed("mend this")

        async def crash(_given: Nothing, _call: Call) -> Done:
            raise OSError("the disk is gone")

        async def read(given: Place, _call: Call) -> Done:
            return Done(f"{given.place} " + "y" * 6_000)

        async def picture(_given: Nothing, _call: Call) -> Done:
            return Done("a curve", images=(Image(media_type="image/png", data="aGk="),))

        async def report(given: BaseModel, _call: Call) -> Done:
            return Done(given, ends=True)

        return (
            Tool("write", "", Write, write),
            Tool("look", "", Nothing, look, reads_only=True),
            Tool("work", "", Nothing, work),
            Tool("fail", "", Nothing, fail),
            Tool("crash", "", Nothing, crash),
            Tool("read", "", Place, read, reads_only=True),
            Tool("picture", "", Nothing, picture, reads_only=True),
            Tool("report", "", Nothing, report),
        )
