"""A conversation in which the web was searched, for a model that cannot: a fallback on another platform.

The API refuses blocks of a tool that a request does not declare, and what they hold can be read nowhere else. Thinking
came under that tool too, and is left out with them. Back at a model that can, so are searches that nobody finished.
"""

from collections.abc import Sequence

from schemas.message import AnyBlock, Message, OtherBlock, TextBlock

THINKING = ("thinking", "redacted_thinking")
USE, RESULT = "server_tool_use", "web_search_tool_result"
GO_ON = Message(role="user", content=(TextBlock(text="The web cannot be searched any more: go on without."),))


def unsearched(messages: Sequence[Message]) -> list[Message]:
    """Searches told in words. A turn within which a search was left open is ended, since it cannot be gone on with."""
    told = [Message(role=one.role, content=_told(one)) for one in messages]
    kept = [one for one in told if one.content]
    return [*kept, GO_ON] if kept and kept[-1].role == "assistant" else kept


def finished(messages: Sequence[Message]) -> list[Message]:
    """Without searches that were left open where a model that cannot search went on; the last message may wait for one.

    The API refuses them without their results.
    """
    found = {block.model_dump().get("tool_use_id") for one in messages for block in _blocks(one, RESULT)}
    return [*(_without_open(one, found) for one in messages[:-1]), *messages[-1:]]


def _without_open(message: Message, found: set[object]) -> Message:
    open_ = [block for block in _blocks(message, USE) if block.model_dump().get("id") not in found]
    if not open_:
        return message
    return Message(role=message.role, content=tuple(block for block in message.content if block not in open_))


def _blocks(message: Message, kind: str) -> list[AnyBlock]:
    return [block for block in message.content if block.type == kind]


def _told(message: Message) -> tuple[AnyBlock, ...]:
    return tuple(_block(block) for block in message.content if block.type not in THINKING)


def _block(block: AnyBlock) -> AnyBlock:
    match block:
        case TextBlock(text=text):
            return TextBlock(text=text)  # without citations, which point into what was found
        case OtherBlock(type="server_tool_use"):
            query = (block.model_dump().get("input") or {}).get("query", "")
            return TextBlock(text=f"[searched the web for: {query}]")
        case OtherBlock(type="web_search_tool_result"):
            return TextBlock(text=_found(block.model_dump().get("content")))
    return block


def _found(content: object) -> str:
    """Titles and addresses; an error, such as too many searches, is no list."""
    if not isinstance(content, list):
        return "[the search failed]"
    lines = [f"{one.get('title') or ''}: {one.get('url') or ''}" for one in content if isinstance(one, dict)]
    return "\n".join(["[the search found:", *lines]) + "]" if lines else "[the search found nothing]"
