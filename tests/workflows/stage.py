"""Activities that play the six roles and the system's own work: the protocol's other side, without models or jobs.

A test names what differs: `Stage(tune=...)` replaces one part by a function of the same request and report.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from schemas.budget import Spend
from schemas.candidate import Member
from schemas.decision import Code, Decision, Design, Finish, Tune
from schemas.delivery import (
    Accounted,
    AccountRequest,
    DeliveryRequest,
    Estimated,
    Finding,
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
from schemas.event import LedgerEntry
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
from schemas.run import RunSpec
from schemas.state import Managed, ManageRequest, RunState
from tests.workflows.facts import TASK, score, trial
from workflows.build import BuildWorkflow
from workflows.display import Details

Part = Callable[[Any], Awaitable[Any]]


@dataclass
class Stage:
    """What was asked of each part is kept in `asked`, in order."""

    parts: dict[str, Part] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)  # job -> what the scorer finds

    def requests(self, name: str) -> list[Any]:
        return [request for who, request in self.asked if who == name]

    def activities(self) -> Sequence[Callable[..., Any]]:
        typed = {
            "prepare": (PrepareRequest, Prepared), "setup": (SetupRequest, SetupReport),
            "designer": (DesignRequest, DesignReport), "coder": (CodeRequest, CodeReport),
            "tuner": (TuneRequest, TuneReport), "aggregator": (AggregateRequest, AggregateReport),
            "manager": (ManageRequest, Managed), "score": (ScoreRequest, Score),
            "estimate": (DeliveryRequest, Estimated), "refit": (DeliveryRequest, Refitted),
            "verify": (DeliveryRequest, Verified), "package": (PackageRequest, Published),
            "publish": (PublishRequest, Published), "account": (AccountRequest, Accounted),
            "hold": (HoldRequest, Released), "release": (ReleaseRequest, Released),
            "room": (RoomRequest, RoomFound),
        }  # fmt: skip
        return [self._activity(name, request, report) for name, (request, report) in typed.items()]

    def _activity(self, name: str, request_type: Any, report_type: Any) -> Callable[..., Any]:
        async def act(request: Any) -> Any:
            self.asked.append((name, request))
            part = self.parts.get(name) or getattr(self, f"_{name}")
            return await part(request)

        act.__annotations__ = {"request": request_type, "return": report_type}
        return activity.defn(name=name)(act)

    async def _prepare(self, request: PrepareRequest) -> Prepared:
        return Prepared(task=TASK, environment="/environment", sandbox="bubblewrap")

    async def _setup(self, request: SetupRequest) -> SetupReport:
        return SetupReport(invocation=request.invocation, summary="ready", spend=Spend(model_calls=1))

    async def _designer(self, request: DesignRequest) -> DesignReport:
        number = request.candidate
        return DesignReport(
            invocation=request.invocation, candidate=number, revision=f"plan-{number}", approach=f"approach {number}"
        )

    async def _coder(self, request: CodeRequest) -> CodeReport:
        return CodeReport(invocation=request.invocation, candidate=request.candidate, revision="code", check="j")

    async def _tuner(self, request: TuneRequest) -> TuneReport:
        job = f"{request.invocation}.j1"
        value = self.scores.setdefault(job, 1.0 / (1 + request.candidate))
        return TuneReport(
            invocation=request.invocation, candidate=request.candidate, trials=(trial(job, value, 1.0),), best=job
        )

    async def _aggregator(self, request: AggregateRequest) -> AggregateReport:
        leader = request.candidates[0]
        for candidate in request.candidates:
            if (
                candidate.best
                and candidate.best.score
                and leader.best
                and candidate.best.score.beats(leader.best.score)
            ):
                leader = candidate
        assert leader.best is not None
        member = Member(candidate=leader.number, job=leader.best.job, revision=leader.best.revision)
        return AggregateReport(invocation=request.invocation, members=(member,), method="single", summary="the leader")

    async def _manager(self, request: ManageRequest) -> Managed:
        decisions = tuple(plain_manager(request))
        return Managed(
            invocation=request.invocation, decisions=decisions,
            tool_uses=tuple(f"t{request.turn}.{place}" for place in range(len(decisions))), thought="by the book",
        )  # fmt: skip

    async def _score(self, request: ScoreRequest) -> Score:
        return score(self.scores[request.members[0].job])

    async def _estimate(self, request: DeliveryRequest) -> Estimated:
        return Estimated(score=score(0.3).model_copy(update={"split": "report"}))

    async def _refit(self, request: DeliveryRequest) -> Refitted:
        return Refitted(done=True)

    async def _verify(self, request: DeliveryRequest) -> Verified:
        return Verified(passed=True, findings=(Finding(name="same", passed=True),), submission="/s.csv", rows=100)

    async def _package(self, request: PackageRequest) -> Published:
        return Published()

    async def _publish(self, request: PublishRequest) -> Published:
        return Published()

    async def _account(self, request: AccountRequest) -> Accounted:
        return Accounted(lost_calls=1)

    async def _hold(self, request: HoldRequest) -> Released:
        return Released()

    async def _room(self, request: RoomRequest) -> RoomFound:
        return RoomFound(free_mb=5_000)

    async def _release(self, request: ReleaseRequest) -> Released:
        return Released()


def plain_manager(request: ManageRequest) -> list[Decision]:
    """Designs, codes and tunes each candidate once, then finishes."""
    board = request.board
    busy = {flight.candidate for flight in board.in_flight}
    steps: list[Decision] = []
    for candidate in board.candidates:
        if candidate.number in busy or candidate.status == "discarded":
            continue
        if candidate.status == "designed":
            steps.append(Code(candidate=candidate.number, brief="implement"))
        elif candidate.status == "coded" and not candidate.tunes:
            steps.append(Tune(candidate=candidate.number, minutes=5, brief="train"))
    known = max((candidate.number for candidate in board.candidates), default=0)
    steps += [Design(candidate=n, brief="design") for n in range(known + 1, board.max_candidates + 1)]
    if not steps and not board.in_flight:
        steps.append(Finish(why="all are trained"))
    return steps[: board.slots] if board.slots else []


def holding() -> tuple[Stage, asyncio.Event]:
    """A stage whose tuner works until the test lets it go on, or cancels it."""
    gate, stage = asyncio.Event(), Stage()

    async def tuner(request: TuneRequest) -> Any:
        while not gate.is_set():
            activity.heartbeat("training")
            with suppress(TimeoutError):
                await asyncio.wait_for(gate.wait(), timeout=0.05)
        return await stage._tuner(request)

    stage.parts["tuner"] = tuner
    return stage, gate


def tuning(state: RunState) -> bool:
    return any(name.startswith("tuner") for name in state.in_flight)


@asynccontextmanager
async def staged(client: Client, stage: Stage, **options: Any) -> AsyncIterator[str]:
    """Workers for both queues of a test; gives the control queue's name."""
    queue = f"test-{uuid4().hex[:8]}"
    activities = stage.activities()
    async with (
        Worker(
            client, task_queue=queue, workflows=[BuildWorkflow], activities=activities, interceptors=[Details()],
            **options,
        ),
        Worker(
            client, task_queue=f"{queue}-gpu", activities=activities,
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
            default_heartbeat_throttle_interval=timedelta(milliseconds=100),
        ),
    ):  # fmt: skip
        yield queue


