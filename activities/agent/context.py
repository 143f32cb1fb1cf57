"""What is sent of a conversation that has grown long: pure functions of what was said, and of journaled decisions.

The whole conversation only grows, and so does what is sent of it, between one `Condensed` and the next: caches and
thinking rest on an unchanged beginning. Where a message changes, later thinking blocks no longer fit, and are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from activities.agent.records import Cleared, Condensed
from schemas.message import AnyBlock, Message, OtherBlock, TextBlock, ToolResultBlock, ToolUseBlock

KEPT = 4  # results, the latest, that stay whole
LEAST = 1_000  # characters of a result that is worth clearing
HEAD = 400  # characters that stay of a cleared one
PICTURE = 6_000  # characters that cost about what a picture does
MOST_PICTURES = 100  # that the API takes in one request, of models with a small window
LONGEST_DIGEST = 20_000
THINKING = ("thinking", "redacted_thinking")

SUMMARISE = (
    "This conversation is about to be cut, to make room. Call no tool now. Write down all that you need in order to "
    "go on with the work as if nothing had been cut: what is asked and what people have said about it; what you did "
    "and what came of it, with the figures and the names of jobs and files; what failed, and why; how things stand; "
    "and what you meant to do next. Files keep what is in them, and can be read again."
)
CUT_HERE = "The conversation was cut here to make room. What you wrote down of it:\n\n"
DIGEST = "The conversation did not fit any more. Of what was said and called, in short:\n\n"


@dataclass(frozen=True)
class Outline:
    """Messages in their places, some of them changed; what comes before `start` is sent as `head`."""

    messages: list[Message]
    start: int = 0
    head: Message | None = None

    @property
    def sent(self) -> tuple[Message, ...]:
        """Without messages that nothing is left of, for the API takes none that is empty."""
        first = (self.head,) if self.head else ()
        return (*first, *(message for message in self.messages[self.start :] if message.content))


def outline(messages: Sequence[Message], condensed: Sequence[Condensed]) -> Outline:
    """The conversation after all that was decided about it so far."""
    changed = list(messages)
    start, head = 0, None
    for step in condensed:
        if step.summary:
            last = _as_text(changed[step.messages - 1], _names(changed, step.messages - 1))
            words = TextBlock(text=CUT_HERE + step.summary)
            head = Message(role="user", content=(*changed[0].content, words, *last))
            start = step.messages
        else:
            _clear(changed, step)
    return Outline(changed, start, head)


def unthinking(messages: Sequence[Message], until: int) -> list[Message]:
    """The conversation without the thinking of its first messages."""
    return [*map(_unthinking, messages[:until]), *messages[until:]]


def clearing(outlined: Outline, numbers: Mapping[int, Sequence[int]], *, keep: int, readable: bool) -> list[Cleared]:
    """What to say in the place of old results; `numbers` are those of the calls that a message answers.

    With `readable`, `calls/N.txt` holds what call N gave.
    """
    found = list(_results(outlined))
    old = [one for one in found[: max(len(found) - keep, 0)] if size(one.block) >= LEAST]
    return [_instead(outlined, one, numbers, readable) for one in old]


def clearing_pictures(outlined: Outline, numbers: Mapping[int, Sequence[int]], *, readable: bool) -> list[Cleared]:
    """The same for the oldest pictures, where there are more than may be sent: half may stay, so that it is rare."""
    there = pictures(outlined.sent)
    if there <= MOST_PICTURES:
        return []
    found: list[Cleared] = []
    for one in _results(outlined):
        if there > MOST_PICTURES // 2 and _pictures(one.block):
            there -= _pictures(one.block)
            found.append(_instead(outlined, one, numbers, readable))
    return found


def asking(sent: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation with a request for its summary at the end, before which nothing has changed."""
    last = sent[-1]
    return (*sent[:-1], Message(role="user", content=(*last.content, TextBlock(text=SUMMARISE))))


def digest(messages: Sequence[Message], condensed: Sequence[Condensed]) -> str:
    """A summary that takes no model: what was said and called, each in a line, the end kept."""
    known = next((step.summary for step in reversed(condensed) if step.summary), "")
    lines = [_line(block) for message in messages[1:] for block in message.content]
    text = "\n".join(filter(None, lines))[-LONGEST_DIGEST:]
    return "\n\n".join(filter(None, (known[:LONGEST_DIGEST], DIGEST + text)))


