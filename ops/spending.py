"""What a run has cost so far: as its models are asked, where its folder is on this machine; else by its reports."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError

from activities.agent.booking import Amount, Settled, invocation_of
from activities.agent.journal import read
from activities.agent.purse import Purse
from activities.agent.records import spent as journaled
from activities.execution.durable import whole_lines
from activities.workspace.layout import Layout
from ops.words import money
from schemas.base import Record
from schemas.budget import Budget, Spend
from schemas.role import Caps, Role
from schemas.state import RunState

_CANDIDATE = re.compile(r"^[a-z]+\.(\d+)\.\d+$")  # coder.1.2, but neither manager.3.aside nor aggregator.13


class Costs(Record):
    """Of all that was answered, divided; calls that were lost or are under way are in no sum.

    `by_agent` are those now at work. `by_candidate` is empty where the run's folder is on another machine.
    """

    run: Spend = Spend()
    by_role: dict[Role, Spend] = Field(default_factory=dict)
    by_candidate: dict[int, Amount] = Field(default_factory=dict)
    by_agent: dict[str, Spend] = Field(default_factory=dict)


@dataclass(frozen=True)
class Spent:
    """`dollars` are None where a price is unknown; `under_way` is the most that calls now in flight may add."""

    dollars: float | None = 0.0
    tokens: int = 0
    under_way: float = 0.0
    costs: Costs = field(default_factory=Costs)


def spent(state: RunState) -> Spent:
    """Once a run has ended, its reports know it all."""
    layout = Layout.of(state.spec.run)
    costs = _costs(state, layout)
    reported = Spent(state.spend.dollars, state.spend.usage.tokens, costs=costs)
    if state.ended or not layout.purse.is_file():
        return reported
    try:
        known = Purse(layout.purse, Caps()).totals()
    except OSError:
        return reported
    return Spent(known.dollars, known.tokens, known.reserved_dollars, costs)


def _costs(state: RunState, layout: Layout) -> Costs:
    """What was reported, and what agents at work have put into their journals since."""
    run, by_role, by_agent = state.spend, dict(state.spend_by_role), {}
    for name, role in _at_work(state).items():
        spend = _of_journal(layout.journals(name))
        if spend != Spend():
            run, by_role[role], by_agent[name] = run + spend, by_role.get(role, Spend()) + spend, spend
    return Costs(run=run, by_role=by_role, by_candidate=_by_candidate(layout.purse), by_agent=by_agent)


def _at_work(state: RunState) -> dict[str, Role]:
    """The next turn of the manager may be under way: the state learns of it once it has decided."""
    if state.ended:
        return {}
    turn = f"manager.{state.turns + 1}"
    roles = {flight.invocation: flight.role for flight in state.in_flight.values()}
    return {**roles, turn: Role.MANAGER, f"{turn}.aside": Role.MANAGER}


def _of_journal(folder: Path) -> Spend:
    try:
        return _as_written(folder, sum(path.stat().st_size for path in folder.glob("*.jsonl")))
    except OSError:
        return Spend()


@lru_cache(maxsize=64)
def _as_written(folder: Path, size: int) -> Spend:  # noqa: ARG001 - read again only once it has grown
    return journaled(read(folder)).model_copy(update={"lost_calls": 0})


def _by_candidate(purse: Path) -> dict[int, Amount]:
    calls: dict[str, Settled] = {}
    for one in _settled(purse):
        calls.setdefault(one.call, one)
    found: dict[int, Amount] = {}
    for one in calls.values():
        if named := _CANDIDATE.match(invocation_of(one.call)):
            number = int(named[1])
            found[number] = found.get(number, Amount()) + Amount(one.dollars, one.tokens)
    return found


def _settled(purse: Path) -> Iterator[Settled]:
    with suppress(OSError):
        for line in whole_lines(purse):
            with suppress(ValidationError):  # a line of another kind, or that was cut off
                if b"settled" in line:  # spares most of the others
                    yield Settled.model_validate_json(line)


def left(cap: float | None, used: float | None) -> float | None:
    """What may still be spent; None without a limit, or where it is not known."""
    return None if cap is None or used is None else max(cap - used, 0.0)


def words(known: Spent, budget: Budget) -> str:
    """$3.77 of $5.00 left, up to $0.40 under way, 120,400 tokens: unknown is never zero."""
    parts = [_dollars(known, budget.dollars)]
    if known.under_way:
        parts.append(f"up to {money(known.under_way)} under way")
    if budget.tokens is not None:
        parts.append(f"{max(budget.tokens - known.tokens, 0):,} of {budget.tokens:,} tokens left")
    elif known.tokens:
        parts.append(f"{known.tokens:,} tokens")
    return ", ".join(parts)


def _dollars(known: Spent, cap: float | None) -> str:
    rest = left(cap, known.dollars)
    if known.dollars is None:
        return "cost unknown" + (f", of {money(cap)}" if cap is not None else "")
    return f"{money(rest)} of {money(cap)} left" if rest is not None else f"{money(known.dollars)} spent"


def paid(spend: Spend) -> str:
    """$0.12, 34,210 tokens; empty of what no language model had a part in."""
    tokens = spend.usage.tokens
    dollars = [money(spend.dollars)] if spend.dollars != 0 or tokens else []
    return ", ".join(dollars + ([f"{tokens:,} tokens"] if tokens else []))


def short(count: int) -> str:
    """950, 34.2k, 1.2M: as columns have room for; a dash for none."""
    if count >= 999_950:
        return f"{count / 1e6:.1f}M"
    return f"{count / 1e3:.1f}k" if count >= 1_000 else str(count or "\N{EN DASH}")
