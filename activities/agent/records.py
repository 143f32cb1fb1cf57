"""What a journal holds: one record for each thing that must not happen twice."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from schemas.base import Record
from schemas.budget import Spend
from schemas.message import Message, Reply
from schemas.role import AggregateReport, CodeReport, DesignReport, SetupReport, TuneReport
from schemas.state import Managed

Outcome = Annotated[
    SetupReport | DesignReport | CodeReport | TuneReport | AggregateReport,
    Field(discriminator="kind"),
]


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
    """A model is about to be asked. Without a reply after it, the call is lost: paid for and never read."""

    kind: Literal["asking"] = "asking"
    at: datetime
    turn: int


class Unanswered(Record):
    """The model could not be asked, and said so: nothing was lost."""

    kind: Literal["unanswered"] = "unanswered"
    turn: int
    error: str


class Replied(Record):
    """A model's reply, before anything that it asks for is done."""

    kind: Literal["replied"] = "replied"
    turn: int
    reply: Reply
    seconds: float


class Result(Record):
    """What a tool call came to. `tree` is the repository's after it, where the tool may change the repository."""

    kind: Literal["result"] = "result"
    number: int  # of the tool call in the conversation, from 1
    tool: str
    tool_use: str
    content: str
    is_error: bool = False
    ends: bool = False
    report: Outcome | None = None
    tree: str | None = None
    jobs: int = 0
    job_seconds: float = 0.0
    seconds: float = 0.0


class Ended(Record):
    """The invocation came to its end."""

    kind: Literal["ended"] = "ended"
    at: datetime
    report: dict[str, Any] | None = None  # of whichever role
    managed: Managed | None = None


JournalRecord = Annotated[Opened | Asking | Unanswered | Replied | Result | Ended, Field(discriminator="kind")]
READ: TypeAdapter[Any] = TypeAdapter(JournalRecord)


def spent(records: tuple[JournalRecord, ...]) -> Spend:
    """What the records say was spent; a call that was asked and neither answered nor refused counts as lost."""
    open_calls, total = 0, Spend()
    for record in records:
        match record:
            case Asking():
                open_calls += 1
            case Unanswered():
                open_calls -= 1
            case Replied(reply=reply, seconds=seconds):
                open_calls -= 1
                total += Spend(usage=reply.usage, dollars=reply.dollars, model_calls=1, model_seconds=seconds)
            case Result(jobs=jobs, job_seconds=seconds):
                total += Spend(jobs=jobs, job_seconds=seconds)
            case Opened() | Ended():
                pass
    return total + Spend(lost_calls=open_calls)


__all__ = ["Asking", "Ended", "JournalRecord", "Opened", "Outcome", "Replied", "Result", "Unanswered", "spent"]
