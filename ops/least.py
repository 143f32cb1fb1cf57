"""The least that a budget must have for anything to be built."""

import math
from collections.abc import Callable

from activities.errors import BadInput
from schemas.budget import Budget

LEAST_SECONDS = 60.0  # below this, no candidate can be designed, coded, trained and delivered
LEAST_CALLS = 5  # one of each working role
LEAST_TRAINING_SECONDS = 5.0  # below this nothing is trained


def check_budget(budget: Budget, name: Callable[[str], str]) -> None:
    """BadInput for a limit that is too small; `name` is what the person called the limit."""
    for key, value in budget:
        if value is not None and not math.isfinite(value):
            raise BadInput(f"{name(key)}: {value} is not an amount; leave it out for no limit")
    if budget.seconds < LEAST_SECONDS:
        raise BadInput(
            f"{name('seconds')}: a budget of {budget.seconds:g} s is too small to build anything: give at least "
            f"{LEAST_SECONDS / 60:g} minute with --minutes"
        )
    for key in ("training_seconds", "agent_calls", "dollars", "tokens"):
        value = getattr(budget, key)
        if value is not None and value <= 0:
            raise BadInput(f"{name(key)}: {value:g} is too small to do anything: leave it out for no limit")
    if budget.training_seconds is not None and budget.training_seconds < LEAST_TRAINING_SECONDS:
        raise BadInput(
            f"{name('training_seconds')}: trainings of {budget.training_seconds:g} s at most are too short to learn "
            f"anything: give at least {LEAST_TRAINING_SECONDS:g} s with --set "
            f"training_seconds={LEAST_TRAINING_SECONDS:g}, or with --run-budget-minutes"
        )
    if budget.agent_calls is not None and budget.agent_calls < LEAST_CALLS:
        raise BadInput(
            f"{name('agent_calls')}: {budget.agent_calls} agent calls are too few: each of the five working roles "
            f"takes one, so give at least {LEAST_CALLS}"
        )
