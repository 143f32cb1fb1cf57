"""A run on one screen: phase, candidates with their scores, what each agent does now, time and money spent and left."""

from collections.abc import Mapping
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from activities.agent.booking import Amount
from ops import spending
from ops.spending import Costs, Spent
from ops.standing import best
from ops.words import duration, money, score
from schemas.budget import Spend
from schemas.candidate import Candidate
from schemas.role import Role
from schemas.state import InFlight, RunState

KINDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "write 5m": "cache_write_5m_tokens",
    "write 1h": "cache_write_1h_tokens",
    "cache read": "cache_read_tokens",
    "searches": "web_searches",
}  # of the model's own cache, written for five minutes or an hour
COLOURS = {"DONE": "green", "STOPPED": "yellow", "FAILED": "red"}


def screen(state: RunState, doing: Mapping[str, str], now: datetime, url: str | None, cost: Spent) -> Group:
    """The whole screen."""
    parts: list[RenderableType] = [headline(state, now, cost)]
    if state.paused:
        parts.append(Text(f"PAUSED by {_by(state)}: {state.pause_why}", style="bold yellow"))
    if state.candidates:
        parts.append(candidates(state, cost.costs.by_candidate))
    parts += [Text(f"  {flight(one, doing, now, cost.costs)}") for one in state.in_flight.values()]
    others = {name: what for name, what in doing.items() if name not in state.in_flight}
    parts += [Text(f"  {name}: {what}{_in_brackets(name, cost.costs)}", style="dim") for name, what in others.items()]
    leading = leader(state)
    if leading:
        parts.append(Text(leading, style="bold"))
    if cost.costs.run.usage.tokens:
        parts.append(roles(cost.costs))
    if url:
        parts.append(Text(url, style="dim"))
    return Group(*parts)


def headline(state: RunState, now: datetime, cost: Spent) -> Text:
    """Phase, and what is left of time, money and calls; of a run that ended, what it took."""
    parts = [_time(state, now), spending.words(cost, state.budget), _calls(state)]
    text = Text(state.phase, style=f"bold {COLOURS.get(state.phase, 'cyan')}")
    return text.append(f"  {state.spec.run.id}  " + " · ".join(parts), style="default")


def _time(state: RunState, now: datetime) -> str:
    if state.ended is not None:
        return f"took {duration((state.ended - state.clock.started).total_seconds())}"
    left = (state.clock.deadline - now).total_seconds()
    return duration(left) + " left" if left >= 0 else duration(-left) + " past the deadline"


def _calls(state: RunState) -> str:
    most = state.budget.agent_calls
    if most is None or state.ended is not None:
        return f"{state.invocations} agent calls"
    return f"{max(most - state.invocations, 0)} of {most} calls left"


def candidates(state: RunState, costs: Mapping[int, Amount]) -> Table:
    """With what each has cost, where a language model was asked."""
    spoken = any(cost.tokens for cost in costs.values())
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("", "approach", "status", "trials"):
        table.add_column(name, overflow="fold")
    table.add_column(state.task.metric.name if state.task else "score", justify="right")
    if spoken:
        table.add_column("spent, tokens", justify="right")
    leading = state.best
    for candidate in state.candidates.values():
        style = "bold" if leading and leading.number == candidate.number else None
        cost = costs.get(candidate.number, Amount())
        spent = (f"{_money(cost.dollars)}, {spending.short(cost.tokens)}",) if spoken else ()
        table.add_row(*_row(candidate), *spent, style=style)
    return table


def _row(candidate: Candidate) -> tuple[str, ...]:
    found = score(candidate.best.score) if candidate.best else ""
    return str(candidate.number), escape(candidate.approach), candidate.status, str(candidate.trials), escape(found)


def roles(costs: Costs) -> Table:
    """What each role's model was asked and answered in tokens by kind, and what that cost."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", style="dim")
    table.add_column("")
    for name in (*KINDS, "spent"):
        table.add_column(name, justify="right")
    for role in Role:
        spend = costs.by_role.get(role, Spend())
        if spend.usage.tokens or spend.dollars is None:
            table.add_row(*_kinds(role, spend))
    table.add_row(*_kinds("all", costs.run))
    return table


def _kinds(who: str, spend: Spend) -> tuple[str, ...]:
    counts = (spending.short(getattr(spend.usage, kind)) for kind in KINDS.values())
    return (who, *counts, _money(spend.dollars))


def _money(dollars: float | None) -> str:
    return "unknown" if dollars is None else money(dollars)


def flight(one: InFlight, doing: Mapping[str, str], now: datetime, costs: Costs) -> str:
    """What an agent does now, for how long it has been at it, and what that has cost."""
    who = f"{one.role}, candidate {one.candidate}" if one.candidate is not None else str(one.role)
    what, time = doing.get(one.invocation, "waits for a worker"), duration((now - one.started).total_seconds())
    return f"{who}: {what}{_in_brackets(one.invocation, costs, time)}"


def _in_brackets(agent: str, costs: Costs, *more: str) -> str:
    told = [*more, spending.paid(costs.by_agent.get(agent, Spend()))]
    return f" ({inside})" if (inside := ", ".join(filter(None, told))) else ""


def leader(state: RunState) -> str:
    found = best(state)
    if found is None:
        return ""
    name = found.candidate if found.candidate == "ensemble" else f"candidate {found.candidate}"
    return f"best so far: {name}, {found.metric} {found.value:.4g} [{found.low:.4g}, {found.high:.4g}] on {found.split}"


def _by(state: RunState) -> str:
    return "a person" if state.paused == "person" else "the system"
