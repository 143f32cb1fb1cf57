"""The agent that remembers: what its journal holds is never asked for or done again."""

import asyncio
import time
from collections.abc import Sequence
from itertools import groupby

from activities.agent.journal import Journal
from activities.agent.limits import LimitReached
from activities.agent.live import Live
from activities.agent.records import Asking, JournalRecord, Replied, Result, Unanswered
from schemas.message import Message, Reply, ToolUseBlock


class Journaled:
    """Around a live agent. Turns and tool calls are counted as the conversation goes, so that a count names each."""

    def __init__(self, live: Live, journal: Journal) -> None:
        self._live = live
        self._journal = journal
        self._replies = {record.turn: record.reply for record in journal.records if isinstance(record, Replied)}
        self._results = {record.number: record for record in journal.records if isinstance(record, Result)}
        self.turns = 0
        self.replies = 0
        self._calls = 0

    async def ask(self, messages: Sequence[Message]) -> Reply:
        """The journaled reply, or a new one, which is on disk before it is returned."""
        self.turns += 1
        reply = self._replies.get(self.turns) or await self._asked(messages)
        self.replies += 1
        return reply

    async def _asked(self, messages: Sequence[Message]) -> Reply:
        await self._live.limits.until_released()
        self._live.limits.admit(self.turns)
        await self._journal.append(Asking(at=self._live.limits.now(), turn=self.turns))
        began = time.monotonic()
        try:
            reply = await self._live.ask(self.turns, messages)
        except LimitReached:  # it was asked, and may be paid for: lost, as if the process had died
            raise
        except Exception as error:
            await self._journal.append(Unanswered(turn=self.turns, error=f"{type(error).__name__}: {error}"[:400]))
            raise
        await self._journal.append(Replied(turn=self.turns, reply=reply, seconds=time.monotonic() - began))
        return reply

    async def act(self, calls: Sequence[ToolUseBlock]) -> tuple[Result, ...]:
        """Calls that only read run side by side; any other waits for those before it, and runs alone."""
        numbered = [(self._calls + place, call) for place, call in enumerate(calls, 1)]
        self._calls += len(numbered)
        results: list[Result] = []
        for reading, group in groupby(numbered, key=lambda pair: self._live.toolbox.reads_only(pair[1].name)):
            pairs = list(group)
            results += await self._side_by_side(pairs) if reading else [await self._once(*pair) for pair in pairs]
        return tuple(results)

    async def _side_by_side(self, pairs: Sequence[tuple[int, ToolUseBlock]]) -> list[Result]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._once(*pair)) for pair in pairs]
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # callers know errors by their own type
        return [task.result() for task in tasks]

    async def _once(self, number: int, call: ToolUseBlock) -> Result:
        recalled = self._results.get(number)
        if recalled is not None:
            return recalled
        result = await self._live.use(number, call)
        await self._journal.append(result)
        return result


class Recalled:
    """An agent that only remembers: it says and does again what a journal holds, and ends where that ends."""

    def __init__(self, records: Sequence[JournalRecord]) -> None:
        self._replies = iter([record.reply for record in records if isinstance(record, Replied)])
        self._results = {record.number: record for record in records if isinstance(record, Result)}
        self._calls = 0

    async def ask(self, messages: Sequence[Message]) -> Reply:  # noqa: ARG002
        reply = next(self._replies, None)
        if reply is None:
            raise LimitReached("the journal ends here")
        return reply

    async def act(self, calls: Sequence[ToolUseBlock]) -> tuple[Result, ...]:
        first, self._calls = self._calls + 1, self._calls + len(calls)
        numbers = range(first, self._calls + 1)
        if any(number not in self._results for number in numbers):
            raise LimitReached("the journal ends here")
        return tuple(self._results[number] for number in numbers)
