"""Events in a line each: what an agent cost, and what a person allowed."""

import pytest

from ops.telling import tell
from schemas.budget import Budget, Spend, Usage
from schemas.event import Event, InvocationFailed, InvocationReported, ManagerDecided, RunExtended
from schemas.role import CodeReport, Role
from tests.workflows.facts import started

PAID = Spend(usage=Usage(input_tokens=30_000, cache_read_tokens=4_000, output_tokens=210), dollars=0.126)
COST = " ($0.13, 34,210 tokens)"


def events(spend: Spend) -> list[Event]:
    """An agent's ends, and a turn of the manager."""
    code = CodeReport(invocation="coder.1.2", candidate=1, revision="c", spend=spend)
    return [
        InvocationReported(invocation="coder.1.2", report=code),
        InvocationReported(invocation="coder.1.2", report=code.model_copy(update={"problem": "no data"})),
        InvocationFailed(invocation="coder.1.2", role=Role.CODER, why="called off", spend=spend),
        InvocationFailed(invocation="manager.3", role=Role.MANAGER, why="refused", spend=spend),
        ManagerDecided(turn=3, thought="Trees.", spend=spend),
    ]


@pytest.mark.parametrize(
    ("spend", "cost"),
    [
        (PAID, COST),
        (PAID.model_copy(update={"dollars": None}), " (unknown cost, 34,210 tokens)"),
        (Spend(model_calls=6, jobs=1, job_seconds=9), ""),  # the playbook's
    ],
)
def test_what_an_agent_cost_is_told_with_its_end(spend: Spend, cost: str) -> None:
    assert [tell(event) for event in events(spend)] == [
        f"coder.1.2 reported: code{cost}",
        f"coder.1.2 could not do it{cost}: no data",
        f"coder.1.2 failed{cost}: called off",
        f"manager.3 failed{cost}: refused",
        f"manager, turn 3: nothing now{cost}: Trees.",
    ]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, "extended: now 2 h 0 min in all: good curves"),
        ({"dollars": 7.5}, "extended: now 2 h 0 min, $7.50 in all: good curves"),
        (
            {"dollars": 7.5, "tokens": 2_000_000, "agent_calls": 1_200},
            "extended: now 2 h 0 min, $7.50, 2,000,000 tokens, 1,200 agent calls in all: good curves",
        ),
    ],
)
def test_an_extension_names_every_limit_that_holds_now(limits: dict[str, float], said: str) -> None:
    budget = Budget.model_validate({"seconds": 7_200, **limits})
    assert tell(RunExtended(clock=started().clock, budget=budget, why="good curves")) == said
