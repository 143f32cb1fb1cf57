"""The structured parts of a conversation; prose is never looked at."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.message import Message, ModelRequest, TextBlock, ToolResultBlock, ToolUseBlock

Told = TypeVar("Told", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """A tool call that was answered. `text` is the result as it came."""

    tool: str
    arguments: dict[str, Any]
    text: str
    failed: bool = False

    def read(self, model: type[Told]) -> Told | None:
        """The result as what it should be; None for an error, or for a result that context keeping has cut."""
        if self.failed:
            return None
        try:
            return model.model_validate_json(self.text)
        except ValidationError:
            return None

    @property
    def path(self) -> str:
        return str(self.arguments.get("path", ""))


@dataclass(frozen=True)
class Conversation:
    """Request, turns (of a manager) and answered calls, in order. `position` counts the messages so far."""

    request: dict[str, Any]
    turns: tuple[dict[str, Any], ...] = ()
    calls: tuple[Call, ...] = ()
    position: int = 0

    @property
    def role(self) -> str:
        return str(self.request.get("role", ""))

    def all(self, tool: str) -> list[Call]:
        return [call for call in self.calls if call.tool == tool]

    def last(self, tool: str) -> Call | None:
        found = self.all(tool)
        return found[-1] if found else None

    def latest(self, tool: str, model: type[Told]) -> Told | None:
        """The last result of a tool that can be read."""
        for call in reversed(self.all(tool)):
            told = call.read(model)
            if told is not None:
                return told
        return None

    def file(self, path: str) -> Call | None:
        """The last time that a file was read."""
        found = [call for call in self.all("read_file") if call.path == path]
        return found[-1] if found else None


def parse(request: ModelRequest) -> Conversation:
    """A conversation's structured parts. Raises ValueError if there is neither a request nor a turn in it."""
    facts = list(_facts(request.messages))
    first = next((fact["request"] for fact in facts if "request" in fact), None)
    turns = tuple(fact["turn"] for fact in facts if "turn" in fact)
    if turns:
        first = turns[-1]
    if first is None:
        raise ValueError(
            "the playbook reads the request from the first user message: a text block of JSON, {'request'}"
        )
    calls = tuple(_calls(request.messages))
    return Conversation(request=first, turns=turns, calls=calls, position=len(request.messages))


def _facts(messages: tuple[Message, ...]) -> Iterator[dict[str, Any]]:
    """The JSON blocks that the system wrote, one at most in each user message."""
    for message in messages:
        if message.role != "user":
            continue
        for block in message.content:
            fact = _fact(block.text) if isinstance(block, TextBlock) else None
            if fact is not None:
                yield fact
                break


def _fact(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    known = isinstance(value, dict) and any(isinstance(value.get(key), dict) for key in ("request", "turn"))
    return value if known else None


def _calls(messages: tuple[Message, ...]) -> Iterator[Call]:
    results = {
        block.tool_use_id: block
        for message in messages
        for block in message.content
        if isinstance(block, ToolResultBlock)
    }
    for message in messages:
        for block in message.content:
            if isinstance(block, ToolUseBlock) and block.id in results:
                result = results[block.id]
                yield Call(block.name, block.input, _text(result), result.is_error)


def _text(result: ToolResultBlock) -> str:
    if isinstance(result.content, str):
        return result.content
    return "\n".join(str(part.get("text", "")) for part in result.content)
