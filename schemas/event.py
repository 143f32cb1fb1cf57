"""Facts of a run: a closed tagged union. The state is a fold of these, the ledger their chain."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Record, Short, Text
from schemas.budget import Budget, Clock, Spend
from schemas.decision import Decision
from schemas.delivery import Estimated, Prepared, Refitted, Verified
from schemas.message import Search
from schemas.metric import Score
from schemas.role import AggregateReport, CodeReport, DesignReport, ModelChoice, Role, SetupReport, TuneReport
from schemas.run import RunSpec

Phase = Literal["PREPARING", "EXPLORING", "AGGREGATING", "DONE", "STOPPED", "FAILED"]


class RunStarted(Record):
    kind: Literal["run_started"] = "run_started"
    spec: RunSpec
    clock: Clock


class RunPrepared(Record):
    kind: Literal["run_prepared"] = "run_prepared"
    prepared: Prepared


class PhaseEntered(Record):
    kind: Literal["phase_entered"] = "phase_entered"
    phase: Phase
    why: Text = ""


class ManagerDecided(Record):
    """One turn of the policy. `answers` pairs each decision with its tool use, where a model made it.

    `model` is the language model that was asked, `aside` a look in a conversation of its own.
    """

    kind: Literal["manager_decided"] = "manager_decided"
    turn: int
    invocation: str | None = None
    policy: str = "agent"  # what decided this turn: the manager agent, or a search policy (also in its stead)
    thought: Text = ""
    decisions: tuple[Decision, ...] = ()
    answers: tuple[str, ...] = ()
    spend: Spend = Spend()
    model: ModelChoice | None = None
    aside: bool = False


class DecisionRefused(Record):
    kind: Literal["decision_refused"] = "decision_refused"
    turn: int
    decision: Decision
    answer: str = ""
    why: Text


class InvocationStarted(Record):
    kind: Literal["invocation_started"] = "invocation_started"
    invocation: str
    role: Role
    model: ModelChoice
    candidate: int | None = None
    parents: tuple[tuple[int, str], ...] = ()
    brief: Text = ""
    seconds: float | None = None  # what it may take
    deadline: datetime
    answer: str = ""  # the manager's tool use that it answers


class AttemptFailed(Record):
    """An attempt ended without a report. `cause` says who must act: platform, person, or manager."""

    kind: Literal["attempt_failed"] = "attempt_failed"
    invocation: str
    attempt: int
    cause: Literal["platform", "person", "manager", "cancelled"]
    error: Short
    why: Text = ""
    again: bool = False


class InvocationReported(Record):
    kind: Literal["invocation_reported"] = "invocation_reported"
    invocation: str
    report: Annotated[
        SetupReport | DesignReport | CodeReport | TuneReport | AggregateReport, Field(discriminator="kind")
    ]


class InvocationFailed(Record):
    """No attempt reported, or the role said that it cannot be done."""

    kind: Literal["invocation_failed"] = "invocation_failed"
    invocation: str
    role: Role
    candidate: int | None = None
    why: Text
    spend: Spend = Spend()
    searches: tuple[Search, ...] = ()


class TrialScored(Record):
    """The scorer's own word on a training, computed again by the workflow before it counts."""

    kind: Literal["trial_scored"] = "trial_scored"
    invocation: str
    candidate: int
    job: str
    revision: str
    score: Score
    seconds: float
    note: Short = ""


class ScoreRejected(Record):
    """A score that was reported, and that the scorer did not find."""

    kind: Literal["score_rejected"] = "score_rejected"
    invocation: str
    candidate: int | None = None
    job: str
    why: Text


class FallbackUsed(Record):
    """Another model than the chosen one gave replies of an invocation."""

    kind: Literal["fallback_used"] = "fallback_used"
    invocation: str
    role: Role
    chosen: str
    used: str
    calls: int
    why: Text


class CandidateDiscarded(Record):
    kind: Literal["candidate_discarded"] = "candidate_discarded"
    candidate: int
    why: Text
    by: Literal["manager", "person"] = "manager"


class PersonSteered(Record):
    kind: Literal["person_steered"] = "person_steered"
    note: Text


class RunPaused(Record):
    """`until_room` is a folder with too little room on disk: once there is some, the run goes on by itself."""

    kind: Literal["run_paused"] = "run_paused"
    by: Literal["person", "system"]
    why: Text = ""
    until_room: str | None = None


class RunResumed(Record):
    kind: Literal["run_resumed"] = "run_resumed"
    by: Literal["person", "system"] = "person"
    why: Text = ""


class RunExtended(Record):
    """More time, money or calls. `clock` and `budget` are what holds now."""

    kind: Literal["run_extended"] = "run_extended"
    clock: Clock
    budget: Budget
    why: Text = ""


class StopRequested(Record):
    """A person wants the run to end; with `deliver`, what is trained is delivered first."""

    kind: Literal["stop_requested"] = "stop_requested"
    deliver: bool = False
    why: Text = ""


class LimitReached(Record):
    kind: Literal["limit_reached"] = "limit_reached"
    limit: Literal["explore_until", "deadline", "agent_calls", "dollars", "tokens"]
    why: Text = ""


class ChoiceMade(Record):
    """What will be delivered, with the scorer's value for it on `select`."""

    kind: Literal["choice_made"] = "choice_made"
    report: AggregateReport
    score: Score


class ReportScored(Record):
    kind: Literal["report_scored"] = "report_scored"
    estimated: Estimated


class RefitEnded(Record):
    kind: Literal["refit_ended"] = "refit_ended"
    refitted: Refitted


class DeliveryVerified(Record):
    kind: Literal["delivery_verified"] = "delivery_verified"
    verified: Verified
    refitted: bool = False


class Overrun(Record):
    """Delivery went on past the deadline."""

    kind: Literal["overrun"] = "overrun"
    seconds: float


class RunEnded(Record):
    kind: Literal["run_ended"] = "run_ended"
    phase: Literal["DONE", "STOPPED", "FAILED"]
    why: Text = ""


class Continued(Record):
    """The run goes on in a new execution of its workflow."""

    kind: Literal["continued"] = "continued"
    epoch: int


Event = Annotated[
    RunStarted
    | RunPrepared
    | PhaseEntered
    | ManagerDecided
    | DecisionRefused
    | InvocationStarted
    | AttemptFailed
    | InvocationReported
    | InvocationFailed
    | TrialScored
    | ScoreRejected
    | FallbackUsed
    | CandidateDiscarded
    | PersonSteered
    | RunPaused
    | RunResumed
    | RunExtended
    | StopRequested
    | LimitReached
    | ChoiceMade
    | ReportScored
    | RefitEnded
    | DeliveryVerified
    | Overrun
    | RunEnded
    | Continued,
    Field(discriminator="kind"),
]


class LedgerEntry(Record):
    """An event in its place. `digest` covers all other fields, so that the chain cannot be changed unseen."""

    seq: int
    at: datetime
    event: Event
    previous: str
    digest: str
