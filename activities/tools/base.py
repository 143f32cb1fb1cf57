"""What a tool is, and the box of tools that one role has."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic import BaseModel, ValidationError

from activities.errors import ToolFailed
from schemas.job import JobState
from schemas.message import ToolSpec, ToolUseBlock
from schemas.role import AnyReport
from schemas.tool import Image

LONGEST = 1_000_000  # characters of one result, as the journal keeps it
SHOWN = 20_000  # characters of it that a model is told
BEGINNING = 0.7  # of these, at the beginning; the rest are at the end


@dataclass(frozen=True)
class Call:
    """One use of a tool. `job` is the id of a job that it starts: the same whenever the call is repeated."""

    number: int  # in the conversation, from 1
    job: str


@dataclass(frozen=True)
class Done:
    """What a tool came to. `ends` ends the invocation, with its report where the role gives one."""

    content: BaseModel | str
    jobs: tuple[JobState, ...] = ()
    ends: bool = False
    report: AnyReport | None = None
    images: tuple[Image, ...] = ()

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else self.content.model_dump_json()


@dataclass(frozen=True)
class Tool:
    """Something that an agent can do: its arguments' model is its schema, its errors are text for the model."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[Any, Call], Awaitable[Done]]
    reads_only: bool = False
    shown: int = SHOWN  # characters of a result that a model is told; more where it comes in parts, or is code

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(name=self.name, description=self.description, input_schema=_schema(self.arguments))


class Toolbox:
    """The tools of a role, by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    def has(self, name: str) -> bool:
        return name in self._tools

    def longest(self, name: str) -> int:
        """How many characters of a result a model is told."""
        return self._tools[name].shown if name in self._tools else SHOWN

    def reads_only(self, name: str) -> bool:
        """True if calls may run beside others. An unknown tool does nothing, and so only reads."""
        return name not in self._tools or self._tools[name].reads_only

    async def use(self, block: ToolUseBlock, call: Call) -> Done:
        """Runs the tool. Raises ToolFailed for whatever the model can mend."""
        tool = self._tools.get(block.name)
        if tool is None:
            raise ToolFailed(f"there is no tool {block.name!r}; you have {', '.join(self._tools)}")
        done = await tool.run(_arguments(tool, block.input), call)
        if len(done.text) > LONGEST:
            raise ToolFailed(f"the result has {len(done.text)} characters, over {LONGEST}; ask for less of it")
        return done


def shortened(text: str, longest: int, whole: str) -> str | None:
    """Beginning and end of a text that is too long, with what is left out and where the whole is; else None."""
    if len(text) <= longest:
        return None
    first = int(longest * BEGINNING)
    last = longest - first
    left_out = f"{len(text) - longest:,} of {len(text):,} characters are left out"
    return f"{text[:first]}\n[{left_out}; {whole}]\n{text[-last:]}"


def _arguments(tool: Tool, given: dict[str, Any]) -> BaseModel:
    try:
        return tool.arguments.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'input'}: {item['msg']}" for item in error.errors()[:8])
        raise ToolFailed(f"{tool.name} was not run, for its arguments are wrong: {wrong}") from None


@cache
def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    schema.get("properties", {}).pop("kind", None)  # a union's tag is the tool's name
    schema.pop("description", None)
    return {key: _untitled(value) for key, value in schema.items() if key != "title"}


def _untitled(value: Any) -> Any:
    """Without the titles that pydantic makes of names; a property that is named so stays."""
    if isinstance(value, list):
        return [_untitled(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _untitled(item) for key, item in value.items() if not (key == "title" and isinstance(item, str))}
