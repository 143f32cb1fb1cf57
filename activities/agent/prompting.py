"""Prompts: Markdown files, rendered from the request alone; openings also say when. A missing variable is an error."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from activities.agent.limits import utc_now
from schemas.message import Message, TextBlock, ToolResultBlock, ToolUseBlock
from schemas.role import AnyRequest, SetupRequest
from schemas.state import ManageRequest

FOLDER = Path(__file__).parent / "prompts"
UNANSWERED = "nothing is known of what became of this; the board below shows how things stand"

_templates = Environment(
    loader=FileSystemLoader(FOLDER),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - Markdown for a model, not HTML
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,  # of what is included, so that a blank line stays one
)


def system(request: AnyRequest | ManageRequest) -> str:
    """The role's prompt.

    It depends on role, task and what is fixed for the run or the invocation, so that calls share its cached prefix:
    time, money and state are told in openings and results.
    """
    return _templates.get_template(f"{request.role}.md").render(**_fixed(request)).strip()


def opening(request: AnyRequest, at: datetime | None = None) -> Message:
    """The first user message: the request as JSON, then in words that are true `at` that time, which is now."""
    return Message(role="user", content=(_json("request", request), TextBlock(text=_words(request, at))))


def turn(
    request: ManageRequest,
    pending: tuple[ToolUseBlock, ...],
    known: Mapping[str, ToolResultBlock],
    at: datetime | None = None,
) -> Message:
    """A manager turn's user message: answers to the last reply's tool calls, the turn as JSON, then in words."""
    answers = {answer.tool_use: answer for answer in request.answers}
    blocks: list[ToolResultBlock | TextBlock] = []
    for use in pending:
        answer = answers.get(use.id)
        if answer is not None:
            blocks.append(ToolResultBlock(tool_use_id=use.id, content=answer.text, is_error=answer.refused))
        else:
            blocks.append(known.get(use.id) or ToolResultBlock(tool_use_id=use.id, content=UNANSWERED))
    return Message(role="user", content=(*blocks, _json("turn", request), TextBlock(text=_words(request, at))))


def digest(*texts: str) -> str:
    """Names the prompts that a conversation was held under."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _fixed(request: AnyRequest | ManageRequest) -> dict[str, Any]:
    """What a conversation's prompts may depend on from its first call to its last."""
    task = request.task
    alone = task.kind != "custom" and task.metric.predicts == "label" and len(task.targets) == 1
    return {
        "role": str(request.role),
        "task": task,
        "metric": task.metric.name.rpartition(":")[2],  # without the file of a task's own
        "probabilities": alone,  # are read beside labels
        "cuts": alone and len(task.classes) == 2,
        "web": getattr(request, "web", False),
        "asked": isinstance(request, SetupRequest) and bool(request.weights or request.packages),
    }


def _words(request: AnyRequest | ManageRequest, at: datetime | None) -> str:
    at = at or utc_now()
    left = max((request.deadline - at).total_seconds(), 0.0)
    template = _templates.get_template(f"opening/{request.role}.md")
    return template.render(request=request, at=at, left=left, **_fixed(request)).strip()


def _json(key: str, request: AnyRequest | ManageRequest) -> TextBlock:
    return TextBlock(text=json.dumps({key: request.model_dump(mode="json")}, ensure_ascii=False))
