"""A whole run in simulated time: the manager's mind over the real state, board and admission; roles are durations."""

import heapq
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from schemas.budget import Budget
from schemas.candidate import Trial
from schemas.decision import Code, Decision, Design, Discard, Finish, Tune
from schemas.delivery import Prepared
from schemas.event import (
    CandidateDiscarded,
    Event,
    InvocationReported,
    InvocationStarted,
    ManagerDecided,
    PhaseEntered,
    RunPrepared,
    RunStarted,
    TrialScored,
)
from schemas.message import Message, TextBlock, ToolResultBlock, ToolUseBlock
from schemas.role import AnyReport, CodeReport, DesignReport, ModelChoice, Role, TuneReport
from schemas.run import RunSettings, RunSpec
from schemas.state import ManageRequest, RunState
from tests.models.world import NOW, RUN, TASK, ask, score
from workflows import admission, fold, ledger, limits
from workflows.board import board

DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)
FAMILIES = ("boosted trees", "linear", "extra trees", "network", "kernel", "nearest")


@dataclass
class Line:
    """How a candidate behaves: seconds of one training, the score of each tune in turn, and what fails."""

    training: float = 10.0
    scores: tuple[float | None, ...] = (0.5,)
    code_fails: int = 0
    design_fails: int = 0
    family: str = ""
    half: float = 0.02


