"""The agent's loop: ask the model, act on what it calls for, append, until it reports.

Limits, journal, tracing, heartbeats and what becomes of replies that say nothing are around it: in the `Agent` that it
is given, and in who calls it.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from activities.agent.records import Result
from activities.errors import Impossible
from schemas.message import Message, OtherBlock, Reply, TextBlock, ToolResultBlock

PATIENCE = 3  # replies in a row that call for nothing

NUDGE = (
    "You neither called a tool nor reported, so nothing happened. Go on with the work, and end it by calling your "
    "report tool; if it cannot be done, call give_up and say why."
)
CUT = (
    "Your reply was cut off at the limit of its length, and nothing of it was done. Take smaller steps: write a long "
    "file in parts, the first with write_file, the rest with edit_file."
)


class Agent(Protocol):
    """A model and the hands that it has."""

    async def ask(self, messages: Sequence[Message]) -> Reply:
        """A reply that belongs into the conversation. Raises Impossible if there is none to be had."""
        ...

    async def act(self, reply: Reply) -> tuple[Result, ...]:
        """One result for each tool call of the reply, in order."""
        ...


async def converse(agent: Agent, messages: list[Message], *, silence_ends: bool = False) -> tuple[Result, ...]:
    """Goes on with the conversation until a tool call ends it, and returns the results of that turn.

    `messages` grows by what is said. With `silence_ends`, a reply that calls no tool ends the conversation too. Raises
    Impossible if the model cannot go on.
    """
    idle = 0
    while True:
        reply = await agent.ask(messages)
        messages += _said(reply)
        if reply.tool_uses and reply.stop_reason != "max_tokens":
            results = await agent.act(reply)
            messages.append(answers(results))
            if any(result.ends for result in results):
                return results
            idle = 0
        elif reply.stop_reason != "pause_turn":
            if silence_ends and reply.stop_reason != "max_tokens":
                return ()
            idle = _one_more(idle)
            messages.append(_prompted(reply))


def answers(results: Sequence[Result]) -> Message:
    """The user message that answers a reply's tool calls."""
    return Message(role="user", content=tuple(answer(result) for result in results))


def answer(result: Result) -> ToolResultBlock:
    """A result as the model is told of it: its text, and its pictures after it."""
    text = result.content if result.shown is None else result.shown
    content: str | list[dict[str, Any]] = text
    if result.images:
        sources = ({"type": "base64", "media_type": one.media_type, "data": one.data} for one in result.images)
        words = [{"type": "text", "text": text}] if text else []
        content = [*words, *({"type": "image", "source": source} for source in sources)]
    return ToolResultBlock(tool_use_id=result.tool_use, content=content, is_error=result.is_error)


def _said(reply: Reply) -> list[Message]:
    """The reply as a message; an empty one is none, for the API takes no message without content."""
    content = reply.content[:-1] if _halved(reply) else reply.content
    return [Message(role="assistant", content=content)] if content else []


def _halved(reply: Reply) -> bool:
    """True if it was cut off within a thought or a search, which the API does not take back by halves."""
    last = reply.content[-1] if reply.stop_reason == "max_tokens" and reply.content else None
    if not isinstance(last, OtherBlock):
        return False
    return last.type == "server_tool_use" or (last.type == "thinking" and not last.model_dump().get("signature"))


def _prompted(reply: Reply) -> Message:
    """What a reply that did nothing is answered with: a call that was cut off gets its result, as every call must."""
    words = CUT if reply.stop_reason == "max_tokens" else NUDGE
    cut = [ToolResultBlock(tool_use_id=use.id, content=words, is_error=True) for use in reply.tool_uses]
    return Message(role="user", content=tuple(cut) or (TextBlock(text=words),))


def _one_more(idle: int) -> int:
    if idle + 1 >= PATIENCE:
        raise Impossible(f"the model replied {PATIENCE} times in a row without calling a tool or reporting")
    return idle + 1
