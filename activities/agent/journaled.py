"""The agent that remembers: what its journal holds is never asked for or done again."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

from activities.agent.calling import Calls, Question
from activities.agent.journal import Journal
from activities.agent.keeping import Keeping, Known
from activities.agent.limits import LimitReached
from activities.agent.live import Live
from activities.agent.outages import Mind
from activities.agent.records import Condensed, JournalRecord, Part, Replied, Result
from activities.errors import Impossible
from activities.models.base import TooLong
from schemas.message import Message, Reply, ToolUseBlock

SIZES = (16_000, 32_000, 64_000)  # tokens of a reply: one that is cut off is asked for again, larger

SUMMED_UP = ("end_turn", "stop_sequence", "max_tokens")  # else its words lead to a tool or a search, or are none


class Journaled:
    """Around a live agent. Turns and tool calls are counted as the conversation goes, so that a count names each."""

    def __init__(self, live: Live, journal: Journal, known: Known | None = None) -> None:
        self._live = live
        self._journal = journal
        self._calls = Calls(live, journal)
        self._keeping = Keeping(live, journal, known or Known())
        self._replied = {record.turn: record for record in journal.records if isinstance(record, Replied)}
        self._results = {record.number: record for record in journal.records if isinstance(record, Result)}
        self._acted: tuple[int, ...] = ()  # the numbers of the calls that the last message answers
        self.turns = 0  # calls of models that were answered
        self.replies = 0  # those that belong to the conversation
        self._used = 0
        self._sizes = sizes(live.window)

    async def ask(self, messages: Sequence[Message]) -> Reply:
        """The journaled reply, or a new one, which is on disk before it is returned.

        One that is cut off is asked for again, larger; one that is refused, of the fallback; what does not fit is cut
        down. Raises Impossible where every model refuses, or the conversation does not fit even in short.
        """
        self._keeping.numbered(len(messages) - 1, self._acted)
        self._acted = ()
        await self._make_room(messages)
        size, refused = 0, dict[str, str]()
        while (replied := await self._said(messages, self._sizes[size], refused)) is None or replied.part != "said":
            if replied is None or replied.reply.stop_reason == "context_window":
                await self._squeeze(messages, replied=replied is not None)
            elif replied.reply.stop_reason == "refusal":
                refused[replied.asked or self._live.minds[0].name] = _refusal(replied.reply)
            else:
                size = min(size + 1, len(self._sizes) - 1)
        self.replies += 1
        self._keeping.answered(messages, replied)
        return replied.reply

    async def act(self, reply: Reply) -> tuple[Result, ...]:
        """Calls that only read run side by side; any other waits for those before it, and runs alone."""
        first, self._used = self._used + 1, self._used + len(reply.tool_uses)
        numbered = list(enumerate(reply.tool_uses, first))
        results: list[Result] = []
        for reading, group in groupby(numbered, key=lambda pair: self._live.toolbox.reads_only(pair[1].name)):
            calls = [(number, call, reply.unparsed.get(call.id)) for number, call in group]
            results += await self._side_by_side(calls) if reading else [await self._once(*call) for call in calls]
        self._acted = tuple(number for number, _ in numbered)
        return tuple(results)

    async def _make_room(self, messages: Sequence[Message]) -> None:
        """Condenses a conversation that has outgrown its limit, or goes on with what an older attempt began."""
        recalled = self._replied.get(self.turns + 1)
        if recalled is None and (fewer := self._keeping.fewer_pictures(messages, self.turns)):
            await self._keeping.keep(fewer)
        if recalled is None and self._keeping.crowded(messages):
            cleared = self._keeping.cleared(messages, self.turns)
            await self._keeping.keep(cleared or await self._summed_up(messages))
        elif recalled is not None and recalled.part == "summary":
            await self._keeping.keep(await self._summed_up(messages))

    async def _summed_up(self, messages: Sequence[Message]) -> Condensed:
        """By the model itself, which is asked as ever, so that its cache is read."""
        replied = await self._reply(
            self._live.minds, self._sizes[0], lambda: self._keeping.asked_to_sum_up(messages), lambda _reply: "summary"
        )
        told = replied is not None and replied.reply.stop_reason in SUMMED_UP
        return self._keeping.summed_up(messages, self.turns, replied.reply.text if replied and told else "")

    async def _squeeze(self, messages: Sequence[Message], *, replied: bool) -> None:
        """Makes smaller what does not fit, unless an older attempt did so after the reply that said it."""
        if not (replied and self._keeping.recalled(self.turns)):
            await self._keeping.keep(self._keeping.squeezed(messages, self.turns))

    async def _said(self, messages: Sequence[Message], size: int, refused: dict[str, str]) -> Replied | None:
        minds = [mind for mind in self._live.minds if mind.name not in refused]
        if not minds:
            raise Impossible("; ".join(f"{name} {why}" for name, why in refused.items()))

        def part(reply: Reply) -> Part:
            cut = reply.stop_reason == "max_tokens" and size < self._sizes[-1]
            return "void" if cut or reply.stop_reason in ("refusal", "context_window") else "said"

        why = refused.get(self._live.minds[0].name, "")
        return await self._reply(minds, size, lambda: self._keeping.sent(messages), part, why)

    async def _reply(
        self,
        minds: Sequence[Mind],
        size: int,
        messages: Callable[[], Sequence[Message]],
        part: Callable[[Reply], Part],
        why: str = "",
    ) -> Replied | None:
        """The next reply, recalled or new; None if the conversation is too long."""
        turn = self.turns + 1
        replied = self._replied.get(turn)
        if replied is None:
            sent = messages()
            try:
                asked = Question(turn, minds, lambda name: self._live.request(turn, name, sent, size), part, why)
                replied = await self._calls.reply(asked)
            except TooLong:
                return None
        self.turns = turn
        return replied

    async def _side_by_side(self, calls: Sequence[tuple[int, ToolUseBlock, str | None]]) -> list[Result]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._once(*call)) for call in calls]
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # callers know errors by their own type
        return [task.result() for task in tasks]

    async def _once(self, number: int, call: ToolUseBlock, unparsed: str | None) -> Result:
        recalled = self._results.get(number)
        if recalled is not None:
            return recalled
        result = await self._live.use(number, call, unparsed)
        await self._journal.append(result)
        return result


class Recalled:
    """An agent that only remembers: it says and does again what a journal holds, and ends where that ends."""

    def __init__(self, records: Sequence[JournalRecord]) -> None:
        replied = [record for record in records if isinstance(record, Replied)]
        self._replies = iter([record.reply for record in replied if record.part == "said"])
        self._results = {record.number: record for record in records if isinstance(record, Result)}
        self._used = 0

    async def ask(self, messages: Sequence[Message]) -> Reply:  # noqa: ARG002 - the protocol's
        reply = next(self._replies, None)
        if reply is None:
            raise LimitReached("the journal ends here")
        return reply

    async def act(self, reply: Reply) -> tuple[Result, ...]:
        first, self._used = self._used + 1, self._used + len(reply.tool_uses)
        numbers = range(first, self._used + 1)
        if any(number not in self._results for number in numbers):
            raise LimitReached("the journal ends here")
        return tuple(self._results[number] for number in numbers)


def _refusal(reply: Reply) -> str:
    return f"refused to go on: {(reply.explanation or reply.text)[:400] or 'it gave no reason'}"


def sizes(window: int | None) -> tuple[int, ...]:
    """Of replies; those of a small model leave half of its window to what it reads."""
    return SIZES if window is None else tuple(dict.fromkeys(min(size, window // 2) for size in SIZES))