async def start(client: Client, queue: str, spec: RunSpec) -> WorkflowHandle[BuildWorkflow, RunState]:
    return await client.start_workflow(
        "Build", spec, result_type=RunState, id=f"run-{uuid4().hex[:8]}", task_queue=queue
    )


async def until(handle: WorkflowHandle[BuildWorkflow, RunState], reached: Callable[[RunState], bool]) -> RunState:
    """Asks for the state until the condition holds; the test's own time limit bounds it."""
    while True:
        state = await handle.query(BuildWorkflow.state)
        if reached(state):
            return state
        await asyncio.sleep(0.02)


async def entries(handle: WorkflowHandle[Any, Any]) -> list[LedgerEntry]:
    """The ledger of one execution, so far."""
    found: list[LedgerEntry] = []
    while page := await handle.query(BuildWorkflow.ledger, found[-1].seq if found else 0):
        found += page
    return found


def events(found: list[LedgerEntry], kind: type) -> list[Any]:
    return [entry.event for entry in found if isinstance(entry.event, kind)]


async def heard(handle: WorkflowHandle[Any, Any], kind: type, times: int) -> list[Any]:
    """Reads the ledger until it has so many events of a kind; the test's own time limit bounds it."""
    while True:
        found = events(await entries(handle), kind)
        if len(found) >= times:
            return found
        await asyncio.sleep(0.02)