def size(block: AnyBlock) -> int:
    """Characters, with pictures at about what they cost."""
    match block:
        case TextBlock():
            return len(block.text)
        case ToolResultBlock(content=str() as text):
            return len(text)
        case ToolResultBlock(content=list() as parts):
            return sum(PICTURE if part.get("type") == "image" else len(str(part.get("text", ""))) for part in parts)
        case OtherBlock(type="image"):
            return PICTURE
    return len(block.model_dump_json())


def characters(messages: Sequence[Message]) -> int:
    return sum(size(block) for message in messages for block in message.content)


def pictures(messages: Sequence[Message]) -> int:
    return sum(_pictures(block) for message in messages for block in message.content)


@dataclass(frozen=True)
class _Placed:
    """A tool result that is sent, and where it stands."""

    message: int
    position: int
    block: ToolResultBlock


def _results(outlined: Outline) -> Iterator[_Placed]:
    """From the oldest to the latest."""
    for index in range(max(outlined.start, 1), len(outlined.messages)):
        for position, block in enumerate(outlined.messages[index].content):
            if isinstance(block, ToolResultBlock):
                yield _Placed(index, position, block)


def _pictures(block: AnyBlock) -> int:
    if isinstance(block, ToolResultBlock) and isinstance(block.content, list):
        return sum(part.get("type") == "image" for part in block.content)
    return int(block.type == "image")


def _instead(outlined: Outline, old: _Placed, numbers: Mapping[int, Sequence[int]], readable: bool) -> Cleared:
    known = numbers.get(old.message, ())
    number = known[old.position] if old.position < len(known) else None
    name = _names(outlined.messages, old.message).get(old.block.tool_use_id, "the tool")
    return Cleared(message=old.message, block=old.position, text=_cleared(old.block, name, number, readable))


def _clear(messages: list[Message], step: Condensed) -> None:
    for one in step.cleared:
        blocks = list(messages[one.message].content)
        old = blocks[one.block]
        assert isinstance(old, ToolResultBlock), "only results are cleared"
        blocks[one.block] = old.model_copy(update={"content": one.text})
        messages[one.message] = Message(role="user", content=tuple(blocks))
    first = min((one.message for one in step.cleared), default=step.messages)
    messages[first + 1 : step.messages] = map(_unthinking, messages[first + 1 : step.messages])


def _unthinking(message: Message) -> Message:
    if not any(block.type in THINKING for block in message.content):
        return message
    kept = tuple(block for block in message.content if block.type not in THINKING)
    return Message(role=message.role, content=kept)


def _cleared(block: ToolResultBlock, name: str, number: int | None, readable: bool) -> str:
    parts = block.content if isinstance(block.content, list) else [{"type": "text", "text": block.content}]
    text = "".join(str(part.get("text", "")) for part in parts)
    seen = _pictures(block)
    which = f"{name}, call {number}" if number else name
    what = f"{len(text):,} characters" + (f" and {seen} picture(s)" if seen else "")
    whole = (
        f"calls/{number}.txt holds the text: read_file shows it in parts."
        if readable and number and len(text) > HEAD
        else "Call the tool again, or read the file again, if you need it."
    )
    return f"{text[:HEAD]}\n[cleared to make room: {which} gave {what}. {whole}]"


def _names(messages: Sequence[Message], index: int) -> dict[str, str]:
    """The tools that a message answers, by the ids of the calls."""
    if index == 0:
        return {}
    return {block.id: block.name for block in messages[index - 1].content if isinstance(block, ToolUseBlock)}


def _as_text(message: Message, names: Mapping[str, str]) -> tuple[AnyBlock, ...]:
    """A user message whose results no longer answer anything: the same, told."""
    told: list[AnyBlock] = []
    for block in message.content if message.role == "user" else ():
        if not isinstance(block, ToolResultBlock):
            told.append(block)
            continue
        parts = block.content if isinstance(block.content, list) else [{"type": "text", "text": block.content}]
        text = "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
        failed = ", an error" if block.is_error else ""
        told.append(TextBlock(text=f"[what {names.get(block.tool_use_id, 'your call')} gave{failed}]\n{text}"))
        told += [OtherBlock.model_validate(part) for part in parts if part.get("type") == "image"]
    return tuple(told)


def _line(block: AnyBlock) -> str:
    match block:
        case TextBlock():
            return block.text[:600]
        case ToolUseBlock():
            return f"called {block.name} with {str(block.input)[:200]}"
        case ToolResultBlock(content=str() as text):
            return f"it gave {text[:200]}"
    return ""
