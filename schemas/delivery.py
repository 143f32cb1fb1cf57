"""Preparation, scoring and delivery: the requests and reports of what the system does itself."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.base import Record, RunRef, Short, Text
from schemas.budget import Spend
from schemas.candidate import Member
from schemas.message import Search
from schemas.metric import Score
from schemas.role import Caps, FellBack
from schemas.task import Task


class PrepareRequest(Record):
    run: RunRef
    seed: int = 0
    sandbox: str = "auto"
    attempt: int = 1


class Prepared(Record):
    """`data` maps each data file to its SHA-256; `withheld` counts rows by part."""

    task: Task
    data: dict[str, str] = Field(default_factory=dict)
    withheld: dict[str, int] = Field(default_factory=dict)
    environment: str
    sandbox: str
    notes: tuple[Short, ...] = ()


class ScoreRequest(Record):
    """Score a trial (one member), or a blend, on `select`."""

    run: RunRef
    task: Task
    members: tuple[Member, ...]
    method: Literal["single", "mean", "rank", "vote"] = "single"
    threshold: float | None = None


class DeliveryRequest(Record):
    """What is to be delivered. `final` is the final check's view: refitted models, or those from before."""

    run: RunRef
    task: Task
    invocation: str
    attempt: int = 1
    members: tuple[Member, ...]
    method: Literal["single", "mean", "rank", "vote"] = "single"
    threshold: float | None = None
    revision: str | None = None  # of the aggregator's repository, for a blend
    environment: str
    sandbox: str = "auto"
    deadline: datetime
    refitted: bool = False


class Estimated(Record):
    """Members trained on all but `report`, and scored on it once; None where nothing is withheld for it."""

    score: Score | None = None
    job_seconds: float = 0.0
    problem: Text | None = None


class Refitted(Record):
    done: bool
    job_seconds: float = 0.0
    problem: Text | None = None


class Finding(Record):
    """One check of the final verification."""

    name: str
    passed: bool
    detail: Text = ""


class Verified(Record):
    passed: bool
    findings: tuple[Finding, ...] = ()
    submission: str | None = None  # path
    rows: int = 0
    job_seconds: float = 0.0
    problem: Text | None = None


class AccountRequest(Record):
    """What did an invocation that never reported cost, by its journal, and which models and searches was it for?"""

    run: RunRef
    invocation: str


class Accounted(Spend):
    """What it cost; which other models gave replies of it, and what was searched for."""

    fell_back: tuple[FellBack, ...] = ()
    searches: tuple[Search, ...] = ()

    @property
    def spend(self) -> Spend:
        return Spend(**{name: getattr(self, name) for name in Spend.model_fields})


class HoldRequest(Record):
    """Agents hold before their next turn while the run is paused, and learn of caps that a person has raised.

    `seq` is the ledger's last entry when it was asked for: of two requests the higher one holds.
    """

    run: RunRef
    held: bool
    seq: int = 0
    why: Text = ""
    caps: Caps = Caps()


class RoomRequest(Record):
    """Wait until there is room on disk where the run and the server write, and at `folder`, which had too little."""

    run: RunRef
    folder: str
    steady_seconds: float = 0.0  # that there must have been room


class RoomFound(Record):
    free_mb: float  # where it is least


class ReleaseRequest(Record):
    """Stop whatever still runs for the run, on the worker's host."""

    run: RunRef
    sandbox: str = "auto"


class Released(Record):
    stopped: tuple[str, ...] = ()


class PackageRequest(Record):
    """`attempt` is that of packaging; `delivery` has the one that it was made with."""

    delivery: DeliveryRequest
    verified: Verified
    attempt: int = 1


class PublishRequest(Record):
    """Write the ledger's new entries, which the activity asks the workflow for, and the history so far.

    With `report`, the model card, report.html and progress.pdf too.
    """

    run: RunRef
    epoch: int
    report: bool = False


class Published(Record):
    files: tuple[str, ...] = ()
