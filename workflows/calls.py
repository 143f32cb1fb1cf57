"""Every activity call, declared once: its name, request, report, queue and time limits."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from schemas.delivery import (
    Accounted,
    AccountRequest,
    DeliveryRequest,
    Estimated,
    HoldRequest,
    PackageRequest,
    Prepared,
    PrepareRequest,
    Published,
    PublishRequest,
    Refitted,
    Released,
    ReleaseRequest,
    RoomFound,
    RoomRequest,
    ScoreRequest,
    Verified,
)
from schemas.metric import Score
from schemas.role import (
    AggregateReport,
    AggregateRequest,
    CodeReport,
    CodeRequest,
    DesignReport,
    DesignRequest,
    SetupReport,
    SetupRequest,
    TuneReport,
    TuneRequest,
)
from schemas.state import Managed, ManageRequest

Asked = TypeVar("Asked", bound=BaseModel)
Told = TypeVar("Told", bound=BaseModel)

CONTROL = "aibuildai"
GPU_SUFFIX = "-gpu"
ALIVE = timedelta(seconds=20)  # a worker that says nothing for so long is taken for dead


@dataclass(frozen=True)
class Call(Generic[Asked, Told]):
    """One kind of activity. `cap` bounds one attempt, whatever time the run has left."""

    name: str
    request: type[Asked]
    report: type[Told]
    queue: Literal["control", "gpu"]
    cap: timedelta
    heartbeat: timedelta = ALIVE
    bookkeeping: bool = False  # made also while the run is paused or stopped


HOUR = timedelta(hours=1)
SHORT = timedelta(minutes=5)
AGENT = timedelta(days=7)  # its deadline bounds an agent: while a model is not to be had it waits, for hours if need be

SETUP = Call("setup", SetupRequest, SetupReport, "gpu", AGENT)
DESIGN = Call("designer", DesignRequest, DesignReport, "gpu", AGENT)
CODE = Call("coder", CodeRequest, CodeReport, "gpu", AGENT)
TUNE = Call("tuner", TuneRequest, TuneReport, "gpu", AGENT)
AGGREGATE = Call("aggregator", AggregateRequest, AggregateReport, "gpu", AGENT)
ESTIMATE = Call("estimate", DeliveryRequest, Estimated, "gpu", 48 * HOUR)
REFIT = Call("refit", DeliveryRequest, Refitted, "gpu", 48 * HOUR)
VERIFY = Call("verify", DeliveryRequest, Verified, "gpu", 8 * HOUR)
RELEASE = Call("release", ReleaseRequest, Released, "gpu", SHORT, bookkeeping=True)

MANAGE = Call("manager", ManageRequest, Managed, "control", AGENT)
PREPARE = Call("prepare", PrepareRequest, Prepared, "control", 4 * HOUR)
SCORE = Call("score", ScoreRequest, Score, "control", HOUR, bookkeeping=True)
ACCOUNT = Call("account", AccountRequest, Accounted, "control", SHORT, bookkeeping=True)
HOLD = Call("hold", HoldRequest, Released, "control", SHORT)
ROOM = Call("room", RoomRequest, RoomFound, "control", AGENT, bookkeeping=True)
PACKAGE = Call("package", PackageRequest, Published, "control", HOUR)
PUBLISH = Call("publish", PublishRequest, Published, "control", HOUR, bookkeeping=True)

CALLS: tuple[Call, ...] = (  # type: ignore[type-arg]  # of any request and report
    SETUP,
    DESIGN,
    CODE,
    TUNE,
    AGGREGATE,
    ESTIMATE,
    REFIT,
    VERIFY,
    RELEASE,
    MANAGE,
    PREPARE,
    SCORE,
    ACCOUNT,
    HOLD,
    ROOM,
    PACKAGE,
    PUBLISH,
)
