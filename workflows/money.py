"""What agents may spend of a run's money: pure arithmetic over its budget."""

from functools import cache

from schemas.budget import Budget
from schemas.role import Caps, Role
from schemas.state import RunState

KEPT = 0.1  # share of money and tokens that exploring leaves to the aggregator
MOST_KEPT_DOLLARS = 5.0
MOST_KEPT_TOKENS = 2_000_000
KEPT_WORDS = "; what is left is kept for the aggregator"


@cache  # a run has few budgets, and asks for this at each decision
def exploring(budget: Budget) -> Caps:
    """What all work before aggregation may spend together."""
    dollars, tokens = budget.dollars, budget.tokens
    return Caps(
        dollars=None if dollars is None else dollars - min(KEPT * dollars, MOST_KEPT_DOLLARS),
        tokens=None if tokens is None else tokens - min(int(KEPT * tokens), MOST_KEPT_TOKENS),
    )


@cache
def whole(budget: Budget) -> Caps:
    return Caps(dollars=budget.dollars, tokens=budget.tokens)


def caps(state: RunState, role: Role) -> Caps:
    """Of a request that is made now."""
    return whole(state.budget) if role is Role.AGGREGATOR else exploring(state.budget)


def caps_now(state: RunState) -> Caps:
    """What agents at work may spend, once a person has given more."""
    return exploring(state.budget) if state.phase in ("PREPARING", "EXPLORING") else whole(state.budget)


def reached(state: RunState) -> tuple[str, str] | None:
    """The limit of money that ends exploring, with its reason. Unknown dollars are not taken for none."""
    most, spend = exploring(state.budget), state.spend
    if most.dollars is not None and spend.dollars is None:
        return "dollars", f"what was spent of ${state.budget.dollars} is not known"
    if most.dollars is not None and spend.dollars is not None and spend.dollars >= most.dollars:
        return "dollars", f"${spend.dollars:.2f} of ${state.budget.dollars:.2f} are spent{KEPT_WORDS}"
    if most.tokens is not None and spend.usage.tokens >= most.tokens:
        return "tokens", f"{spend.usage.tokens} of {state.budget.tokens} tokens are spent{KEPT_WORDS}"
    return _refused(state)


def _refused(state: RunState) -> tuple[str, str] | None:
    """The limit at which an agent was refused a call, unless a person has given more since.

    Calls whose replies were lost count there at the most that they may have cost, and in reports not at all.
    """
    amounts = {"dollars": f"${state.budget.dollars or 0.0:.2f}", "tokens": f"{state.budget.tokens} tokens"}
    for limit, amount in amounts.items():
        if limit in state.limits:
            return limit, f"what may be drawn of {amount} is spent, lost calls taken at their most{KEPT_WORDS}"
    return None


def left(state: RunState) -> Caps:
    """What exploring may still spend, by the reports so far; None without a limit, or where it is not known."""
    most, spend = exploring(state.budget), state.spend
    known = most.dollars is not None and spend.dollars is not None
    return Caps(
        dollars=max((most.dollars or 0.0) - (spend.dollars or 0.0), 0.0) if known else None,
        tokens=None if most.tokens is None else max(most.tokens - spend.usage.tokens, 0),
    )
