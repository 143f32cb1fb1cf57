"""A run's invocations, trials and turns, drawn from its ledger. Pure: every function is a scan over the entries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from activities.workspace.report.record import LeftTrial
from schemas.base import Record as Fact
from schemas.budget import Spend
from schemas.candidate import Trial
from schemas.decision import Decision
from schemas.event import (
    AttemptFailed,
    DecisionRefused,
    InvocationFailed,
    InvocationReported,
    InvocationStarted,
    LedgerEntry,
    ManagerDecided,
    ScoreRejected,
    TrialScored,
)
from schemas.job import JobState
from schemas.role import AnyReport, ModelChoice, Role, TuneReport

E = TypeVar("E", bound=Fact)
_ROLES = {"design": Role.DESIGNER, "code": Role.CODER, "tune": Role.TUNER}


@dataclass(frozen=True)
class Invocation:
    """One call of a role, from its start to its report or failure; `ended` is None while it runs."""

    started: datetime
    ended: datetime | None
    event: InvocationStarted
    report: AnyReport | None
    problem: str | None
    failures: tuple[tuple[datetime, AttemptFailed], ...]
    spend: Spend

    @property
    def outcome(self) -> Literal["reported", "failed", "running"]:
        if self.ended is None:
            return "running"
        return "failed" if self.problem else "reported"


@dataclass(frozen=True)
class Training:
    """One trial, in its place. `verified` if the workflow computed its score again; `reported` if its tuner's report
    came; `rejected` says why its score does not count.
    """

    at: datetime
    candidate: int
    invocation: str
    trial: Trial
    verified: bool
    rejected: str | None
    reported: bool = True

    @property
    def counts(self) -> bool:
        """True if it competes: a full trial that was reported, and whose score nobody took back."""
        return self.reported and self.trial.score is not None and not self.trial.quick and self.rejected is None


@dataclass(frozen=True)
class Act:
    """A decision and what came of it."""

    decision: Decision
    refused: str | None
    invocation: Invocation | None


@dataclass(frozen=True)
class Turn:
    at: datetime
    event: ManagerDecided
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Asked:
    """What a role was asked, and what that cost: an invocation, or a turn of the manager, which may have failed.

    `at` is when an invocation began or a turn ended. `model` is None where code decided.
    """

    at: datetime
    name: str
    role: Role
    candidate: int | None
    model: ModelChoice | None
    spend: Spend
    failures: int  # attempts


def events(entries: Iterable[LedgerEntry], kind: type[E]) -> list[tuple[datetime, E]]:
    """The events of one kind, with their times."""
    return [(entry.at, entry.event) for entry in entries if isinstance(entry.event, kind)]


def invocations(entries: Sequence[LedgerEntry]) -> Iterator[Invocation]:
    """Calls of roles, in the order of their start."""
    failures: dict[str, list[tuple[datetime, AttemptFailed]]] = {}
    ends: dict[str, tuple[datetime, InvocationReported | InvocationFailed]] = {}
    for entry in entries:
        match entry.event:
            case AttemptFailed() as event:
                failures.setdefault(event.invocation, []).append((entry.at, event))
            case InvocationReported() | InvocationFailed() as event:
                ends[event.invocation] = (entry.at, event)
    for entry in entries:
        if isinstance(entry.event, InvocationStarted):
            name = entry.event.invocation
            yield _invocation(entry.at, entry.event, ends.get(name), tuple(failures.get(name, ())))


def _invocation(
    at: datetime,
    event: InvocationStarted,
    end: tuple[datetime, InvocationReported | InvocationFailed] | None,
    failures: tuple[tuple[datetime, AttemptFailed], ...],
) -> Invocation:
    match end:
        case None:
            return Invocation(at, None, event, None, None, failures, Spend())
        case (ended, InvocationReported(report=report)):
            return Invocation(at, ended, event, report, report.problem, failures, report.spend)
        case (ended, InvocationFailed() as failed):
            return Invocation(at, ended, event, None, failed.why or "no reason was given", failures, failed.spend)
    raise AssertionError(end)


def asked(entries: Sequence[LedgerEntry], called: Iterable[Invocation], own: ModelChoice | None) -> list[Asked]:
    """All that was, in order of time; `own` is the manager's model by the settings: a turn that failed names none."""
    invoked = [
        Asked(i.started, i.event.invocation, i.event.role, i.event.candidate, i.event.model, i.spend, len(i.failures))
        for i in called
    ]
    return sorted([*_asked_of_manager(entries, own), *invoked], key=lambda one: one.at)


