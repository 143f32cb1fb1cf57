"""The report is exact: whatever failed, its sums are those of the state that decisions rest on."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from activities.workspace.report import bills, costs, verdict
from activities.workspace.report.facts import Facts
from activities.workspace.report.files import read_facts
from activities.workspace.report.page import page
from ops.runs import folded
from schemas.budget import Spend, Usage
from schemas.event import DeliveryVerified, InvocationFailed, ManagerDecided, RunEnded
from schemas.role import Role
from schemas.run import RunSettings
from schemas.state import RunState
from tests.report import speaking
from tests.report.failing import failing
from tests.report.made import begun, prepared

JOBS = {"jobs", "job_seconds"}  # which no call of a model has


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return read_facts(failing(tmp_path / "run"))


@pytest.fixture
def state(facts: Facts) -> RunState:
    return folded(facts.entries)


def counted(spend: Spend, *, besides: Collection[str] = ()) -> Mapping[str, float | None]:
    return {**spend.model_dump(exclude={"usage", *besides}), **spend.usage.model_dump()}


def test_the_run_cost_what_its_state_says(facts: Facts, state: RunState) -> None:
    assert counted(costs.total(facts).spend) == pytest.approx(counted(state.spend))


def test_every_role_cost_what_the_state_says(facts: Facts, state: RunState) -> None:
    told = {cost.who: cost.spend for cost in costs.costs(facts) if cost.who != "delivery"}
    assert told.keys() == {role.value for role in state.spend_by_role}
    for role, spend in state.spend_by_role.items():
        assert counted(told[role.value]) == pytest.approx(counted(spend))


@pytest.mark.parametrize("divided", [bills.by_role, bills.by_candidate, bills.by_invocation, bills.by_model])
def test_every_division_adds_up_to_what_the_state_says(
    divided: Callable[[Facts], list[bills.Bill]], facts: Facts, state: RunState
) -> None:
    whole = sum((bill.spend for bill in divided(facts)), Spend())
    assert counted(whole, besides=JOBS) == pytest.approx(counted(state.spend, besides=JOBS))


def test_its_calls_add_up_to_what_the_state_says(facts: Facts, state: RunState) -> None:
    read = [call for call in facts.calls if call.outcome != "lost"]
    assert sum((call.usage for call in read), Usage()) == state.spend.usage
    assert sum(call.dollars or 0.0 for call in read) == pytest.approx(state.spend.dollars)
    assert len(facts.calls) - len(read) == state.spend.lost_calls == 1


def test_turns_of_the_manager_that_failed_are_told_as_its_own(facts: Facts) -> None:
    [manager] = [cost for cost in costs.costs(facts) if cost.who == "manager"]
    assert (manager.calls, manager.failed) == (1 + 3 + 3, 4)  # one it decided, three it failed, three decided instead
    named = [bill.who for bill in bills.by_invocation(facts)]
    assert named == ["manager.1", "designer.1.1", "coder.1.2", "tuner.1.3", "manager.2", "manager.3"]
    assert ("manager", 4) in [(one.role.value, one.invocations) for one in bills.players(facts)]


def test_searches_of_what_failed_are_told(facts: Facts) -> None:
    assert [name for name, _ in facts.searches] == ["designer.1.1"] * 2 + ["tuner.1.3"] * 2


def test_what_the_report_is_written_before_is_in_its_sums(facts: Facts, state: RunState) -> None:
    """The last check enters the ledger only with the report that tells of it."""
    *before, verified, _ = facts.entries
    assert isinstance(verified.event, DeliveryVerified)
    written = Facts(replace(facts.record, entries=tuple(before)), delivering=verified.event)
    assert costs.total(written).spend.job_seconds == state.spend.job_seconds


def test_a_manager_that_never_answered_is_still_a_language_model(tmp_path: Path) -> None:
    settings = RunSettings(models={Role.MANAGER: "claude-opus-5-5"})
    made = begun(tmp_path / "run", settings=settings)
    prepared(made)
    journal = speaking.Journal(made, "manager.1", 5)
    journal.answered(speaking.FIRST, part="void")
    failed = InvocationFailed(invocation="manager.1", role=Role.MANAGER, why="refused", spend=journal.kept())
    made.tell(20, failed)
    made.tell(21, ManagerDecided(turn=1, invocation="greedy.1", policy="greedy"))
    made.tell(30, RunEnded(phase="FAILED", why="nothing was begun"))
    layout = made.save()
    facts = read_facts(layout)
    assert verdict.engine(facts) == "claude-opus-5-5: manager; greedy search: manager."
    assert "Call by call: 1 line" in page(facts, layout)
