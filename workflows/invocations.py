"""Invocations of the five working roles: started, awaited, verified, recorded."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow

from schemas.budget import Spend
from schemas.candidate import Member, Trial
from schemas.decision import Code, Design, Tune
from schemas.delivery import AccountRequest, ScoreRequest
from schemas.event import InvocationFailed, InvocationReported, InvocationStarted, ScoreRejected, TrialScored
from schemas.metric import Score
from schemas.role import (
    AggregateReport,
    AggregateRequest,
    AnyReport,
    AnyRequest,
    CodeRequest,
    DesignRequest,
    Role,
    SetupRequest,
    TuneReport,
    TuneRequest,
)
from schemas.task import Task
from workflows.attempts import Attempts, GivenUp
from workflows.calls import ACCOUNT, AGGREGATE, CODE, DESIGN, SCORE, SETUP, TUNE, Call
from workflows.limits import explore_until, seconds_left
from workflows.record import Record

Asked = TypeVar("Asked", SetupRequest, DesignRequest, CodeRequest, TuneRequest, AggregateRequest)
SAME = 1e-9  # relative; the scorer is deterministic


class Invocations:
    """What is in flight, by invocation id."""

    def __init__(self, record: Record, attempts: Attempts) -> None:
        self._record = record
        self._attempts = attempts
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reported: set[str] = set()  # whose reports are being verified: nothing is left to cancel

    @property
    def state_task(self) -> Task:
        task = self._record.state.task
        assert task is not None, "a run is prepared before a role is called"
        return task

    async def setup(self, until: datetime) -> None:
        request = SetupRequest(**self._common(Role.SETUP, None, until))
        await self._invoke(SETUP, request, "setup")

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
        report = await self._invoke(AGGREGATE, request, "aggregator")
        usable = isinstance(report, AggregateReport) and report.problem is None and bool(report.members)
        return report if usable and isinstance(report, AggregateReport) else None

    def design(self, decision: Design, answer: str) -> str:
        state, number = self._record.state, decision.candidate
        known = state.candidates.get(number)
        parents = tuple((parent.candidate, parent.revision) for parent in decision.parents)
        request = DesignRequest(
            **self._common(Role.DESIGNER, number, explore_until(state)),
            candidate=number,
            brief=decision.brief,
            revision=known.revision if known else None,
            parents=parents,
            card=known,
            others=tuple(c for c in state.candidates.values() if c.number != number),
        )
        return self._launch(DESIGN, request, f"designer, candidate {number}", answer, parents=parents)

    def code(self, decision: Code, answer: str) -> str:
        state, number = self._record.state, decision.candidate
        request = CodeRequest(
            **self._common(Role.CODER, number, explore_until(state)),
            candidate=number,
            brief=decision.brief,
            revision=state.candidates[number].revision or "",
        )
        return self._launch(CODE, request, f"coder, candidate {number}", answer)

    def tune(self, decision: Tune, answer: str) -> str:
        """No training outlasts the time for exploring: what was asked for is cut to what is left."""
        state, number = self._record.state, decision.candidate
        until = min(workflow.now() + timedelta(minutes=decision.minutes), explore_until(state))
        request = TuneRequest(
            **self._common(Role.TUNER, number, until),
            candidate=number,
            brief=decision.brief,
            revision=state.candidates[number].revision or "",
            seconds=(until - workflow.now()).total_seconds(),
            card=state.candidates[number],
        )
        minutes = request.seconds / 60
        return self._launch(TUNE, request, f"tuner, candidate {number}, {minutes:.0f} min", answer)

    def cancel(self, candidate: int | None = None) -> None:
        """Asks the invocations of a candidate, or all, to stop; their jobs are stopped and their reports recorded."""
        for invocation, flight in self._record.state.in_flight.items():
            mine = candidate in (None, flight.candidate) and invocation not in self._reported
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

    def _common(self, role: Role, candidate: int | None, until: datetime) -> dict[str, Any]:
        state = self._record.state
        number = state.invocations + 1
        middle = "" if candidate is None else f".{candidate}"
        return {
            "run": state.spec.run,
            "invocation": f"{role}{middle}.{number}",
            "model": state.spec.model_for(role),
            "task": self.state_task,
            "deadline": until,
            "environment": state.environment,
            "sandbox": state.sandbox or state.spec.settings.sandbox,
            "seed": state.spec.settings.seed,
            "max_turns": state.spec.settings.max_turns,
            "training_seconds": state.budget.training_seconds,
        }

    def _launch(
        self,
        call: Call[Asked, Any],
        request: Asked,
        summary: str,
        answer: str,
        parents: tuple[tuple[int, str], ...] = (),
    ) -> str:
        self._begin(request, answer, parents)
        self._tasks[request.invocation] = asyncio.create_task(self._quietly(self._carry(call, request, summary)))
        return request.invocation

    @staticmethod
    async def _quietly(work: Coroutine[Any, Any, AnyReport | None]) -> None:
        await work

    async def _invoke(self, call: Call[Asked, Any], request: Asked, summary: str) -> AnyReport | None:
        self._begin(request, "")
        return await self._carry(call, request, summary)

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

    async def _carry(self, call: Call[Asked, Any], request: Asked, summary: str) -> AnyReport | None:
        """One invocation to its end; what went wrong is an event, never an exception."""
        try:
            report: AnyReport = await self._attempts.run(
                call, request, invocation=request.invocation, summary=summary, until=request.deadline
            )
        except GivenUp as error:
            await self._failed(request, error.why)
            return None
        except asyncio.CancelledError:
            await self._failed(request, "cancelled between its attempts")
            return None
        if isinstance(report, TuneReport):
            self._reported.add(request.invocation)
            await self._verify(report)
            self._reported.discard(request.invocation)
        self._record.add(InvocationReported(invocation=request.invocation, report=report), tell=True)
        return report

    async def _failed(self, request: AnyRequest, why: str) -> None:
        spend = await self._account(request)
        self._record.add(
            InvocationFailed(
                invocation=request.invocation,
                role=request.role,
                candidate=getattr(request, "candidate", None),
                why=why,
                spend=spend,
            ),
            tell=True,
        )

    async def _account(self, request: AnyRequest) -> Spend:
        """What an invocation without a report has cost, by its journal."""
        asked = AccountRequest(run=request.run, invocation=request.invocation)
        name = f"account.{request.invocation}"
        try:
            return await self._attempts.run(ACCOUNT, asked, invocation=name, summary=name)
        except GivenUp:
            return Spend(dollars=None)

    async def _verify(self, report: TuneReport) -> None:
        """Scores the best trial again; only then does it count. After a false claim the next is looked at."""
        claims = [trial for trial in report.trials if not trial.quick and trial.score is not None]
        while claims:
            claimed = _leading(claims)
            score = await self.score(claimed_members(report.candidate, claimed), "single", f"score.{claimed.job}")
            if isinstance(score, Score) and claimed.score is not None and same(score.value, claimed.score.value):
                self._count(report, claimed, score)
                return
            found = score if isinstance(score, str) else f"the scorer finds {score.value}, not {claimed.score}"
            self._record.add(
                ScoreRejected(
                    invocation=report.invocation, candidate=report.candidate, job=claimed.job, why=found[:8_000]
                ),
                tell=True,
            )
            claims.remove(claimed)

    def _count(self, report: TuneReport, trial: Trial, score: Score) -> None:
        self._record.add(
            TrialScored(
                invocation=report.invocation,
                candidate=report.candidate,
                job=trial.job,
                revision=trial.revision,
                score=score,
                seconds=trial.seconds,
                note=trial.note,
            )
        )

    async def score(self, members: tuple[Member, ...], method: Any, invocation: str) -> Score | str:
        """The scorer's word on members, or why it has none."""
        request = ScoreRequest(run=self._record.state.spec.run, task=self.state_task, members=members, method=method)
        try:
            return await self._attempts.run(SCORE, request, invocation=invocation, summary=invocation)
        except GivenUp as error:
            return error.why


def claimed_members(candidate: int, trial: Trial) -> tuple[Member, ...]:
    return (Member(candidate=candidate, job=trial.job, revision=trial.revision),)


def same(left: float, right: float) -> bool:
    return abs(left - right) <= SAME * max(abs(left), abs(right), 1.0)


def _leading(trials: list[Trial]) -> Trial:
    best = trials[0]
    for trial in trials[1:]:
        if trial.score is not None and trial.score.beats(best.score):
            best = trial
    return best
