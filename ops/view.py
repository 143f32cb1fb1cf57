"""A run on one screen: phase, candidates with their scores, what each agent does now, time and money left."""

from collections.abc import Mapping
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ops import spending
from ops.spending import Spent
from ops.standing import best
from ops.words import duration, score
from schemas.candidate import Candidate
from schemas.state import InFlight, RunState

COLOURS = {"DONE": "green", "STOPPED": "yellow", "FAILED": "red"}


def screen(state: RunState, doing: Mapping[str, str], now: datetime, url: str | None, cost: Spent) -> Group:
    """The whole screen."""
    parts: list[RenderableType] = [headline(state, now, cost)]
    if state.paused:
        parts.append(Text(f"PAUSED by {_by(state)}: {state.pause_why}", style="bold yellow"))
    if state.candidates:
        parts.append(candidates(state))
    parts += [Text(f"  {flight(one, doing, now)}") for one in state.in_flight.values()]
    parts += [Text(f"  {name}: {what}", style="dim") for name, what in doing.items() if name not in state.in_flight]
    leading = leader(state)
    if leading:
        parts.append(Text(leading, style="bold"))
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


def candidates(state: RunState) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("", "approach", "status", "trials"):
        table.add_column(name, overflow="fold")
    table.add_column(state.task.metric.name if state.task else "score", justify="right")
    leading = state.best
    for candidate in state.candidates.values():
        style = "bold" if leading and leading.number == candidate.number else None
        table.add_row(*_row(candidate), style=style)
    return table


def _row(candidate: Candidate) -> tuple[str, ...]:
    found = score(candidate.best.score) if candidate.best else ""
    return str(candidate.number), escape(candidate.approach), candidate.status, str(candidate.trials), escape(found)


def flight(one: InFlight, doing: Mapping[str, str], now: datetime) -> str:
    """What an agent does now, and for how long it has been at it."""
    who = f"{one.role}, candidate {one.candidate}" if one.candidate is not None else str(one.role)
    return f"{who}: {doing.get(one.invocation, 'waits for a worker')} ({duration((now - one.started).total_seconds())})"


def leader(state: RunState) -> str:
    found = best(state)
    if found is None:
        return ""
    name = found.candidate if found.candidate == "ensemble" else f"candidate {found.candidate}"
    return f"best so far: {name}, {found.metric} {found.value:.4g} [{found.low:.4g}, {found.high:.4g}] on {found.split}"


def _by(state: RunState) -> str:
    return "a person" if state.paused == "person" else "the system"
