"""The agent that really asks and acts: within its limits, and with a span for each thing it does."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from activities.agent.doing import Doing
from activities.agent.limits import Limits
from activities.agent.records import Result
from activities.agent.tracing import bound, span
from activities.errors import ToolFailed
from activities.models.base import Model
from activities.tools.base import Call, Done, Toolbox
from schemas.message import Message, ModelRequest, Reply, ToolUseBlock
from schemas.role import ModelChoice

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Live:
    """A model with a toolbox. `snapshot` gives the repository's tree, for an invocation that has one."""

    invocation: str
    model: Model
    choice: ModelChoice
    system: str
    toolbox: Toolbox
    limits: Limits
    doing: Doing
    snapshot: Callable[[], Awaitable[str | None]]

    async def ask(self, turn: int, messages: Sequence[Message]) -> Reply:
        """One call of the model, ended at the deadline by LimitReached."""
        self.doing.now(f"turn {turn}: {self.choice.name} thinks")
        request = ModelRequest(
            model=self.choice.name,
            system=self.system,
            messages=tuple(messages),
            tools=self.toolbox.specs,
            effort=self.choice.effort,
        )
        with span("agent.turn", turn=turn, model=self.choice.name) as current:
            async with self.limits.until_deadline():
                reply = await self.model.ask(request)
            current.set_attribute("aibuildai.stop_reason", reply.stop_reason)
            current.set_attribute("aibuildai.tokens", reply.usage.tokens)
        _log.info("replied", turn=turn, stop_reason=reply.stop_reason, tokens=reply.usage.tokens)
        return reply

    async def use(self, number: int, block: ToolUseBlock) -> Result:
        """Uses one tool; what the model can mend comes back as an error's text."""
        began = time.monotonic()
        self.doing.now(f"{block.name} (call {number})")
        known = block.name if block.name in {spec.name for spec in self.toolbox.specs} else "unknown"
        call = Call(number=number, job=f"{self.invocation}.j{number}")
        with span(f"tool.{known}", number=number), bound(job=call.job):
            tree = None
            try:
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
            is_error=failed,
            ends=done.ends,
            report=done.report,
            tree=tree,
            jobs=len(done.jobs),
            job_seconds=sum(job.seconds for job in done.jobs),
            seconds=seconds,
        )
