"""Prompts: Markdown files, rendered from the request alone. A variable that is missing is an error."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.message import Message, TextBlock, ToolResultBlock, ToolUseBlock
from schemas.role import AnyRequest
from schemas.state import ManageRequest

FOLDER = Path(__file__).parent / "prompts"
UNANSWERED = "nothing is known of what became of this; the board below shows how things stand"

_templates = Environment(
    loader=FileSystemLoader(FOLDER),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701  # Markdown for a model, not HTML
    trim_blocks=True,
    lstrip_blocks=True,
)


def system(request: AnyRequest | ManageRequest) -> str:
    """The role's prompt. It depends on role and task alone, so that a run's calls share its cached prefix."""
    return _templates.get_template(f"{request.role}.md").render(task=request.task, settled=request.task.settled)


def opening(request: AnyRequest) -> Message:
    """The first user message: the request as JSON, then in words."""
    return Message(role="user", content=(_json("request", request), TextBlock(text=_words(request))))


def turn(request: ManageRequest, pending: tuple[ToolUseBlock, ...], known: Mapping[str, ToolResultBlock]) -> Message:
    """A manager turn's user message: answers to the last reply's tool calls, the turn as JSON, then in words."""
    answers = {answer.tool_use: answer for answer in request.answers}
    blocks: list[ToolResultBlock | TextBlock] = []
    for use in pending:
        answer = answers.get(use.id)
        if answer is not None:
            blocks.append(ToolResultBlock(tool_use_id=use.id, content=answer.text, is_error=answer.refused))
        else:
            blocks.append(known.get(use.id) or ToolResultBlock(tool_use_id=use.id, content=UNANSWERED))
    return Message(role="user", content=(*blocks, _json("turn", request), TextBlock(text=_words(request))))


def digest(*texts: str) -> str:
    """Names the prompts that a conversation was held under."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _words(request: AnyRequest | ManageRequest) -> str:
    return _templates.get_template(f"opening/{request.role}.md").render(request=request, task=request.task)


def _json(key: str, request: AnyRequest | ManageRequest) -> TextBlock:
    return TextBlock(text=json.dumps({key: request.model_dump(mode="json")}, ensure_ascii=False))
