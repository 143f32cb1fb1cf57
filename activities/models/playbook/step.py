"""What a mind answers with, and how it becomes a model's reply."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from schemas.base import digest
from schemas.message import AnyBlock, Reply, TextBlock, ToolUseBlock

NAME = "playbook"


@dataclass(frozen=True)
class Use:
    """One tool call to be made."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """Why, in a sentence or two, and the calls that follow from it."""

    why: str
    uses: tuple[Use, ...] = ()


def use(tool: str, arguments: BaseModel | None = None) -> Use:
    """A call with validated arguments, its defaults left out."""
    given = {} if arguments is None else arguments.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    return Use(tool, given)


def reply(step: Step, *, position: int) -> Reply:
    """The step as a reply. Ids are digests of position and content, so that the same messages give the same bytes."""
    blocks: list[AnyBlock] = [TextBlock(text=step.why)]
    for number, item in enumerate(step.uses):
        arguments = dict(item.arguments)
        name = digest({"position": position, "number": number, "tool": item.tool, "input": arguments})
        blocks.append(ToolUseBlock(id=f"toolu_playbook_{name[:24]}", name=item.tool, input=arguments))
    return Reply(model=NAME, content=tuple(blocks), stop_reason="tool_use" if step.uses else "end_turn")
