"""The manager's conversation before a turn: every earlier turn that ended, as it was said."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from activities.agent.journal import aside, ended, opening, read
from activities.agent.journaled import Recalled
from activities.agent.keeping import Known, Size, size_of
from activities.agent.limits import LimitReached
from activities.agent.loop import answer, converse
from activities.agent.records import Condensed, JournalRecord, Replied
from activities.workspace.layout import Layout
from schemas.message import Message, TextBlock, ToolResultBlock, ToolUseBlock
from schemas.state import ManageRequest

MOST_RUNS = 8  # whose pasts a process keeps


@dataclass(frozen=True)
class Past:
    """`answers` are what is known of the last reply's tool calls, `asides` tell of looks that this knows nothing of.

    `turns` is how many were taken in, those that are left out too.
    """

    messages: tuple[Message, ...] = ()
    answers: Mapping[str, ToolResultBlock] = field(default_factory=dict)
    asides: tuple[str, ...] = ()
    known: Known = field(default_factory=Known)
    turns: int = 0

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
    """The past with one more turn. Of one that failed, or was no part of it, what it was told counts all the same."""
    if not records:
        return past
    if aside(records) or ended(records) is None:
        told = replace(past, answers={**past.answers, **_answers(opening(records))})
        return replace(told, asides=(*past.asides, _tale(records))) if aside(records) else told
    messages = [*past.messages, opening(records)]
    answers = await _said_again(records, messages)
    condensed = (record for record in records if isinstance(record, Condensed))
    known = Known((*past.known.condensed, *condensed), _size(records, messages, past.known.size))
    return replace(past, messages=tuple(messages), answers=answers, asides=(), known=known)


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


def _answers(message: Message) -> dict[str, ToolResultBlock]:
    """What a turn was told of earlier decisions: as results, or in its request if it is of another conversation."""
    request = _request(message)
    told = {
        one.tool_use: ToolResultBlock(tool_use_id=one.tool_use, content=one.text, is_error=one.refused)
        for one in (request.answers if request else ())
    }
    return told | {block.tool_use_id: block for block in message.content if isinstance(block, ToolResultBlock)}


def _tale(records: Sequence[JournalRecord]) -> str:
    """What a look aside saw and decided, for the conversation that it was no part of."""
    request, end = _request(opening(records)), ended(records)
    if request is None:
        return ""
    events = json.dumps([event.model_dump(mode="json") for event in request.happenings], ensure_ascii=False)
    lines = [f"Turn {request.turn} was taken aside, by {request.model.name}. It was told: {events}"]
    if end is not None and end.managed is not None:
        decided = json.dumps([one.model_dump(mode="json") for one in end.managed.decisions], ensure_ascii=False)
        lines.append(f"It decided: {decided}. {end.managed.thought}")
    return "\n".join(lines)


def _request(message: Message) -> ManageRequest | None:
    """The request in a turn's opening, where it is a block of JSON."""
    for block in message.content:
        if isinstance(block, TextBlock) and block.text.startswith('{"turn":'):
            return ManageRequest.model_validate(json.loads(block.text)["turn"])
    return None