@dataclass
class Simulation:
    """Runs until the manager finishes, or the time for exploring is over."""

    minutes: float
    candidates: int = 3
    lines: dict[int, Line] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    calls: int | None = None
    decided: list[tuple[float, Decision]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    messages: tuple[Message, ...] = ()
    idle: float = 0.0
    finished: str | None = None

    def __post_init__(self) -> None:
        budget = Budget(seconds=self.minutes * 60, agent_calls=self.calls)
        settings = RunSettings(candidates=self.candidates, **self.settings)
        clock = limits.first_clock(NOW, budget, None)
        started = RunStarted(spec=RunSpec(run=RUN, name="run", settings=settings, budget=budget), clock=clock)
        self.asked = False
        self.now = NOW
        self.entry = ledger.entry(started, seq=1, at=self.now, previous=ledger.GENESIS)
        self.state: RunState = fold.begin(self.entry)
        self.inbox: list[Event] = []
        self.heap: list[tuple[datetime, int, list[Event]]] = []
        self.order = itertools.count()
        self.job = itertools.count(1)
        self.tunes: dict[int, int] = {}
        self.fails: dict[tuple[int, str], int] = {}
        self.add(RunPrepared(prepared=Prepared(task=TASK, environment="env", sandbox="none")))
        self.add(PhaseEntered(phase="EXPLORING"))

    @property
    def elapsed(self) -> float:
        return (self.now - NOW).total_seconds()

    def of(self, kind: type) -> list[Any]:
        return [decision for _, decision in self.decided if isinstance(decision, kind)]

    def add(self, event: Event) -> None:
        self.entry = ledger.entry(event, seq=self.state.seq + 1, at=self.now, previous=self.state.head)
        self.state = fold.apply(self.state, self.entry)

    async def run(self, *, until: Callable[["Simulation"], bool] = lambda _: False) -> "Simulation":
        while self.finished is None and not until(self):
            limit = limits.reached(self.state, self.now)
            if limit is not None and (limit[0] == "explore_until" or not self.state.in_flight):
                while self.heap:  # what is in flight still lands
                    self.advance()
                break
            if not self.asked or self.inbox or not self.state.in_flight:
                self.asked = True
                await self.turn()
                continue
            self.advance()
        return self

    def advance(self) -> None:
        at, _, events = heapq.heappop(self.heap)
        self.now = max(self.now, at)
        for event in events:
            self.add(event)
            if isinstance(event, InvocationReported):
                self.inbox.append(event)

    async def turn(self) -> None:
        request = ManageRequest(
            run=RUN,
            invocation=f"manager.{self.state.turns + 1}",
            turn=self.state.turns + 1,
            task=TASK,
            board=board(self.state, self.now),
            happenings=tuple(self.inbox),
            deadline=NOW,
        )
        self.inbox.clear()
        said = json.dumps({"turn": request.model_dump(mode="json")})
        last = self.messages[-1].content if self.messages else ()
        answers = tuple(ToolResultBlock(tool_use_id=b.id, content="ok") for b in last if isinstance(b, ToolUseBlock))
        self.messages += (Message(role="user", content=(*answers, TextBlock(text=said), TextBlock(text="prose"))),)
        reply = await ask(self.messages)
        self.messages += (Message(role="assistant", content=reply.content),)
        decisions = [DECISION.validate_python({"kind": use.name, **use.input}) for use in reply.tool_uses]
        self.add(
            ManagerDecided(turn=request.turn, decisions=tuple(decisions), answers=tuple(d.kind for d in decisions))
        )
        for decision in decisions:
            self.carry_out(decision)

    def carry_out(self, decision: Decision) -> None:
        self.decided.append((self.elapsed, decision))
        why = admission.refusal(self.state, decision, self.now)
        if why is not None:
            self.refused.append(why)
            return
        match decision:
            case Finish(why=why):
                self.finished = why
            case Discard():
                self.add(CandidateDiscarded(candidate=decision.candidate, why=decision.why))
            case Design() | Code() | Tune():
                self.start(decision)

    def start(self, decision: Design | Code | Tune) -> None:
        role = {"design": Role.DESIGNER, "code": Role.CODER, "tune": Role.TUNER}[decision.kind]
        number = decision.candidate
        name = f"{role}.{number}.{self.state.invocations + 1}"
        self.add(
            InvocationStarted(invocation=name, role=role, model=ModelChoice(), candidate=number, deadline=self.now)
        )
        line = self.lines.get(number, Line())
        if isinstance(decision, Tune):
            seconds, events = self.tuned(decision, name, line)
        else:
            report = self.made(decision, name, line)
            seconds, events = (
                (3.0 if role is Role.DESIGNER else 15.0),
                [InvocationReported(invocation=name, report=report)],
            )
        heapq.heappush(self.heap, (self.now + timedelta(seconds=seconds), next(self.order), events))

    def made(self, decision: Design | Code, name: str, line: Line) -> AnyReport:
        number = decision.candidate
        key = (number, decision.kind)
        self.fails[key] = self.fails.get(key, 0) + 1
        bad = self.fails[key] <= (line.design_fails if isinstance(decision, Design) else line.code_fails)
        problem = "it went wrong" if bad else None
        if isinstance(decision, Code):
            return CodeReport(invocation=name, candidate=number, problem=problem, revision=f"c{self.state.seq}")
        family = line.family or FAMILIES[(number - 1) % len(FAMILIES)]
        revision = None if bad else f"d{self.state.seq}"
        return DesignReport(
            invocation=name, candidate=number, problem=problem, revision=revision, approach="an approach", family=family
        )

    def tuned(self, decision: Tune, name: str, line: Line) -> tuple[float, list[Event]]:
        """As many trainings as fit; what a tune comes to is what the line says."""
        number, place = decision.candidate, self.tunes.get(decision.candidate, 0)
        left = limits.seconds_to_explore(self.state, self.now)
        seconds = min(decision.minutes * 60, left)
        count = int(seconds // (line.training + 4))
        value = line.scores[place] if place < len(line.scores) else None
        if count == 0:
            trial = Trial(job=f"{name}.j1", revision="t", seconds=seconds, problem="out of time")
            return seconds, [InvocationReported(invocation=name, report=self.report(name, number, (trial,), None))]
        self.tunes[number] = place + 1
        if value is None and place >= len(line.scores):
            return 2.0, [InvocationReported(invocation=name, report=self.report(name, number, (), None))]
        found = score(value, line.half) if value is not None else None
        trial = Trial(
            job=f"{name}.j1",
            revision=f"t{next(self.job)}",
            score=found,
            seconds=line.training,
            problem=None if found else "broken",
        )
        events: list[Event] = []
        if found is not None:
            events.append(
                TrialScored(
                    invocation=name,
                    candidate=number,
                    job=trial.job,
                    revision=trial.revision,
                    score=found,
                    seconds=trial.seconds,
                )
            )
        report = self.report(name, number, (trial,), trial.job if found else None)
        return seconds, [*events, InvocationReported(invocation=name, report=report)]

    def report(self, name: str, number: int, trials: tuple[Trial, ...], best: str | None) -> TuneReport:
        return TuneReport(invocation=name, candidate=number, trials=trials, best=best, revision="t")
