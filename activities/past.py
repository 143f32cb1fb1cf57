"""The manager's conversation before a turn: every earlier turn that ended, as it was said.

A turn that was taken aside is an invocation of another name, and so no part of it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from activities.agent.journal import ended, opening, read
from activities.agent.journaled import Recalled
from activities.agent.keeping import Known, Size, size_of
from activities.agent.limits import LimitReached
from activities.agent.loop import answer, converse
from activities.agent.records import Condensed, JournalRecord, Replied
from activities.workspace.layout import Layout
from schemas.message import Message, ToolResultBlock, ToolUseBlock

MOST_RUNS = 8  # whose pasts a process keeps


@dataclass(frozen=True)
class Past:
    """`answers` are what is known of the last reply's tool calls; `turns` counts what was taken in or left out.

    `earlier` is the past without its last turn.
    """

    messages: tuple[Message, ...] = ()
    answers: Mapping[str, ToolResultBlock] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    turns: int = 0
    earlier: "Past | None" = None

    @property
    def pending(self) -> tuple[ToolUseBlock, ...]:
        """Tool calls of the last reply, which the next message must answer."""
        last = self.messages[-1].content if self.messages and self.messages[-1].role == "assistant" else ()
        return tuple(block for block in last if isinstance(block, ToolUseBlock))


class Pasts:
    """The pasts that a process has read so far. Each is as the journals say, and is read again where it is missing."""

    def __init__(self) -> None:
        self._by_run: OrderedDict[str, Past] = OrderedDict()

    async def before(self, layout: Layout, turn: int) -> Past:
        name = str(layout.folder)
        past = self._by_run.pop(name, Past())
        if past.turns >= turn:
            past = Past()
        for number in range(past.turns + 1, turn):
            records = await asyncio.to_thread(read, layout.journals(f"manager.{number}"))
            past = replace(await _with(past, records), turns=number)
        self._by_run[name] = past
        while len(self._by_run) > MOST_RUNS:
            self._by_run.popitem(last=False)
        return past


async def _with(past: Past, records: Sequence[JournalRecord]) -> Past:
    """The past with one more turn. Of one that failed, only the answers that it was given count."""
    if not records:
        return past
    if ended(records) is None:
        given = (block for block in opening(records).content if isinstance(block, ToolResultBlock))
        return replace(past, answers={**past.answers, **{block.tool_use_id: block for block in given}})
    if past.earlier is not None and not _answers(opening(records), past.pending):
        # the turn before was said by an attempt that had been given up: this one knew nothing of it
        past = past.earlier
    messages = [*past.messages, opening(records)]
    answers = await _said_again(records, messages)
    condensed = (record for record in records if isinstance(record, Condensed))
    bound = frozenset(record.bound for record in records if isinstance(record, Replied))
    known = Known(
        condensed=(*past.known.condensed, *condensed),
        size=_size(records, messages, past.known.size),
        bound=(*past.known.bound, (len(messages), bound)),
    )
    return replace(past, messages=tuple(messages), answers=answers, known=known, earlier=replace(past, earlier=None))


def _answers(message: Message, calls: Sequence[ToolUseBlock]) -> bool:
    given = {block.tool_use_id for block in message.content if isinstance(block, ToolResultBlock)}
    return all(call.id in given for call in calls)


async def _said_again(records: Sequence[JournalRecord], messages: list[Message]) -> dict[str, ToolResultBlock]:
    """Repeats a turn from its journal. Its last answers are taken out, to be given with what became of decisions."""
    try:
        results = await converse(Recalled(records), messages, silence_ends=True)
    except LimitReached:  # the turn ended there, too
        return {}
    if not results:
        return {}
    messages.pop()
    return {result.tool_use: answer(result) for result in results if not result.ends}


def _size(records: Sequence[JournalRecord], messages: list[Message], before: Size) -> Size:
    said = [record.reply for record in records if isinstance(record, Replied) and record.part == "said"]
    if not said:
        return before
    earlier = messages[:-1] if messages[-1].role == "assistant" else messages
    return size_of(earlier, said[-1], before)
