"""Time and other limits: pure arithmetic over the state."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.budget import Budget, Clock
from schemas.state import RunState
from workflows import money

LEAST_WORK = 5.0  # seconds; less is not worth an invocation
DELIVERED_MEMBERS = 3  # whose trainings delivery is expected to repeat
CHECKS = 15.0  # seconds for the inferences of the final check


def first_clock(started: datetime, budget: Budget, share: float | None) -> Clock:
    """The run's times, with the share of them that is kept for aggregation and delivery.

    Delivery has a cost of its own however short a run is: some inferences for the final check, and a refit.
    """
    usual = max(0.12 * budget.seconds, min(90.0, 0.35 * budget.seconds))
    kept = budget.seconds * share if share is not None else min(usual, 2 * 3_600.0)
    return Clock(
        started=started,
        explore_until=started + timedelta(seconds=budget.seconds - kept),
        deadline=started + timedelta(seconds=budget.seconds),
    )


def explore_until(state: RunState) -> datetime:
    """When work on candidates ends: earlier than planned once trainings turn out to need a larger reserve."""
    needed = state.clock.deadline - timedelta(seconds=reserve(state))
    half = state.clock.started + (state.clock.deadline - state.clock.started) / 2
    return max(min(state.clock.explore_until, needed), half)


def reserve(state: RunState) -> float:
    """Seconds that aggregation, the estimate, the refit and the final check will need, as far as is known."""
    standing = [c.best for c in state.candidates.values() if c.status != "discarded"]
    trained = sorted((best.seconds for best in standing if best is not None), reverse=True)[:DELIVERED_MEMBERS]
    return CHECKS + 15.0 + 5.0 * len(trained) + delivery_seconds(state, trained)


def delivery_seconds(state: RunState, trained: Sequence[float]) -> float:
    """About what training the delivered members takes, by what their best trials took, on two devices.

    A cross-validated trial holds one training for each fold; delivery needs one for the estimate and one for the refit.
    A trial with a holdout leaves the model that is estimated, and only the refit trains again, on more rows.
    """
    folds = state.task.split.folds if state.task else None
    jobs = [seconds / folds * 1.3 for seconds in trained] * 2 if folds else [seconds * 1.4 for seconds in trained]
    return max(max(jobs, default=0.0), sum(jobs) / 2)


def seconds_to_explore(state: RunState, now: datetime) -> float:
    return max((explore_until(state) - now).total_seconds(), 0.0)


def seconds_left(state: RunState, now: datetime) -> float:
    return max((state.clock.deadline - now).total_seconds(), 0.0)


def agent_calls_left(state: RunState) -> int | None:
    """Without the one that the aggregator will need."""
    calls = state.budget.agent_calls
    return None if calls is None else max(calls - state.invocations - 1, 0)


def reached(state: RunState, now: datetime) -> tuple[str, str] | None:
    """The first limit that ends exploring, with its reason; None while there is room."""
    if seconds_to_explore(state, now) <= 0:
        return "explore_until", "the time for work on candidates is over; what is left is kept for delivery"
    if agent_calls_left(state) == 0:
        return "agent_calls", f"{state.invocations} agent calls were made; one is kept for the aggregator"
    return money.reached(state)
