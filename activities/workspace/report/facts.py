"""What a run's ledger says, arranged for its readers."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from activities.agent.booking import Amount
from activities.models.prices import FREE
from activities.workspace.layout import Layout
from activities.workspace.report.calls import ModelCall, lost_at_most, model_calls
from activities.workspace.report.history import (
    Asked,
    E,
    Invocation,
    Training,
    Turn,
    asked,
    events,
    invocations,
    trainings,
    turns,
)
from activities.workspace.report.record import Record
from schemas.budget import Budget, Clock
from schemas.delivery import Estimated, Prepared, Refitted, Verified
from schemas.event import (
    CandidateDiscarded,
    ChoiceMade,
    DeliveryVerified,
    InvocationFailed,
    InvocationReported,
    LedgerEntry,
    PhaseEntered,
    RefitEnded,
    ReportScored,
    RunEnded,
    RunExtended,
    RunPaused,
    RunPrepared,
    RunResumed,
    RunStarted,
)
from schemas.job import JobState
from schemas.message import Search
from schemas.role import AggregateReport, DesignReport, Role
from schemas.run import RunSpec
from schemas.task import Task

OWNER = re.compile(r"^(?:designer|coder|tuner)\.(\d+)\.|\.c(\d+)$")


@dataclass(frozen=True)
class Line:
    """A candidate as reports show it."""

    number: int
    approach: str
    family: str
    status: str
    parents: tuple[tuple[int, str], ...]
    trainings: tuple[Training, ...]
    best: Training | None
    revisions: int
    discarded: str | None
    last: str


@dataclass(frozen=True)
class Facts:
    """A run as its ledger tells it. Every part may be missing: a run can end at any moment."""

    record: Record
    delivering: DeliveryVerified | None = None  # what is about to enter the ledger

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        return self.record.entries

    def all(self, kind: type[E]) -> list[tuple[datetime, E]]:
        return events(self.entries, kind)

    def last(self, kind: type[E]) -> E | None:
        found = self.all(kind)
        return found[-1][1] if found else None

    @cached_property
    def spec(self) -> RunSpec | None:
        event = self.last(RunStarted)
        return event.spec if event else None

    @cached_property
    def prepared(self) -> Prepared | None:
        event = self.last(RunPrepared)
        return event.prepared if event else None

    @cached_property
    def task(self) -> Task | None:
        return self.prepared.task if self.prepared else self.record.task

    @cached_property
    def name(self) -> str:
        if self.task:
            return self.task.name
        return self.spec.name if self.spec else self.record.folder.name

    @cached_property
    def run(self) -> str:
        return self.spec.run.id if self.spec else self.record.folder.name

    @cached_property
    def clock(self) -> Clock | None:
        """The clock that held last."""
        events = [event for entry in self.entries if isinstance(event := entry.event, RunStarted | RunExtended)]
        return events[-1].clock if events else None

    @cached_property
    def budget(self) -> Budget | None:
        extended = self.last(RunExtended)
        if extended:
            return extended.budget
        return self.spec.budget if self.spec else None

    @cached_property
    def started(self) -> datetime | None:
        return self.entries[0].at if self.entries else None

    @cached_property
    def until(self) -> datetime | None:
        """The run's end, or the last fact known."""
        ended = self.all(RunEnded)
        if ended:
            return ended[-1][0]
        return max((entry.at for entry in self.entries), default=None)

    @cached_property
    def end(self) -> RunEnded | None:
        return self.last(RunEnded)

    @cached_property
    def phase(self) -> str:
        if self.end:
            return self.end.phase
        entered = self.last(PhaseEntered)
        return entered.phase if entered else "PREPARING"

    @cached_property
    def choice(self) -> ChoiceMade | None:
        return self.last(ChoiceMade)

    def _of_choice(self, kind: type[E]) -> E | None:
        """The last such event since the last choice: an earlier choice that failed its check has its own."""
        seqs = [entry.seq for entry in self.entries if isinstance(entry.event, ChoiceMade)]
        found = [e.event for e in self.entries if seqs and e.seq > seqs[-1] and isinstance(e.event, kind)]
        return found[-1] if found else None

    @cached_property
    def estimated(self) -> Estimated | None:
        event = self._of_choice(ReportScored)
        return event.estimated if event else None

    @cached_property
    def report_looks(self) -> int:
        """How often `report` was looked at: once, unless a choice failed its check and another took its place."""
        return sum(1 for _, event in self.all(ReportScored) if event.estimated.score)

    @cached_property
    def refitted(self) -> Refitted | None:
        event = self._of_choice(RefitEnded)
        return event.refitted if event else None

    @cached_property
    def delivery(self) -> DeliveryVerified | None:
        return self.delivering or self._of_choice(DeliveryVerified)

    @cached_property
    def verified(self) -> Verified | None:
        return self.delivery.verified if self.delivery else None

    @cached_property
    def members(self) -> tuple[int, ...]:
        """Candidates in the final choice."""
        return tuple(dict.fromkeys(m.candidate for m in self.choice.report.members)) if self.choice else ()

    @cached_property
    def invocations(self) -> tuple[Invocation, ...]:
        return tuple(invocations(self.entries))

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """All that roles were asked: what it cost together is what they cost the run."""
        own = self.spec.model_for(Role.MANAGER) if self.spec else None
        return tuple(asked(self.entries, self.invocations, own))

    @cached_property
    def calls(self) -> tuple[ModelCall, ...]:
        """Every call of a language model, in the order of the work."""
        spoken = [one.name for one in self.asked if one.model and one.model.name not in FREE]
        return tuple(model_calls(Layout(self.record.folder), spoken))

    @cached_property
    def lost_at_most(self) -> Amount:
        return lost_at_most(Layout(self.record.folder))

    @cached_property
    def searches(self) -> tuple[tuple[str, Search], ...]:
        """What was searched for in the web, with the invocation that did."""
        reported = [(event.report.invocation, event.report.searches) for _, event in self.all(InvocationReported)]
        failed = [(event.invocation, event.searches) for _, event in self.all(InvocationFailed)]
        return tuple((name, search) for name, found in (*reported, *failed) for search in found)

    @cached_property
    def trainings(self) -> tuple[Training, ...]:
        return tuple(sorted(trainings(self.entries, self.record.jobs, self.record.left), key=lambda found: found.at))

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(turns(self.entries, self.invocations))

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        numbers = {i.event.candidate for i in self.invocations} | {t.candidate for t in self.trainings}
        return tuple(_line(self, number) for number in sorted(n for n in numbers if n is not None))

    @cached_property
    def leader(self) -> Line | None:
        """The candidate whose counting score is the best."""
        leader: Line | None = None
        for line in self.lines:
            mine = line.best.trial.score if line.best else None
            theirs = leader.best.trial.score if leader and leader.best else None
            if mine is not None and mine.beats(theirs):
                leader = line
        return leader

    @cached_property
    def looks(self) -> int:
        """How many trainings were scored on `select`."""
        return sum(1 for training in self.trainings if training.trial.score is not None)

    @cached_property
    def blends_looked_at(self) -> int:
        """How many choices the aggregator compared on `select`."""
        told = (event.report for _, event in self.all(InvocationReported))
        return sum(report.looks for report in told if isinstance(report, AggregateReport))

    @cached_property
    def pauses(self) -> tuple[tuple[datetime, datetime, RunPaused], ...]:
        return tuple(_pauses(self))

    def owner(self, job: JobState) -> int | None:
        """The candidate that a job worked for, where its trials or its id tell."""
        for training in self.trainings:
            if training.trial.job == job.id:
                return training.candidate
        named = OWNER.search(job.id)
        return int(named[1] or named[2]) if named else None


