"""Invocations of the five working roles: started, awaited, verified, recorded."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow

from schemas.decision import Code, Design, Tune
from schemas.event import InvocationFailed, InvocationReported, InvocationStarted
from schemas.role import (
    AggregateReport,
    AggregateRequest,
    AnyReport,
    AnyRequest,
    CodeRequest,
    DesignReport,
    DesignRequest,
    Role,
    SetupRequest,
    TuneReport,
    TuneRequest,
    searches,
)
from workflows import asking, provision, routing
from workflows.accounting import account
from workflows.attempts import Attempts, GivenUp
from workflows.calls import AGGREGATE, CODE, DESIGN, SETUP, TUNE, Call
from workflows.limits import explore_until, seconds_left
from workflows.record import Record
from workflows.scoring import Scoring

Asked = TypeVar("Asked", SetupRequest, DesignRequest, CodeRequest, TuneRequest, AggregateRequest)


class Invocations:
    """What is in flight, by invocation id."""

    def __init__(self, record: Record, attempts: Attempts) -> None:
        self._record = record
        self._attempts = attempts
        self._scoring = Scoring(record, attempts)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[str] = set()  # whose reports are verified, or whose costs counted: nothing is left to cancel
        self._providing = asyncio.Lock()  # one at a time: each layers on the environment that the last one left

    async def setup(self, until: datetime) -> None:
        request = SetupRequest(**self._common(Role.SETUP, None, until))
        await self._invoke(SETUP, request)

    async def aggregate(self, until: datetime) -> AggregateReport | None:
        """The aggregator's report; None if it gave none that can be used."""
        trained = tuple(c for c in self._record.state.candidates.values() if c.best is not None)
        now = workflow.now()
        request = AggregateRequest(
            **self._common(Role.AGGREGATOR, None, until),
            candidates=trained,
            seconds=(until - now).total_seconds(),
            run_seconds=seconds_left(self._record.state, now),
        )
        report = await self._invoke(AGGREGATE, request)
        usable = isinstance(report, AggregateReport) and report.problem is None and bool(report.members)
        return report if usable and isinstance(report, AggregateReport) else None

    def design(self, decision: Design, answer: str) -> str:
        state, number = self._record.state, decision.candidate
        known = state.candidates.get(number)
        parents = tuple((parent.candidate, parent.revision) for parent in decision.parents)
        request = DesignRequest(
            **self._common(Role.DESIGNER, number, explore_until(state), routing.routine(decision, known)),
            candidate=number,
            brief=decision.brief,
            revision=known.revision if known else None,
            parents=parents,
            card=known,
            others=tuple(c for c in state.candidates.values() if c.number != number),
        )
        return self._launch(DESIGN, request, answer, parents=parents)

    def code(self, decision: Code, answer: str) -> str:
        state, number = self._record.state, decision.candidate
        known = state.candidates[number]
        request = CodeRequest(
            **self._common(Role.CODER, number, explore_until(state), routing.routine(decision, known)),
            candidate=number,
            brief=decision.brief,
            revision=known.revision or "",
        )
        return self._launch(CODE, request, answer)

    def tune(self, decision: Tune, answer: str) -> str:
        """No training outlasts the time for exploring: what was asked for is cut to what is left."""
        state, number = self._record.state, decision.candidate
        known = state.candidates[number]
        until = min(workflow.now() + timedelta(minutes=decision.minutes), explore_until(state))
        request = TuneRequest(
            **self._common(Role.TUNER, number, until, routing.routine(decision, known)),
            candidate=number,
            brief=decision.brief,
            revision=known.revision or "",
            seconds=(until - workflow.now()).total_seconds(),
            card=known,
        )
        return self._launch(TUNE, request, answer)

    def cancel(self, candidate: int | None = None) -> None:
        """Asks the invocations of a candidate, or all, to stop; their jobs are stopped and their reports recorded."""
        for invocation, flight in self._record.state.in_flight.items():
            mine = candidate in (None, flight.candidate) and invocation not in self._ending
            if mine and invocation in self._tasks:
                self._tasks[invocation].cancel()

    async def landed(self) -> None:
        """Waits until nothing is in flight."""
        while self._tasks:
            await workflow.wait(list(self._tasks.values()))
            self.sweep()

    def sweep(self) -> None:
        """Forgets tasks that ended, and lets their errors be seen."""
        for invocation in [name for name, task in self._tasks.items() if task.done()]:
            task = self._tasks.pop(invocation)
            if not task.cancelled():
                task.result()

    def _common(self, role: Role, candidate: int | None, until: datetime, routine: str | None = None) -> dict[str, Any]:
        state = self._record.state
        assert state.task is not None, "a run is prepared before a role is called"
        model = asking.choice(state.spec, role, routine)
        number = state.invocations + 1
        middle = "" if candidate is None else f".{candidate}"
        return {
            "run": state.spec.run,
            "invocation": f"{role}{middle}.{number}",
            "model": model,
            "task": state.task,
            "deadline": until,
            "environment": state.environment,
            "sandbox": state.sandbox or state.spec.settings.sandbox,
            "seed": state.spec.settings.seed,
            "max_turns": state.spec.settings.max_turns,
            "training_seconds": state.budget.training_seconds,
            **asking.terms(state, role, model),
            "web": searches(model.name) and state.spec.settings.web,
        }

    def _launch(
        self,
        call: Call[Asked, Any],
        request: Asked,
        answer: str,
        parents: tuple[tuple[int, str], ...] = (),
    ) -> str:
        self._begin(request, answer, parents)
        self._spawn(request.invocation, self._carry(call, request))
        return request.invocation

    def _spawn(self, invocation: str, work: Coroutine[Any, Any, AnyReport | None]) -> None:
        self._tasks[invocation] = asyncio.create_task(self._quietly(work))

    @staticmethod
    async def _quietly(work: Coroutine[Any, Any, AnyReport | None]) -> None:
        await work

    async def _invoke(self, call: Call[Asked, Any], request: Asked) -> AnyReport | None:
        self._begin(request, "")
        return await self._carry(call, request)

    def _begin(self, request: AnyRequest, answer: str, parents: tuple[tuple[int, str], ...] = ()) -> None:
        self._record.add(
            InvocationStarted(
                invocation=request.invocation,
                role=request.role,
                model=request.model,
                candidate=getattr(request, "candidate", None),
                parents=parents,
                brief=getattr(request, "brief", ""),
                seconds=getattr(request, "seconds", None),
                deadline=request.deadline,
                answer=answer,
            )
        )

    async def _carry(self, call: Call[Asked, Any], request: Asked) -> AnyReport | None:
        """One invocation to its end; what went wrong is an event, never an exception."""
        try:
            report: AnyReport = await self._attempts.run(
                call,
                request,
                invocation=request.invocation,
                summary=asking.summary(request),
                until=request.deadline,
            )
        except GivenUp as error:
            await self._failed(request, error.why)
            return None
        except asyncio.CancelledError:
            await self._failed(request, "cancelled between its attempts")
            return None
        if isinstance(report, TuneReport):
            self._ending.add(request.invocation)
            await self._scoring.verify(report)
            self._ending.discard(request.invocation)
        self._record.fell_back(request.invocation, request.role, request.model, report.fell_back)
        self._record.add(InvocationReported(invocation=request.invocation, report=report), tell=True)
        if isinstance(report, DesignReport) and report.problem is None:
            self._provide(report)
        return report

    def _provide(self, report: DesignReport) -> None:
        """Starts the setup that a design asks for; until it reports, the candidate is busy."""
        task, state = asyncio.current_task(), self._record.state
        if task is not None and task.cancelling():
            return  # the design was called off, and came all the same
        weights = provision.missing(state, report)
        if not (weights or report.packages) or not provision.admitted(state, report.candidate, workflow.now()):
            return
        request = SetupRequest(
            **self._common(Role.SETUP, report.candidate, explore_until(state)),
            candidate=report.candidate,
            weights=weights,
            packages=report.packages,
        )
        self._begin(request, "")
        self._spawn(request.invocation, self._provided(request))

    async def _provided(self, request: SetupRequest) -> AnyReport | None:
        try:
            await self._providing.acquire()
        except asyncio.CancelledError:
            await self._failed(request, "cancelled before it began")
            return None
        try:
            now = {"environment": self._record.state.environment}
            return await self._carry(SETUP, request.model_copy(update=now))
        finally:
            self._providing.release()

    async def _failed(self, request: AnyRequest, why: str) -> None:
        if workflow.patched("accounted-all-the-same"):
            self._ending.add(request.invocation)
        told = await account(self._attempts, request.run, request.invocation)
        self._ending.discard(request.invocation)
        self._record.fell_back(request.invocation, request.role, request.model, told.fell_back)
        self._record.add(
            InvocationFailed(
                invocation=request.invocation,
                role=request.role,
                candidate=getattr(request, "candidate", None),
                why=why,
                spend=told.spend,
                searches=told.searches,
            ),
            tell=True,
        )
