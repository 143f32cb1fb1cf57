"""How a run stands, as `status --json` gives it to programs. Field names here are an interface: add, never rename."""

from datetime import datetime
from typing import Literal

from activities.workspace.layout import Layout
from ops.spending import Costs, Spent, left, spent
from schemas.base import Record
from schemas.metric import Score
from schemas.state import RunState


class Best(Record):
    """The leading score: of a candidate, or of the blend that is delivered."""

    candidate: int | Literal["ensemble"]
    value: float
    low: float
    high: float
    metric: str
    split: Literal["select", "report"]


class CandidateStanding(Record):
    number: int
    approach: str
    family: str
    status: str
    trials: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


class Amounts(Record):
    """What was spent, what may be, or what is left of that; null is without limit, or of unknown cost.

    A run that ended has no time left.
    """

    seconds: float
    dollars: float | None
    tokens: int | None
    agent_calls: int | None


class Standing(Record):
    run: str
    task: str
    phase: str
    paused: bool
    why: str
    best: Best | None
    candidates: tuple[CandidateStanding, ...]
    spent: Amounts
    budget: Amounts
    left: Amounts
    costs: Costs
    verified: bool | None
    output: str | None
    url: str | None
    live: bool  # false where no worker answered, and this is what the run's folder holds


def standing(state: RunState, now: datetime, *, url: str | None, live: bool) -> Standing:
    """A projection of the state, true at `now`."""
    output, cost = Layout.of(state.spec.run).output, spent(state)
    used = _spent(state, cost, now)
    return Standing(
        run=state.spec.run.id,
        task=state.task.name if state.task else state.spec.name,
        phase=state.phase,
        paused=state.paused is not None,
        why=state.pause_why if state.paused else state.why,
        best=best(state),
        candidates=tuple(_candidate(state, number) for number in sorted(state.candidates)),
        spent=used,
        left=_left(state, used, now),
        costs=cost.costs,
        budget=Amounts(
            seconds=state.budget.seconds,
            dollars=state.budget.dollars,
            tokens=state.budget.tokens,
            agent_calls=state.budget.agent_calls,
        ),
        verified=state.verified,
        output=str(output) if (state.verified or state.ended) and output.is_dir() else None,
        url=url,
        live=live,
    )


def best(state: RunState) -> Best | None:
    """What was chosen, with its estimate on `report` where there is one; before that, the leading candidate."""
    if state.choice is not None:
        members = state.choice.report.members
        name: int | Literal["ensemble"] = members[0].candidate if len(members) == 1 else "ensemble"
        return _best(name, state.report_score or state.choice.score)
    leader = state.best
    return _best(leader.number, leader.best.score) if leader and leader.best and leader.best.score else None


def _best(name: int | Literal["ensemble"], score: Score) -> Best:
    return Best(
        candidate=name, value=score.value, low=score.low, high=score.high, metric=score.metric.name, split=score.split
    )


def _candidate(state: RunState, number: int) -> CandidateStanding:
    candidate = state.candidates[number]
    score = candidate.best.score if candidate.best else None
    return CandidateStanding(
        number=number,
        approach=candidate.approach,
        family=candidate.family,
        status=candidate.status,
        trials=candidate.trials,
        value=score.value if score else None,
        low=score.low if score else None,
        high=score.high if score else None,
    )


def _spent(state: RunState, cost: Spent, now: datetime) -> Amounts:
    return Amounts(
        seconds=round(((state.ended or now) - state.clock.started).total_seconds(), 1),
        dollars=cost.dollars,
        tokens=cost.tokens,
        agent_calls=state.invocations,
    )


def _left(state: RunState, used: Amounts, now: datetime) -> Amounts:
    budget = state.budget
    tokens, calls = left(budget.tokens, used.tokens), left(budget.agent_calls, used.agent_calls)
    seconds = 0.0 if state.ended else max((state.clock.deadline - now).total_seconds(), 0.0)
    return Amounts(
        seconds=round(seconds, 1),
        dollars=left(budget.dollars, used.dollars),
        tokens=None if tokens is None else int(tokens),
        agent_calls=None if calls is None else int(calls),
    )