def _line(facts: Facts, number: int) -> Line:
    mine = [i for i in facts.invocations if i.event.candidate == number]
    designs = [i.report for i in mine if isinstance(i.report, DesignReport) and not i.report.problem]
    trials = tuple(training for training in facts.trainings if training.candidate == number)
    dropped = [event for _, event in facts.all(CandidateDiscarded) if event.candidate == number]
    ends = [(i.report.summary if i.report and not i.problem else i.problem) or "" for i in mine if i.ended]
    return Line(
        number=number,
        approach=designs[-1].approach if designs else "",
        family=designs[-1].family if designs else "",
        status=_status(facts, mine, number, trials, bool(dropped)),
        parents=tuple(dict.fromkeys(parent for i in mine for parent in i.event.parents)),
        trainings=trials,
        best=_best(trials),
        revisions=len({getattr(i.report, "revision", None) for i in mine} - {None}),
        discarded=dropped[-1].why if dropped else None,
        last=ends[-1] if ends else "",
    )


def _status(facts: Facts, mine: Iterable[Invocation], number: int, trials: tuple[Training, ...], dropped: bool) -> str:
    done = {i.event.role for i in mine if i.outcome == "reported"}
    if number in facts.members:
        return "chosen"
    if dropped:
        return "discarded"
    if any(training.counts for training in trials):
        return "trained"
    if Role.CODER in done:
        return "coded"
    return "designed" if Role.DESIGNER in done else "begun"


def _best(trials: Iterable[Training]) -> Training | None:
    best: Training | None = None
    for training in trials:
        score = training.trial.score
        if training.verified and training.counts and score and score.beats(best.trial.score if best else None):
            best = training
    return best


def _pauses(facts: Facts) -> Iterator[tuple[datetime, datetime, RunPaused]]:
    begun: tuple[datetime, RunPaused] | None = None
    for entry in facts.entries:
        match entry.event:
            case RunPaused() as event if begun is None:
                begun = (entry.at, event)
            case RunResumed() | RunEnded() if begun is not None:
                yield begun[0], entry.at, begun[1]
                begun = None
    if begun and facts.until:
        yield begun[0], facts.until, begun[1]
