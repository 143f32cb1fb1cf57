"""AGGREGATING: what is chosen is scored, estimated, refitted, checked and packaged by the system itself."""

import asyncio
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel
from temporalio import workflow

from schemas.candidate import Candidate, Member
from schemas.delivery import DeliveryRequest, Estimated, PackageRequest, Refitted, Verified
from schemas.event import ChoiceMade, DeliveryVerified, Overrun, RefitEnded, ReportScored
from schemas.metric import Score
from schemas.role import AggregateReport
from schemas.state import RunState
from workflows import limits
from workflows.attempts import Attempts, GivenUp
from workflows.calls import ESTIMATE, PACKAGE, REFIT, VERIFY, Call
from workflows.invocations import Invocations
from workflows.record import Record
from workflows.scoring import Scoring

Told = TypeVar("Told", bound=BaseModel)
LEAST_DELIVERY = timedelta(minutes=10)  # that delivery may take past the deadline, at least


class Delivery:
    """From trained candidates to a verified package; a candidate that fails here gives way to the next."""

    def __init__(self, record: Record, attempts: Attempts, invocations: Invocations) -> None:
        self._record = record
        self._attempts = attempts
        self._invocations = invocations
        self._scoring = Scoring(record, attempts)
        self._deadline = record.state.clock.deadline  # of the delivery under way
        self._allowances = 2  # for all choices, and for them again where an outage took the first

    async def run(self) -> str | None:
        """None once something is delivered, else why nothing could be."""
        standing = ranked(self._record.state)
        if not standing:
            return _nothing_trained(self._record.state)
        problems: list[str] = []
        choice = await self._choose(standing[0])
        while choice is not None:
            problem = await self._deliver(choice)
            if problem is not None and workflow.now() >= self._deadline and not self._record.state.stop:
                problem = await self._deliver(choice)  # its time went with an outage, not with its work
            if problem is None or self._record.state.stop == "now":
                self._overrun()
                return problem
            problems.append(problem)
            failed = (
                {member.candidate for member in choice.report.members} if len(choice.report.members) == 1 else set()
            )
            standing = [candidate for candidate in standing if candidate.number not in failed]
            choice = self._fall_back(standing, problem) if standing else None
        return "nothing passed the final check: " + "; ".join(problems)

    async def _choose(self, leader: Candidate) -> ChoiceMade | None:
        """The aggregator's choice, if the scorer finds it no worse than the leader alone."""
        budget = self._record.state.clock.deadline - workflow.now()
        until = workflow.now() + max(budget / 3, timedelta(seconds=60))
        report = await self._invocations.aggregate(until)
        if report is None:
            return self._fall_back([leader], "the aggregator gave no choice")
        score = await self._scoring.score(
            report.members, report.method, f"score.{report.invocation}", threshold=report.threshold
        )
        if isinstance(score, str):
            return self._fall_back([leader], f"the aggregator's choice could not be scored: {score}")
        best = leader.best.score if leader.best else None
        if best is not None and best.beats(score):
            return self._fall_back(
                [leader], f"the aggregator's choice scores {score.value:.6g}, the leader {best.value:.6g}"
            )
        return self._made(report, score)

    def _fall_back(self, standing: list[Candidate], why: str) -> ChoiceMade:
        candidate = standing[0]
        assert candidate.best is not None, "only what was trained stands"
        assert candidate.best.score is not None, "only what was scored stands"
        member = Member(candidate=candidate.number, job=candidate.best.job, revision=candidate.best.revision)
        summary = f"Candidate {candidate.number} alone, by the workflow itself: {why}"[:8_000]
        report = AggregateReport(invocation="workflow", summary=summary, members=(member,), method="single")
        return self._made(report, candidate.best.score)

    def _made(self, report: AggregateReport, score: Score) -> ChoiceMade:
        choice = ChoiceMade(report=report, score=score)
        self._record.add(choice)
        return choice

    async def _deliver(self, choice: ChoiceMade) -> str | None:
        """One choice to its end; why it cannot be delivered, or None."""
        request = self._request(choice)
        # both only train, and neither needs the other's model
        estimated, refitted = await asyncio.gather(self._estimate(request), self._refit(request))
        if estimated.problem is not None and request.task.split.folds and not refitted:
            return f"the model could not be trained on all its rows: {estimated.problem}"
        for final in (True, False) if refitted else (False,):
            problem = await self._check(request.model_copy(update={"refitted": final}))
            if problem is None:
                return None
        return problem

    async def _estimate(self, request: DeliveryRequest) -> Estimated:
        told = await self._step(ESTIMATE, request)
        estimated = Estimated(problem=told) if isinstance(told, str) else told
        self._record.add(ReportScored(estimated=estimated))
        return estimated

    async def _refit(self, request: DeliveryRequest) -> bool:
        state = self._record.state
        if not state.spec.settings.refit:
            return False
        left = limits.seconds_left(state, workflow.now())
        needed = refit_seconds(state, request)
        if needed > left:
            refitted = Refitted(done=False, problem=f"a refit takes about {needed:.0f} s, and {left:.0f} s are left")
        else:
            told = await self._step(REFIT, request)
            refitted = Refitted(done=False, problem=told) if isinstance(told, str) else told
        self._record.add(RefitEnded(refitted=refitted))
        return refitted.done

    async def _check(self, request: DeliveryRequest) -> str | None:
        verified = await self._step(VERIFY, request)
        if isinstance(verified, str):
            verified = Verified(passed=False, problem=verified)
        if verified.passed:
            packaged = await self._package(PackageRequest(delivery=request, verified=verified))
            if packaged is not None:
                verified = verified.model_copy(update={"passed": False, "problem": packaged})
        self._record.add(DeliveryVerified(verified=verified, refitted=request.refitted))
        if verified.passed:
            return None
        failed = "; ".join(f"{finding.name}: {finding.detail}" for finding in verified.findings if not finding.passed)
        return verified.problem or failed or "the final check failed"

    async def _package(self, request: PackageRequest) -> str | None:
        name = request.delivery.invocation + ".package"
        try:
            await self._attempts.run(PACKAGE, request, invocation=name, summary="package")
        except GivenUp as error:
            return error.why
        return None

    async def _step(self, call: Call[DeliveryRequest, Told], request: DeliveryRequest) -> Told | str:
        invocation = f"{request.invocation}.{call.name}" + (".refitted" if request.refitted else "")
        try:
            return await self._attempts.run(call, request, invocation=invocation, summary=call.name)
        except GivenUp as error:
            return error.why

    def _request(self, choice: ChoiceMade) -> DeliveryRequest:
        state = self._record.state
        assert state.task is not None, "a run is prepared before it delivers"
        self._deadline = self._until()
        return DeliveryRequest(
            run=state.spec.run,
            task=state.task,
            invocation=f"delivery.{state.seq}",
            members=choice.report.members,
            method=choice.report.method,
            threshold=choice.report.threshold,
            revision=choice.report.revision,
            environment=state.environment,
            sandbox=state.sandbox or state.spec.settings.sandbox,
            deadline=self._deadline,
        )

    def _until(self) -> datetime:
        """Choices share one allowance past the run's deadline; each has a least time of its own."""
        state, now = self._record.state, workflow.now()
        given = self._allowances == 0 or (self._allowances == 1 and now < self._deadline)
        if given and workflow.patched("one-allowance"):
            return max(self._deadline, now + LEAST_DELIVERY)
        self._allowances = max(self._allowances - 1, 0)
        return max(state.clock.deadline, now) + max(LEAST_DELIVERY, timedelta(seconds=state.budget.seconds / 4))

    def _overrun(self) -> None:
        late = (workflow.now() - self._record.state.clock.deadline).total_seconds()
        if late > 0:
            self._record.add(Overrun(seconds=round(late, 1)))


def ranked(state: RunState) -> list[Candidate]:
    """Scored candidates, the best first."""
    rest = [c for c in state.candidates.values() if c.best is not None and c.best.score is not None]
    order: list[Candidate] = []
    while rest:
        best = rest[0]
        for other in rest[1:]:
            if other.best and other.best.score and other.best.score.beats(best.best.score if best.best else None):
                best = other
        order.append(best)
        rest.remove(best)
    return order


def refit_seconds(state: RunState, request: DeliveryRequest) -> float:
    """About what training the members on all rows takes: it must end by the deadline, the checks after it need not."""
    known = [state.candidates[member.candidate].best for member in request.members]
    return limits.delivery_seconds(state, [best.seconds for best in known if best is not None])


def _nothing_trained(state: RunState) -> str:
    if not state.candidates:
        return "no candidate was designed"
    lasts = "; ".join(f"candidate {c.number}: {c.last[:300] or c.status}" for c in state.candidates.values())
    return f"no candidate was trained to a score. {lasts}"
