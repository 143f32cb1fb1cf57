"""Conversation with a model, in the shape of the Messages API; blocks keep fields that are not named here."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Tag
from pydantic.types import Discriminator

from schemas.base import Record
from schemas.budget import Usage


class Block(BaseModel):
    """A content block: kept verbatim, to be sent back unchanged."""

    model_config = ConfigDict(frozen=True, extra="allow")


class TextBlock(Block):
    type: Literal["text"] = "text"
    text: str


class ToolUseBlock(Block):
    type: Literal["tool_use"] = "tool_use"
    id: str
    name: str
    input: dict[str, Any]


class ToolResultBlock(Block):
    type: Literal["tool_result"] = "tool_result"
    tool_use_id: str
    content: str | list[dict[str, Any]]
    is_error: bool = False


class OtherBlock(Block):
    """Thinking, images, server-side tools and whatever the API adds."""

    type: str


def _tag(block: Any) -> str:
    name = block.get("type") if isinstance(block, dict) else getattr(block, "type", None)
    return name if name in ("text", "tool_use", "tool_result") else "other"


AnyBlock = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ToolUseBlock, Tag("tool_use")]
    | Annotated[ToolResultBlock, Tag("tool_result")]
    | Annotated[OtherBlock, Tag("other")],
    Discriminator(_tag),
]


class Message(Record):
    role: Literal["user", "assistant"]
    content: tuple[AnyBlock, ...]


class ToolSpec(Record):
    """A tool as a model sees it; `input_schema` is JSON Schema."""

    name: str
    description: str
    input_schema: dict[str, Any]


Effort = Literal["low", "medium", "high", "xhigh", "max"]


class ModelRequest(Record):
    """One call of a model. All before `messages` is stable over a conversation, for caches and thinking rest on it.

    `invocation` and `turn` say whose call it is, for records; they are never sent.
    """

    model: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 16_000
    effort: Effort | None = None
    web_searches: int = 0  # that the server may make in this call; 0: there is no such tool
    cache: Literal["5m", "1h"] = "5m"  # how long the prefix is kept: an hour where an agent waits for training
    invocation: str = ""
    turn: int = 0


class Search(Record):
    """One search of the web, with the addresses that it found."""

    query: str
    urls: tuple[str, ...] = ()


StopReason = Literal["end_turn", "tool_use", "max_tokens", "stop_sequence", "pause_turn", "refusal", "context_window"]


class Reply(Record):
    """What a model answered, and what it cost. `dollars` is None where the price is unknown.

    `unparsed` holds the arguments of tool calls that were no JSON object, by the call's id; their `input` is empty.
    """

    model: str
    content: tuple[AnyBlock, ...]
    stop_reason: StopReason
    usage: Usage = Usage()
    dollars: float | None = 0.0
    unparsed: dict[str, str] = Field(default_factory=dict)
    explanation: str = ""  # of a refusal, where one was given

    @property
    def tool_uses(self) -> tuple[ToolUseBlock, ...]:
        return tuple(block for block in self.content if isinstance(block, ToolUseBlock))

    @property
    def text(self) -> str:
        return "\n".join(block.text for block in self.content if isinstance(block, TextBlock))


__all__ = [
    "AnyBlock",
    "Block",
    "Effort",
    "Message",
    "ModelRequest",
    "OtherBlock",
    "Reply",
    "Search",
    "StopReason",
    "TextBlock",
    "ToolResultBlock",
    "ToolSpec",
    "ToolUseBlock",
]