def _asked_of_manager(entries: Iterable[LedgerEntry], own: ModelChoice | None) -> Iterator[Asked]:
    failures: Counter[str] = Counter()
    for entry in entries:
        match entry.event:
            case AttemptFailed(invocation=name):
                failures[name] += 1
            case ManagerDecided(spend=spend, model=model) as event:
                name = event.invocation or f"manager.{event.turn}"
                yield Asked(entry.at, name, Role.MANAGER, None, model, spend, failures[name])
            case InvocationFailed(role=Role.MANAGER, invocation=name, spend=spend):
                yield Asked(entry.at, name, Role.MANAGER, None, own, spend, failures[name])


def trainings(
    entries: Sequence[LedgerEntry], jobs: Iterable[JobState], left: Iterable[LeftTrial]
) -> Iterator[Training]:
    """Trials as tuners report them, with the workflow's own score where it was computed again; then those left over
    from tuners that failed or still work.
    """
    scored = {event.job: event for _, event in events(entries, TrialScored)}
    rejected = {event.job: event.why for _, event in events(entries, ScoreRejected)}
    ended = {job.id: job.ended_at for job in jobs}
    seen: set[str] = set()
    for at, event in events(entries, InvocationReported):
        report = event.report
        if not isinstance(report, TuneReport):
            continue
        for trial in report.trials:
            again = scored.get(trial.job)
            settled = trial.model_copy(update={"score": again.score}) if again else trial
            moment, why = ended.get(trial.job) or at, rejected.get(trial.job)
            yield Training(moment, report.candidate, event.invocation, settled, again is not None, why)
            seen.add(trial.job)
    for note in left:
        finished = ended.get(note.trial.job)
        if note.trial.job not in seen and finished:
            invocation = note.trial.job.rpartition(".")[0]
            verified = note.trial.job in scored
            yield Training(finished, note.candidate, invocation, note.trial, verified, None, reported=verified)


def turns(entries: Sequence[LedgerEntry], called: Sequence[Invocation]) -> Iterator[Turn]:
    """The policy's turns, each decision with the invocation that it led to, or why it was refused."""
    refusals = events(entries, DecisionRefused)
    by_answer = {i.event.answer: i for i in called if i.event.answer}
    taken: set[str] = set()
    for at, event in events(entries, ManagerDecided):
        refused = [refusal for _, refusal in refusals if refusal.turn == event.turn]
        acts = []
        for index, decision in enumerate(event.decisions):
            answer = event.answers[index] if index < len(event.answers) else ""
            why = _refusal(refused, decision, answer)
            made = None if why is not None else by_answer.get(answer) or _next(called, at, decision, taken)
            if made:
                taken.add(made.event.invocation)
            acts.append(Act(decision, why, made))
        yield Turn(at, event, tuple(acts))


def _refusal(refused: list[DecisionRefused], decision: Decision, answer: str) -> str | None:
    for refusal in refused:
        if (answer and refusal.answer == answer) or (not answer and refusal.decision == decision):
            return refusal.why
    return None


def _next(called: Sequence[Invocation], at: datetime, decision: Decision, taken: set[str]) -> Invocation | None:
    """The invocation that a policy without tool uses asked for: the first of its kind after the turn."""
    if decision.kind not in _ROLES:
        return None
    wanted = (_ROLES[decision.kind], getattr(decision, "candidate", None))
    for invocation in called:
        event = invocation.event
        if invocation.started >= at and event.invocation not in taken and (event.role, event.candidate) == wanted:
            return invocation
    return None
