"""Time and other limits are arithmetic over the state."""

from datetime import timedelta

import pytest

from schemas.budget import Budget, Spend
from schemas.event import ManagerDecided
from schemas.role import Role
from schemas.state import RunState
from schemas.task import Split
from tests.workflows.facts import START, TASK, flight, folded, prepared, started
from tests.workflows.test_fold import scored
from workflows import limits


def with_budget(**budget: float) -> RunState:
    first = started()
    spec = first.spec.model_copy(update={"budget": Budget(seconds=3_600, **budget)})
    return folded(prepared(), flight(Role.SETUP, None), first=first.model_copy(update={"spec": spec}))


def test_the_reserve_is_a_share_of_the_time_unless_it_is_set() -> None:
    assert limits.first_clock(START, Budget(seconds=6_000), None).explore_until == START + timedelta(seconds=5_280)
    assert limits.first_clock(START, Budget(seconds=6_000), 0.3).explore_until == START + timedelta(seconds=4_200)
    short = limits.first_clock(START, Budget(seconds=200), None)
    assert short.deadline - short.explore_until == timedelta(seconds=70)
    day = limits.first_clock(START, Budget(seconds=86_400), None)
    assert day.deadline - day.explore_until == timedelta(hours=2)


def test_long_trainings_make_exploring_end_earlier_but_never_before_half_time() -> None:
    quick = folded(prepared(), flight(Role.TUNER, 1), scored("j", 0.5).model_copy(update={"seconds": 10.0}))
    slow = folded(prepared(), flight(Role.TUNER, 1), scored("j", 0.5).model_copy(update={"seconds": 600.0}))
    endless = folded(prepared(), flight(Role.TUNER, 1), scored("j", 0.5).model_copy(update={"seconds": 9_999.0}))
    assert limits.explore_until(quick) == quick.clock.explore_until
    assert limits.explore_until(slow) < slow.clock.explore_until
    assert limits.explore_until(endless) == START + timedelta(minutes=30)


def test_a_cross_validated_trial_counts_by_its_single_trainings() -> None:
    folds = TASK.model_copy(update={"split": Split(kind="random", folds=5)})
    long = scored("j", 0.5).model_copy(update={"seconds": 600.0})
    assert limits.reserve(folded(prepared(folds), flight(Role.TUNER, 1), long)) < limits.reserve(
        folded(prepared(), flight(Role.TUNER, 1), long)
    )


def test_one_agent_call_is_kept_for_the_aggregator() -> None:
    assert limits.agent_calls_left(with_budget(agent_calls=3)) == 1
    assert limits.reached(with_budget(agent_calls=2), START) == (
        "agent_calls",
        "1 agent calls were made; one is kept for the aggregator",
    )


@pytest.mark.parametrize(("spent", "limit"), [(0.5, None), (1.0, "dollars"), (None, "dollars")])
def test_money_is_a_limit_and_unknown_money_is_not_taken_for_none(spent: float | None, limit: str | None) -> None:
    first = started()
    spec = first.spec.model_copy(update={"budget": Budget(seconds=3_600, dollars=1.0)})
    asked = ManagerDecided(turn=1, spend=Spend(dollars=spent))
    state = folded(prepared(), asked, first=first.model_copy(update={"spec": spec}))
    found = limits.reached(state, START)
    assert (found[0] if found else None) == limit
