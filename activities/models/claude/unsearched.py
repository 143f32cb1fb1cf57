"""A conversation in which the web was searched, for a model that cannot: a fallback on another platform.

The API refuses blocks of a tool that a request does not declare, and what they hold can be read nowhere else. Thinking
came under that tool too, and is left out with them.
"""

from collections.abc import Sequence

from schemas.message import AnyBlock, Message, OtherBlock, TextBlock

THINKING = ("thinking", "redacted_thinking")
GO_ON = Message(role="user", content=(TextBlock(text="The web cannot be searched any more: go on without."),))


def unsearched(messages: Sequence[Message]) -> list[Message]:
    """Searches told in words. A turn within which a search was left open is ended, since it cannot be gone on with."""
    told = [Message(role=one.role, content=_told(one)) for one in messages]
    kept = [one for one in told if one.content]
    return [*kept, GO_ON] if kept and kept[-1].role == "assistant" else kept


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
