"""EXPLORING: whenever something happened the policy is asked, and what is admitted is carried out at once."""

import contextlib
from datetime import datetime, timedelta
from typing import assert_never

from temporalio import workflow

from schemas.decision import Code, Decision, Design, Discard, Finish, Tune, Wait
from schemas.event import (
    CandidateDiscarded,
    DecisionRefused,
    LimitReached,
    ManagerDecided,
    PersonSteered,
    RunExtended,
    RunResumed,
)
from schemas.state import Answer
from workflows import limits
from workflows.admission import refusal
from workflows.alarm import Alarm
from workflows.invocations import Invocations
from workflows.policy import Answers, Happenings, Policy, Turn
from workflows.record import Record

FRUITLESS = 3  # turns in a row that start nothing while nothing is in flight
FIRST_REST = 30.0  # seconds before a manager that gave no answer is asked again; doubled each time
LONGEST_REST = 900.0
ACTS = (PersonSteered, RunExtended, RunResumed)  # of a person, after which it is asked at once
TOLD_AGAIN = 40  # happenings at most; the board holds what they came to
LANDING = timedelta(seconds=60)  # that agents have to report once their deadline is over, a lost worker included


class Explorer:
    """The loop of decisions, until there is a reason to aggregate."""

    def __init__(self, record: Record, policy: Policy, invocations: Invocations) -> None:
        self._record = record
        self._policy = policy
        self._invocations = invocations
        self._finished: str | None = None
        self._fruitless = 0
        self._asked = False
        self._known = 0  # how much of the inbox was shown to the manager aside
        self._unanswered = 0  # turns in a row
        self._rest: tuple[datetime, int] | None = None  # until when, unless more such acts of people come
        self._alarm = Alarm("time for exploring")

    async def run(self) -> str:
        """Explores until it is over, and says why. Returns early, with an empty reason, for a new execution."""
        try:
            return await self._explore()
        finally:
            self._alarm.off()

    async def _explore(self) -> str:
        while True:
            await self._record.unpaused()
            why = self._over()
            if why is not None:
                cut = self._record.state.stop is not None or self._finished is not None
                await self._land(cut=cut)
                if not cut and self._over() is None:
                    continue  # a person gave more time meanwhile
                return why
            if self._new_execution():
                await self._land(cut=False)
                if self._over() is None:
                    return ""
                continue
            if self._wanted():
                await (self._rested() if self._resting() else self._turn())
                continue
            await self._until_something()

    def _over(self) -> str | None:
        state = self._record.state
        if state.stop is not None:
            return state.why or "a person stopped the run"
        if self._finished is not None:
            return self._finished
        if self._fruitless >= FRUITLESS:
            return f"{FRUITLESS} turns in a row started nothing while nothing was in flight"
        limit = limits.reached(state, workflow.now())
        if limit is None or (limit[0] != "explore_until" and state.in_flight):
            return None
        if limit[0] not in state.limits:
            self._record.add(LimitReached.model_validate({"limit": limit[0], "why": limit[1]}))
        return limit[1]

    def _new_execution(self) -> bool:
        """At a quiet moment once history is long, and by draining before it is too long."""
        info, settings = workflow.info(), self._record.state.spec.settings
        length, size = info.get_current_history_length(), info.get_current_history_size()
        if length >= settings.history_drain or size >= 20_000_000:
            return True
        long = length >= settings.history_events or info.is_continue_as_new_suggested()
        return long and not self._record.state.in_flight

    def _wanted(self) -> bool:
        return not self._asked or len(self._record.inbox) > self._known or not self._record.state.in_flight

    def _resting(self) -> bool:
        return self._rest is not None and workflow.now() < self._rest[0] and self._acts() <= self._rest[1]

    def _acts(self) -> int:
        return sum(isinstance(event, ACTS) for event in self._record.inbox)

    async def _rested(self) -> None:
        """Waits before a manager that gave no answer is asked again."""
        assert self._rest is not None, "only who rests waits"
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: not self._resting() or self._record.state.stop is not None or bool(self._record.state.paused),
                timeout=self._rest[0] - workflow.now(),
                timeout_summary="before the manager is asked again",
            )

    async def _turn(self) -> None:
        """One turn: what happened goes in, decisions come out, each is admitted or refused."""
        happenings, answers = tuple(self._record.inbox), tuple(self._record.answers)
        self._record.inbox.clear()
        self._record.answers.clear()
        self._asked, self._known = True, 0
        turn = await self._policy.decide(self._record.state, happenings, answers)
        managed = turn.managed
        names = managed.tool_uses or ("",) * len(managed.decisions)
        self._record.add(
            ManagerDecided(
                turn=self._record.state.turns + 1,
                invocation=managed.invocation,
                policy=managed.policy,
                thought=managed.thought[:8_000],
                decisions=managed.decisions,
                answers=names,
                spend=managed.spend,
                model=turn.model,
                aside=turn.aside,
            )
        )
        rules = turn.model is None
        started = [self._decided(step, name, rules) for step, name in zip(managed.decisions, names, strict=True)]
        idle = not any(started) and not self._record.state.in_flight
        self._fruitless = self._fruitless + 1 if idle and not turn.ask_again else 0
        if any(answer.refused for answer in self._record.answers) and any(started):
            self._asked = False  # what was refused may be decided anew at once
        self._settle(turn, happenings, answers)

    def _settle(self, turn: Turn, happenings: Happenings, answers: Answers) -> None:
        """What the manager's main conversation did not hear of is told at its next turn."""
        if turn.aside or turn.ask_again:
            self._record.inbox[:0] = happenings[-TOLD_AGAIN:]
            self._record.answers[:] = answers
        self._known = len(happenings[-TOLD_AGAIN:]) if turn.aside else 0
        self._unanswered = self._unanswered + 1 if turn.ask_again else 0
        self._rest = None
        if turn.ask_again:
            pause = min(FIRST_REST * 2.0 ** min(self._unanswered - 1, 10), LONGEST_REST)
            pause = min(pause, limits.seconds_to_explore(self._record.state, workflow.now()))
            self._rest = workflow.now() + timedelta(seconds=pause), self._acts()

    def _decided(self, decision: Decision, name: str, rules: bool) -> bool:
        """Carries out one decision, of rules or of a language model; True if it changed anything."""
        if self._record.state.stop is not None or self._finished is not None:
            return False
        why = self._refusal(decision, rules)
        if why is not None:
            turn = self._record.state.turns
            self._record.add(DecisionRefused(turn=turn, decision=decision, answer=name, why=why))
            self._record.answers.append(Answer(tool_use=name, text=f"Refused: {why}"[:400], refused=True))
            return False
        answer = self._carry_out(decision, name)
        self._record.answers.append(Answer(tool_use=name, text=answer))
        return not isinstance(decision, Wait)

    def _refusal(self, decision: Decision, rules: bool) -> str | None:
        """Rules finish once they know of nothing more to try, and would but say so again."""
        why = refusal(self._record.state, decision, workflow.now())
        if why is None or not isinstance(decision, Finish):
            return why
        return None if rules or not workflow.patched("early-finish") else why

    def _carry_out(self, decision: Decision, name: str) -> str:
        match decision:
            case Design():
                return f"Started as {self._invocations.design(decision, name)}."
            case Code():
                return f"Started as {self._invocations.code(decision, name)}."
            case Tune():
                return f"Started as {self._invocations.tune(decision, name)}."
            case Discard():
                self._record.add(CandidateDiscarded(candidate=decision.candidate, why=decision.why))
                self._invocations.cancel(decision.candidate)
                return f"Candidate {decision.candidate} is discarded; its results stay."
            case Wait():
                return "Waiting."
            case Finish():
                self._finished = decision.why
                return "The run goes on to aggregation."
            case _:
                assert_never(decision)

    async def _until_something(self) -> None:
        state = self._record.state
        seconds = max(limits.seconds_to_explore(state, workflow.now()), 0.1)
        seen, inbox = state.seq, len(self._record.inbox)

        def happened() -> bool:
            now = self._record.state
            new = len(self._record.inbox) > inbox or not now.in_flight
            return new or now.stop is not None or (now.seq != seen and bool(now.paused))

        if workflow.patched("one-timer"):
            alarm = self._alarm.by(max(limits.explore_until(state), workflow.now() + timedelta(seconds=0.1)))
            await workflow.wait_condition(lambda: happened() or alarm.done())
            self._invocations.sweep()
            return
        try:
            await workflow.wait_condition(
                happened, timeout=timedelta(seconds=seconds), timeout_summary="time for exploring"
            )
        except TimeoutError:
            return
        finally:
            self._invocations.sweep()

    async def _land(self, *, cut: bool) -> None:
        """Waits for what is in flight: each reports by itself at its own deadline, and is cancelled if it does not."""
        if cut:
            self._invocations.cancel()
        if self._record.state.in_flight:
            last = max(flight.deadline for flight in self._record.state.in_flight.values())
            left = last - workflow.now() + LANDING
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: not self._record.state.in_flight or self._record.state.stop is not None,
                    timeout=max(left, LANDING),
                    timeout_summary="landing",
                )
            self._invocations.cancel()
        await self._invocations.landed()
