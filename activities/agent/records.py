"""What a journal holds: one record for each thing that must not happen twice."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from activities.agent.booking import Settled
from schemas.base import Record
from schemas.budget import Spend, Usage
from schemas.message import Message, Reply
from schemas.role import AggregateReport, CodeReport, DesignReport, FellBack, SetupReport, TuneReport
from schemas.state import Managed
from schemas.tool import Image

Outcome = Annotated[
    SetupReport | DesignReport | CodeReport | TuneReport | AggregateReport,
    Field(discriminator="kind"),
]

Part = Literal["said", "summary", "void"]


class Opened(Record):
    """First of a segment. `adopts` says how many records of each older segment hold; what they got later is void.

    A later attempt goes on with the conversation that `opening` began once a reply to it was journaled.
    """

    kind: Literal["opened"] = "opened"
    at: datetime
    attempt: int
    adopts: dict[int, int] = Field(default_factory=dict)
    opening: Message
    prompts: str = ""  # digest of the rendered prompts


class Asking(Record):
    """A model is about to be asked. Without a reply after it, the call is lost: paid for and never read.

    `number` is that of the try, within the attempt.
    """

    kind: Literal["asking"] = "asking"
    at: datetime
    turn: int
    number: int = 1
    model: str = ""


class Unanswered(Record):
    """The model gave no answer, and said so: nothing was lost, but `usage` may have been paid for.

    `tries` is how many in a row came to nothing: in a long outage, one record stands for many.
    """

    kind: Literal["unanswered"] = "unanswered"
    turn: int
    error: str
    tries: int = 1
    usage: Usage = Usage()
    dollars: float | None = 0.0


class Replied(Record):
    """A model's reply, before anything that it asks for is done.

    `part` says what it is to the conversation: something said in it, a summary of it, or nothing, because it was cut
    off or refused. `asked` is the model that was asked, and `instead` why, if it is not the chosen one. `call` names it
    in the purse, and `bound` what its thinking rests on.
    """

    kind: Literal["replied"] = "replied"
    turn: int
    reply: Reply
    seconds: float
    part: Part = "said"
    asked: str = ""
    instead: str = ""
    call: str = ""
    bound: str = ""


class Result(Record):
    """What a tool call came to. `tree` is the repository's after it, where the tool may change the repository.

    `content` is the whole result; `shown` what the model was told of it, where that is less.
    """

    kind: Literal["result"] = "result"
    number: int  # of the tool call in the conversation, from 1
    tool: str
    tool_use: str
    content: str
    shown: str | None = None
    images: tuple[Image, ...] = ()
    is_error: bool = False
    ends: bool = False
    report: Outcome | None = None
    tree: str | None = None
    jobs: int = 0
    job_seconds: float = 0.0
    seconds: float = 0.0


class Cleared(Record):
    """An old tool result is sent no more: `text` stands in its place."""

    message: int  # its place in the whole conversation, from 0
    block: int
    text: str


class Condensed(Record):
    """From here on, less of the conversation's first `messages` messages is sent; the journal keeps all of them.

    Either results were cleared, or `summary` stands for all but the first message and the last of them. `turn` is that
    of the last reply before.
    """

    kind: Literal["condensed"] = "condensed"
    turn: int
    messages: int
    cleared: tuple[Cleared, ...] = ()
    summary: str = ""


class Ended(Record):
    """The invocation came to its end."""

    kind: Literal["ended"] = "ended"
    at: datetime
    report: dict[str, Any] | None = None  # of whichever role
    managed: Managed | None = None


JournalRecord = Annotated[
    Opened | Asking | Unanswered | Replied | Result | Condensed | Ended, Field(discriminator="kind")
]
READ: TypeAdapter[Any] = TypeAdapter(JournalRecord)


def spent(records: Sequence[JournalRecord]) -> Spend:
    """What the records say was spent; a call that was asked and neither answered nor refused counts as lost."""
    open_calls, total = 0, Spend()
    for record in records:
        match record:
            case Asking():
                open_calls += 1
            case Unanswered(usage=usage, dollars=dollars):
                open_calls -= 1
                total += Spend(usage=usage, dollars=dollars)
            case Replied(reply=reply, seconds=seconds):
                open_calls -= 1
                total += Spend(usage=reply.usage, dollars=reply.dollars, model_calls=1, model_seconds=seconds)
            case Result(jobs=jobs, job_seconds=seconds):
                total += Spend(jobs=jobs, job_seconds=seconds)
            case Opened() | Condensed() | Ended():
                pass
    return total + Spend(lost_calls=open_calls)


def answered(records: Sequence[JournalRecord]) -> tuple[Settled, ...]:
    """What the calls cost whose replies are here, as the purse is told of them."""
    replied = (record for record in records if isinstance(record, Replied) and record.call)
    return tuple(
        Settled(call=record.call, dollars=record.reply.dollars, tokens=record.reply.usage.tokens) for record in replied
    )


def fell_back(records: Sequence[JournalRecord]) -> tuple[FellBack, ...]:
    """The replies that another model than the chosen one gave, by that model, with the first reason."""
    found: dict[str, FellBack] = {}
    for record in records:
        if isinstance(record, Replied) and record.instead:
            known = found.get(record.asked) or FellBack(model=record.asked, calls=0, why=record.instead)
            found[record.asked] = known.model_copy(update={"calls": known.calls + 1})
    return tuple(found.values())


__all__ = [
    "Asking",
    "Cleared",
    "Condensed",
    "Ended",
    "JournalRecord",
    "Opened",
    "Outcome",
    "Part",
    "Replied",
    "Result",
    "Unanswered",
    "answered",
    "fell_back",
    "spent",
]
