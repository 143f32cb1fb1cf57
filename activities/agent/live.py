"""The agent that really asks and acts: within its limits, and with a span for each thing it does."""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import structlog

from activities.agent.doing import Doing
from activities.agent.limits import Limits
from activities.agent.outages import Backoff, Mind, Outages
from activities.agent.purse import Purse
from activities.agent.records import Result
from activities.agent.tracing import bound, span
from activities.errors import ToolFailed
from activities.models.prices import context_window
from activities.tools.base import Call, Done, Toolbox, shortened
from schemas.message import Effort, Message, ModelRequest, Reply, ToolUseBlock
from schemas.role import searches

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Live:
    """Models with a toolbox: the chosen one first, then its fallback.

    `snapshot` gives the repository's tree, for an invocation that has one. With `readable`, `calls/N.txt` of what the
    agent reads is the whole result of its call N.
    """

    invocation: str
    minds: tuple[Mind, ...]
    system: str
    toolbox: Toolbox
    limits: Limits
    doing: Doing
    snapshot: Callable[[], Awaitable[str | None]]
    attempt: int = 1
    effort: Effort | None = None
    web_searches: int = 0
    cache: Literal["5m", "1h"] = "5m"
    context_tokens: int = 120_000
    readable: bool = False
    purse: Purse | None = None  # None for models that are free
    outages: Outages = field(default_factory=Outages)
    backoff: Backoff = field(default_factory=Backoff)

    @cached_property
    def bound(self) -> str:
        """Names what thinking rests on before any message; newer code may have other prompts and tools."""
        return self.bound_of(self.minds[0].name)

    def bound_of(self, name: str) -> str:
        """The same of one of the models: a fallback may lack the web search that the chosen one has."""
        web = self.web_searches if searches(name) else 0
        parts = [self.system, *(spec.model_dump_json() for spec in self.toolbox.specs), str(web)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @cached_property
    def window(self) -> int | None:
        """Tokens that each of the models takes, as far as their windows are known."""
        known = [context_window(mind.name) for mind in self.minds]
        return min((size for size in known if size is not None), default=None)

    def request(self, turn: int, name: str, messages: Sequence[Message], max_tokens: int) -> ModelRequest:
        return ModelRequest(
            model=name,
            system=self.system,
            messages=tuple(messages),
            tools=self.toolbox.specs,
            max_tokens=max_tokens,
            effort=self.effort,
            web_searches=self.web_searches,
            cache=self.cache,
            invocation=self.invocation,
            turn=turn,
        )

    async def ask(self, mind: Mind, request: ModelRequest) -> Reply:
        """One try of one call, ended at the deadline by LimitReached."""
        self.doing.now(f"turn {request.turn}: {mind.name} thinks")
        with span("agent.turn", turn=request.turn, model=mind.name) as current:
            async with self.limits.until_deadline("while a model answered"):
                reply = await mind.model.ask(request)
            current.set_attribute("aibuildai.stop_reason", reply.stop_reason)
            current.set_attribute("aibuildai.tokens", reply.usage.tokens)
            if reply.dollars is not None:
                current.set_attribute("aibuildai.dollars", reply.dollars)
        _log.info(
            "replied",
            turn=request.turn,
            model=mind.name,
            stop_reason=reply.stop_reason,
            tokens=reply.usage.tokens,
            dollars=reply.dollars,
        )
        return reply

    async def use(self, number: int, block: ToolUseBlock, unparsed: str | None = None) -> Result:
        """Uses one tool; what the model can mend comes back as an error's text.

        `unparsed` are arguments that were no JSON object.
        """
        began = time.monotonic()
        self.doing.now(f"{block.name} (call {number})")
        known = block.name if self.toolbox.has(block.name) else "unknown"
        call = Call(number=number, job=f"{self.invocation}.j{number}")
        with span(f"tool.{known}", number=number), bound(job=call.job):
            tree = None
            try:
                if unparsed is not None:
                    raise ToolFailed(no_object(block.name, unparsed))
                done, failed = await self.toolbox.use(block, call), False
                tree = None if self.toolbox.reads_only(block.name) else await self.snapshot()
            except ToolFailed as error:  # of the tool, or of a tree that no repository may hold
                done, failed = Done(str(error)), True
            seconds = time.monotonic() - began
            _log.info("tool", tool=known, number=number, is_error=failed, seconds=round(seconds, 2))
        return Result(
            number=number,
            tool=block.name,
            tool_use=block.id,
            content=done.text,
            shown=shortened(done.text, self.toolbox.longest(block.name), self._whole(number)),
            images=done.images,
            is_error=failed,
            ends=done.ends,
            report=done.report,
            tree=tree,
            jobs=len(done.jobs),
            job_seconds=sum(job.seconds for job in done.jobs),
            seconds=seconds,
        )

    def _whole(self, number: int) -> str:
        if self.readable:
            return f"calls/{number}.txt is the whole: read_file shows it in parts"
        return "ask for less of it, to see the rest"


def no_object(name: str, raw: str) -> str:
    """What was wrong with arguments that were no JSON object, and where."""
    try:
        what = f"they are {type(json.loads(raw)).__name__}, and must be an object"
    except ValueError as error:
        at = getattr(error, "pos", len(raw))
        where = f" at character {at + 1} of {len(raw)}, after {raw[max(at - 40, 0) : at]!r}"
        what = getattr(error, "msg", str(error)) + where
    return f"{name} was not run, for its arguments were no JSON object: {what}. Send the call again, whole."
