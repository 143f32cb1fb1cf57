"""Attempts as the workflow's own loop: the server's retries leave no trace in history, these do."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutError, TimeoutType

from schemas.event import AttemptFailed, RunPaused, RunResumed
from workflows.calls import GPU_SUFFIX, Call
from workflows.limits import explore_until
from workflows.record import Record

Asked = TypeVar("Asked", bound=BaseModel)
Told = TypeVar("Told", bound=BaseModel)
ONCE = RetryPolicy(maximum_attempts=1)
GRACE = timedelta(minutes=5)  # past an invocation's deadline, to stop jobs, score what they left and report, at most
FIRST_GRACE = timedelta(seconds=60)  # what runs begun by the first version had
INFRASTRUCTURE_ATTEMPTS = 100  # a worker that dies is nobody's fault
UNTYPED = "Error"
LITTLE_DISK = "LittleDisk"  # the one want of a person that the run sees mended by itself
WORKER_GONE = ("WorkerShutdown", "WorkerDied")  # as it said itself, or as the next worker found


Cause = Literal["platform", "person", "manager", "cancelled"]


class GivenUp(Exception):
    """An invocation ended without a report, for good."""

    def __init__(self, why: str, cause: Cause = "platform") -> None:
        super().__init__(why)
        self.why = why
        self.cause = cause


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed, and who must act."""

    cause: Cause
    error: str
    why: str
    infrastructure: bool = False
    until_room: str | None = None  # a folder with too little room on disk


def classify(error: ActivityError) -> Failure:
    """Temporal's account of a failed activity, in this project's terms."""
    cause = error.cause
    if isinstance(cause, CancelledError):
        return Failure("cancelled", "Cancelled", "cancelled")
    if isinstance(cause, TimeoutError):
        kind = cause.type.name if cause.type is not None else "TIMEOUT"
        lost = cause.type == TimeoutType.HEARTBEAT
        words = "its worker was not heard from" if lost else f"timed out ({kind.lower()})"
        return Failure("platform", kind, words, infrastructure=lost)
    if isinstance(cause, ApplicationError):
        kind = cause.type or UNTYPED
        who: dict[str, Literal["person", "manager"]] = {
            "NeedsPerson": "person",
            LITTLE_DISK: "person",
            "Impossible": "manager",
            "BadInput": "manager",
            "ToolFailed": "manager",
        }
        return Failure(
            who.get(kind, "platform"),
            kind,
            cause.message[:4_000],
            infrastructure=kind in WORKER_GONE,
            until_room=str(next(iter(cause.details), "")) if kind == LITTLE_DISK else None,
        )
    return Failure("platform", type(cause).__name__ if cause else UNTYPED, str(cause or error)[:4_000])


