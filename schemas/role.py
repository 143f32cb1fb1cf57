"""The six roles: the one request each takes, and the one report it gives."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from schemas.base import Record, RunRef, Short, Text
from schemas.budget import Spend
from schemas.candidate import Candidate, Member, Trial
from schemas.message import Effort, Search
from schemas.metric import Score
from schemas.task import Task


class Role(StrEnum):
    MANAGER = "manager"
    SETUP = "setup"
    DESIGNER = "designer"
    CODER = "coder"
    TUNER = "tuner"
    AGGREGATOR = "aggregator"


class ModelChoice(Record):
    """Which model a role uses; fixed for an invocation.

    `fallback` is asked while this one is not to be had, or refuses. Where routing gave a routine invocation a cheaper
    model, `routed` says why, and `instead_of` which model the role would have had.
    """

    name: str = "playbook"
    effort: Effort | None = None
    fallback: str | None = None
    routed: Short = ""
    instead_of: str | None = None


def searches(model: str) -> bool:
    """Whether a model of that name can search the web: not on Bedrock, nor at a server of one's own, which have no
    such tool. Prompts promise it, and requests offer it, by this alone."""
    return model.startswith(("claude-", "vertex/", "foundry/"))


class Caps(Record):
    """What agents may spend of the run's money now, all together, and what is kept of what they say."""

    dollars: float | None = None
    tokens: int | None = None


MoneyLimit = Literal["dollars", "tokens"]


class FellBack(Record):
    """Replies that another model gave, because the chosen one was not to be had, or refused."""

    model: str
    calls: int
    why: Text


class Weights(Record):
    """Pretrained weights in the run's folder, mounted read-only for jobs. `digest` covers all files and their names."""

    name: str  # such as org/model
    revision: str
    digest: str
    size: int  # bytes
    files: int


class Request(Record):
    """What every role is told. `deadline` is the invocation's, absolute; a later attempt gets the same."""

    role: Role
    run: RunRef
    invocation: str  # such as tuner.2.17; its attempts append .a1, .a2
    attempt: int = 1
    model: ModelChoice = ModelChoice()
    task: Task
    deadline: datetime
    environment: str = ""  # folder of the candidates' environment
    sandbox: str = "auto"  # auto, bubblewrap, container or none
    seed: int = 0
    max_turns: int = 80
    training_seconds: float | None = None  # one training at most
    caps: Caps = Caps()
    context_tokens: int = 120_000  # of a conversation before older parts are cleared
    web: bool = False  # whether a model may search the web
    record: bool = False  # whether exchanges with models are kept whole
    replay: str | None = None  # folder of another run's recorded exchanges, which answer in place of a model


class SetupRequest(Request):
    """`weights` and `packages` are what a candidate's design asks for; without any, it is the run's first setup."""

    role: Role = Role.SETUP
    candidate: int | None = None
    weights: tuple[Short, ...] = ()  # such as org/model, or org/model@revision
    packages: tuple[Short, ...] = ()


class DesignRequest(Request):
    """`revision` is what the repository holds now, None for a new candidate; `others` are the run's candidates."""

    role: Role = Role.DESIGNER
    candidate: int
    brief: Text
    revision: str | None = None
    parents: tuple[tuple[int, str], ...] = ()  # (candidate, revision)
    others: tuple[Candidate, ...] = ()
    card: Candidate | None = None  # the candidate itself as it stands; None for a new one


class CodeRequest(Request):
    role: Role = Role.CODER
    candidate: int
    brief: Text
    revision: str


class TuneRequest(Request):
    """`card` is the candidate as it stands, with its best trial so far."""

    role: Role = Role.TUNER
    candidate: int
    brief: Text
    revision: str
    seconds: float
    card: Candidate


class AggregateRequest(Request):
    role: Role = Role.AGGREGATOR
    candidates: tuple[Candidate, ...]
    seconds: float | None = None  # until the deadline, when asked
    run_seconds: float | None = None  # until the run's: delivery trains each member again in what is left


AnyRequest = SetupRequest | DesignRequest | CodeRequest | TuneRequest | AggregateRequest


class Report(Record):
    """What an invocation came to. `problem` is set if it could not be done, in words for the manager."""

    invocation: str
    attempt: int = 1
    role: Role
    summary: Text = ""
    problem: Text | None = None
    spend: Spend = Spend()
    turns: int = 0
    fell_back: tuple[FellBack, ...] = ()
    searches: tuple[Search, ...] = ()


class SetupReport(Report):
    kind: Literal["setup"] = "setup"
    role: Role = Role.SETUP
    environment: str = ""
    installed: tuple[Short, ...] = ()
    weights: tuple[Weights, ...] = ()


class DesignReport(Report):
    """`family` names the approach's kind (boosted trees, linear, network, ...), to keep candidates different.

    `weights` and `packages` are what its code will need and the environment lacks.
    """

    kind: Literal["design"] = "design"
    role: Role = Role.DESIGNER
    candidate: int
    revision: str | None = None
    approach: Short = ""
    family: Short = ""
    weights: tuple[Short, ...] = ()
    packages: tuple[Short, ...] = ()


class CodeReport(Report):
    kind: Literal["code"] = "code"
    role: Role = Role.CODER
    candidate: int
    revision: str | None = None
    check: str | None = None  # the job of the check that passed


class TuneReport(Report):
    kind: Literal["tune"] = "tune"
    role: Role = Role.TUNER
    candidate: int
    revision: str | None = None
    trials: tuple[Trial, ...] = ()
    best: str | None = None  # job


class AggregateReport(Report):
    """`claim` is the score that the aggregator's own evaluation gave; the workflow computes it again.

    `threshold` is the probability of the second class from which on a blend of labels says that class.
    """

    kind: Literal["aggregate"] = "aggregate"
    role: Role = Role.AGGREGATOR
    revision: str | None = None  # of the aggregator's repository
    members: tuple[Member, ...] = ()
    method: Literal["single", "mean", "rank", "vote"] = "single"
    threshold: float | None = None
    claim: Score | None = None
    looks: int = 0  # at the labels of `select`, to compare blends


AnyReport = SetupReport | DesignReport | CodeReport | TuneReport | AggregateReport
