"""What people see of a run's cost while it goes on: from the purse that its agents draw on."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.agent.purse import Purse
from activities.workspace.layout import Layout
from ops import spending
from ops.spending import Spent, spent
from ops.standing import standing
from schemas.base import RunRef
from schemas.budget import Budget, Spend, Usage
from schemas.role import Caps
from schemas.state import RunState
from tests.ops.test_words import NOW, state_after
from tests.workflows.facts import START, prepared


@pytest.fixture
def state(tmp_path: Path) -> RunState:
    """Of a run whose reports came to $1, with a cap of $5 and of a million tokens."""
    found = state_after(prepared())
    spec = found.spec.model_copy(update={"run": RunRef(id="toy-1", folder=str(tmp_path))})
    budget = Budget(seconds=3_600, dollars=5.0, tokens=1_000_000)
    spend = Spend(usage=Usage(input_tokens=100_000), dollars=1.0)
    return found.model_copy(update={"spec": spec, "budget": budget, "spend": spend})


async def asked(state: RunState, call: str, most: float | None, tokens: int) -> Purse:
    """A call that an agent has reserved money for."""
    purse = Purse(Layout.of(state.spec.run).purse, Caps())
    await purse.reserve(call, most, tokens, until=datetime.now(UTC) + timedelta(seconds=10))
    return purse


def in_all(state: RunState) -> tuple[float | None, int, float]:
    found = spent(state)
    return found.dollars, found.tokens, found.under_way


def test_where_the_folder_is_elsewhere_the_reports_count(state: RunState) -> None:
    assert in_all(state) == (1.0, 100_000, 0.0)


async def test_what_models_cost_is_seen_before_their_agents_report(state: RunState) -> None:
    purse = await asked(state, "coder.1.2.a1.t1.1", 0.9, 50_000)
    purse.settle("coder.1.2.a1.t1.1", 2.5, 140_000)
    await asked(state, "tuner.1.3.a1.t1.1", 0.4, 9_000)
    assert in_all(state) == (2.5, 140_000, 0.4)
    shown = json.loads(standing(state, NOW, url=None, live=True).model_dump_json())
    assert (shown["spent"]["dollars"], shown["spent"]["tokens"]) == (2.5, 140_000)
    assert (shown["left"]["dollars"], shown["left"]["tokens"]) == (2.5, 860_000)


async def test_a_price_that_is_not_known_leaves_the_cost_unknown(state: RunState) -> None:
    purse = await asked(state, "coder.1.2.a1.t1.1", None, 50_000)
    purse.settle("coder.1.2.a1.t1.1", None, 40_000)
    shown = standing(state, NOW, url=None, live=True)
    assert (shown.spent.dollars, shown.left.dollars, shown.spent.tokens) == (None, None, 40_000)


async def test_once_the_run_has_ended_its_reports_are_exact(state: RunState) -> None:
    await asked(state, "coder.1.2.a1.t1.1", 0.9, 50_000)
    over = state.model_copy(update={"ended": START + timedelta(minutes=5)})
    assert in_all(over) == (1.0, 100_000, 0.0)


@pytest.mark.parametrize(
    ("cost", "budget", "text"),
    [
        (Spent(), {}, "$0.00 spent"),
        (Spent(1.234, 120_400), {}, "$1.23 spent, 120,400 tokens"),
        (Spent(1.23, 120_400, 0.4), {"dollars": 5}, "$3.77 of $5.00 left, up to $0.40 under way, 120,400 tokens"),
        (Spent(6.0, 10), {"dollars": 5}, "$0.00 of $5.00 left, 10 tokens"),
        (Spent(None, 7_000), {}, "cost unknown, 7,000 tokens"),
        (Spent(None, 7_000), {"tokens": 9_000}, "cost unknown, 2,000 of 9,000 tokens left"),
        (Spent(None, 7_000), {"dollars": 5}, "cost unknown, of $5.00, 7,000 tokens"),
    ],
)
def test_cost_in_words(cost: Spent, budget: dict[str, float], text: str) -> None:
    assert spending.words(cost, Budget.model_validate({"seconds": 600, **budget})) == text


@pytest.mark.parametrize(
    ("spend", "text"),
    [
        (Spend(), ""),
        (Spend(jobs=2, job_seconds=9.0, model_calls=1), ""),
        (Spend(dollars=0.126, usage=Usage(input_tokens=34_000, output_tokens=210)), "$0.13, 34,210 tokens"),
        (Spend(dollars=None, usage=Usage(input_tokens=7)), "unknown cost, 7 tokens"),
        (Spend(dollars=None), "unknown cost"),
    ],
)
def test_what_an_agent_cost_in_words(spend: Spend, text: str) -> None:
    assert spending.paid(spend) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "\N{EN DASH}"), (950, "950"), (1_000, "1.0k"), (34_249, "34.2k"), (999_949, "999.9k"), (999_950, "1.0M")],
)
def test_tokens_as_a_column_has_room_for(count: int, text: str) -> None:
    assert spending.short(count) == text


@pytest.mark.parametrize("phase", ["FAILED", "STOPPED", "DONE"])
def test_a_run_that_ended_names_its_output_where_there_is_one(state: RunState, phase: str) -> None:
    over = state.model_copy(update={"ended": NOW, "phase": phase})
    assert standing(over, NOW, url=None, live=False).output is None
    output = Layout.of(state.spec.run).output
    output.mkdir()
    assert standing(over, NOW, url=None, live=False).output == str(output)
    assert standing(state, NOW, url=None, live=True).output is None