class Attempts:
    """Carries out calls, one activity per attempt, with explicit ids and a policy per kind of failure."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def run(
        self,
        call: Call[Asked, Told],
        request: Asked,
        *,
        invocation: str,
        summary: str,
        until: datetime | None = None,
    ) -> Told:
        """The report of the first attempt that gives one.

        `until` is the invocation's deadline. What starts after it only reports: what lost attempts did is in journals
        and jobs, and counts, however long an outage was. Raises GivenUp.
        """
        own = infrastructure = number = began = 0
        failed = reporting = False
        while True:
            try:
                if not call.bookkeeping and not reporting:
                    until = await self._unpaused(until)
                if not call.bookkeeping and self._record.state.stop == "now":
                    raise GivenUp("a person stopped the run", "cancelled")
                number, began = number + 1, self._record.state.seq
                return await self._attempt(call, request, invocation, number, summary, until)
            except ActivityError as error:
                failure, failed = classify(error), True
            except asyncio.CancelledError:  # between attempts: what a failed one did is still reported
                if not (failed and self._wanted(call, request) and workflow.patched("told-between")):
                    raise
                until, reporting = _at_once(until), True
                continue
            if not call.bookkeeping and _called_off() and workflow.patched("called-off"):
                failure, until = self._called_off(call, request, failure, number, until)
            own += not failure.infrastructure and failure.cause == "platform"
            infrastructure += failure.infrastructure
            again, late = self._again(call, failure, own, infrastructure, until), _passed(until)
            self._note(invocation, number, failure, again, began)
            if not again:
                raise GivenUp(failure.why, failure.cause)
            if failure.cause == "platform":
                until = await self._rest(call, request, failure, own, until, f"before {invocation}.a{number + 1}")
                if _passed(until) and not failure.infrastructure and not late:
                    raise GivenUp(failure.why)

    def _called_off(
        self, call: Call[Asked, Told], request: Asked, failure: Failure, number: int, until: datetime | None
    ) -> tuple[Failure, datetime | None]:
        """Nothing is begun anew; but what was done before a worker was lost is still reported, if anyone wants it."""
        if not (self._wanted(call, request) and (failure.infrastructure or number > 1)):
            return replace(failure, cause="cancelled"), until
        if failure.cause == "cancelled":
            failure = replace(failure, cause="platform", infrastructure=True, why="called off before it could report")
        return failure, _at_once(until)

    def _wanted(self, call: Call[Asked, Told], request: Asked) -> bool:
        state = self._record.state
        candidate = state.candidates.get(getattr(request, "candidate", None) or 0)
        return _on_devices(call) and state.stop != "now" and (candidate is None or candidate.status != "discarded")

    async def _rest(
        self, call: Call[Asked, Told], request: Asked, failure: Failure, own: int, until: datetime | None, summary: str
    ) -> datetime | None:
        """Until when the next attempt may work: called off meanwhile, it only reports what was done."""
        try:
            await workflow.sleep(_pause(failure, own, until), summary=summary)
        except asyncio.CancelledError:
            if not (failure.infrastructure and self._wanted(call, request) and workflow.patched("called-off")):
                raise
            return _at_once(until)
        return until

    async def _unpaused(self, until: datetime | None) -> datetime | None:
        """Waits while the run is paused. The invocation's time does not run meanwhile, but that of the run does."""
        if not self._record.state.paused:
            return until
        began = workflow.now()
        await self._record.unpaused()
        waited = workflow.now() - began
        if until is None or not waited or not workflow.patched("time-while-paused"):
            return until
        state = self._record.state
        bound = state.clock.deadline if state.phase == "AGGREGATING" else explore_until(state)
        return max(until, min(until + waited, bound))

    def _again(
        self, call: Call[Asked, Told], failure: Failure, own: int, infrastructure: int, until: datetime | None
    ) -> bool:
        if failure.cause in ("cancelled", "manager"):
            return False
        if failure.cause == "person" and (call.bookkeeping or self._record.state.stop is not None):
            return False  # nothing would wait for the person, and the same failure would come at once
        if until is not None and _passed(until) and not _reports_late(call, failure):
            return failure.infrastructure and workflow.now() < until + _grace()
        most = self._record.state.spec.settings.attempts
        return own < most and infrastructure < INFRASTRUCTURE_ATTEMPTS

    def _note(self, invocation: str, number: int, failure: Failure, again: bool, began: int) -> None:
        self._record.add(
            AttemptFailed(
                invocation=invocation,
                attempt=number,
                cause=failure.cause,
                error=failure.error[:400],
                why=failure.why,
                again=again,
            )
        )
        if failure.cause == "person" and again and not self._record.state.paused and not self._mended_since(began):
            why, room = self._what_to_do(failure), failure.until_room
            self._record.add(RunPaused(by="system", why=why, until_room=room))

    def _mended_since(self, began: int) -> bool:
        """True if a person resumed the run while the attempt was at work: what failed it may be mended already."""
        later = (entry for entry in reversed(self._record.entries) if entry.seq > began)
        return any(isinstance(entry.event, RunResumed) for entry in later) and workflow.patched("mended-meanwhile")

    def _what_to_do(self, failure: Failure) -> str:
        if failure.until_room is not None:
            return f"{failure.why[:3_000]}\nOnce there is room the run goes on by itself."
        if not workflow.patched("what-to-do"):
            return failure.why
        return f"{failure.why[:3_000]}\nOnce that is mended: aibuildai resume {self._record.state.spec.run.id}"

    async def _attempt(
        self,
        call: Call[Asked, Told],
        request: Asked,
        invocation: str,
        number: int,
        summary: str,
        until: datetime | None,
    ) -> Told:
        own = {"attempt": number} | ({"deadline": until} if until is not None else {})
        request = request.model_copy(update={name: own[name] for name in own if name in call.request.model_fields})
        queue = workflow.info().task_queue + (GPU_SUFFIX if call.queue == "gpu" else "")
        left = None if until is None else until - workflow.now()
        late = left is not None and left <= timedelta(0)
        waits = left if not late else None if _on_devices(call) else GRACE
        attempt = workflow.start_activity(
            call.name,
            request,
            result_type=call.report,
            task_queue=queue,
            activity_id=f"{invocation}.a{number}",
            summary=summary if number == 1 else f"{summary}, attempt {number}",
            schedule_to_start_timeout=waits,
            start_to_close_timeout=call.cap if left is None else min(call.cap, max(left, timedelta(0)) + GRACE),
            heartbeat_timeout=call.heartbeat,
            retry_policy=ONCE,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        return await told(attempt)


async def told(attempt: workflow.ActivityHandle[Told]) -> Told:
    """Its report, also where it came in the moment in which it was called off."""
    try:
        return await attempt
    except asyncio.CancelledError:
        if attempt.done() and not attempt.cancelled() and workflow.patched("reported-all-the-same"):
            return attempt.result()
        raise


def _passed(until: datetime | None) -> bool:
    return until is not None and workflow.now() >= until


def _at_once(until: datetime | None) -> datetime | None:
    """The deadline of an attempt that only reports what was done."""
    return min(until, workflow.now()) if until else until


def _grace() -> timedelta:
    return GRACE if workflow.patched("longer-grace") else FIRST_GRACE


def _called_off() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _reports_late(call: Call[Asked, Told], failure: Failure) -> bool:
    """True where one more attempt, past the deadline, can still report what was done on the devices."""
    return _on_devices(call) and failure.cause == "platform" and workflow.patched("late-reports")


def _on_devices(call: Call[Asked, Told]) -> bool:
    return call.queue == "gpu" and not call.bookkeeping


def _pause(failure: Failure, own: int, until: datetime | None) -> float:
    """Seconds before the next attempt; never past the deadline."""
    pause = 1.0 if failure.infrastructure else min(2.0**own, 60.0)
    return pause if until is None else max(min(pause, (until - workflow.now()).total_seconds()), 0.0)
