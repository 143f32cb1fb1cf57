"""The run's state, folded from its ledger, and what the manager and people are shown of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.base import Record, RunRef, Short
from schemas.budget import Budget, Clock, Spend
from schemas.candidate import Candidate
from schemas.decision import Decision
from schemas.event import ChoiceMade, Event, Phase
from schemas.metric import Score
from schemas.role import Caps, FellBack, ModelChoice, MoneyLimit, Role, Weights
from schemas.run import RunSpec
from schemas.task import Task

ASK_AGAIN = "a workflow task is due first: ask again"  # a query's answer while a worker takes over


class InFlight(Record):
    """An invocation that has neither reported nor failed."""

    invocation: str
    role: Role
    candidate: int | None = None
    attempt: int = 1
    started: datetime
    deadline: datetime


class RunState(Record):
    """All that decisions rest on. Small enough to cross continue-as-new."""

    spec: RunSpec
    phase: Phase = "PREPARING"
    paused: Literal["person", "system"] | None = None
    pause_why: str = ""
    until_room: str | None = None  # the folder whose want of room on disk paused the run
    clock: Clock
    budget: Budget
    ended: datetime | None = None
    why: str = ""
    task: Task | None = None
    environment: str = ""
    sandbox: str = ""
    weights: tuple[Weights, ...] = ()
    candidates: dict[int, Candidate] = Field(default_factory=dict)
    in_flight: dict[str, InFlight] = Field(default_factory=dict)
    invocations: int = 0  # a counter for ids; role calls, without the manager's turns
    turns: int = 0
    finish: str | None = None  # why exploring ended
    stop: Literal["now", "deliver"] | None = None
    limits: tuple[str, ...] = ()
    choice: ChoiceMade | None = None
    report_score: Score | None = None
    refitted: bool = False
    verified: bool | None = None
    submission: str | None = None
    spend: Spend = Spend()
    spend_by_role: dict[Role, Spend] = Field(default_factory=dict)
    select_looks: int = 0  # how often withheld `select` labels were looked at
    seq: int = 0
    head: str = ""  # digest of the last ledger entry

    @property
    def best(self) -> Candidate | None:
        """The candidate whose verified score leads; discarded ones keep theirs."""
        leader: Candidate | None = None
        for candidate in self.candidates.values():
            mine = candidate.best.score if candidate.best else None
            theirs = leader.best.score if leader and leader.best else None
            if mine is not None and mine.beats(theirs):
                leader = candidate
        return leader


class Board(Record):
    """The state as the manager is shown it, true at the moment of asking."""

    phase: Phase
    candidates: tuple[Candidate, ...]
    max_candidates: int  # that may be coded
    max_designs: int
    in_flight: tuple[InFlight, ...]
    slots: int  # further invocations that would be admitted now
    leader: int | None = None
    seconds_to_explore: float
    seconds_left: float
    agent_calls_left: int | None = None
    dollars_left: float | None = None
    tokens_left: int | None = None
    spend: Spend = Spend()  # of the run so far
    training_seconds: float | None = None
    longest_training: float = 0.0
    select_looks: int = 0


class Answer(Record):
    """What became of a decision: the invocation's id, or why it was refused."""

    tool_use: str
    text: Short
    refused: bool = False


class ManageRequest(Record):
    """One turn of the manager. `answers` are for the tool uses of its last reply; `happenings` came since."""

    role: Role = Role.MANAGER
    run: RunRef
    invocation: str  # manager.7
    attempt: int = 1
    turn: int
    model: ModelChoice = ModelChoice()
    task: Task
    board: Board
    answers: tuple[Answer, ...] = ()
    happenings: tuple[Event, ...] = ()
    deadline: datetime
    seed: int = 0
    max_turns: int = 20
    caps: Caps = Caps()
    context_tokens: int = 120_000
    record: bool = False
    replay: str | None = None
    aside: bool = False  # a look at the state in a conversation of its own, which later turns do not go on with


class Carried(Record):
    """What crosses continue-as-new: the state, and what the manager has not been told yet."""

    state: RunState
    inbox: tuple[Event, ...] = ()
    answers: tuple[Answer, ...] = ()


class Build(RunSpec):
    """The workflow's one argument: a run's spec, and what an earlier execution of it hands over."""

    carried: Carried | None = None

    @property
    def spec(self) -> RunSpec:
        return RunSpec.model_validate(self.model_dump(exclude={"carried"}))


class Managed(Record):
    """What the manager wants; `tool_uses` names the tool use of each decision.

    `limit` is set where it was not asked, or not to the end, because all is spent that it may draw on.
    """

    invocation: str
    decisions: tuple[Decision, ...] = ()
    tool_uses: tuple[str, ...] = ()
    policy: str = "agent"
    thought: str = ""
    spend: Spend = Spend()
    fell_back: tuple[FellBack, ...] = ()
    limit: MoneyLimit | None = None
