"""What a run has cost so far: as its models are asked, where its folder is on this machine; else by its reports."""

from dataclasses import dataclass

from activities.agent.purse import Purse
from activities.workspace.layout import Layout
from ops.words import money
from schemas.budget import Budget
from schemas.role import Caps
from schemas.state import RunState


@dataclass(frozen=True)
class Spent:
    """`dollars` are None where a price is unknown; `under_way` is the most that calls now in flight may add."""

    dollars: float | None = 0.0
    tokens: int = 0
    under_way: float = 0.0


def spent(state: RunState) -> Spent:
    """Once a run has ended, its reports know it all."""
    reported = Spent(state.spend.dollars, state.spend.usage.tokens)
    purse = Layout.of(state.spec.run).purse
    if state.ended or not purse.is_file():
        return reported
    try:
        known = Purse(purse, Caps()).totals()
    except OSError:
        return reported
    return Spent(known.dollars, known.tokens, known.reserved_dollars)


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
