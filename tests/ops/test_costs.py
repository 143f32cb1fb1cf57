"""What a run costs while it goes on, divided: by kind of token, by role, by candidate and by agent at work."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from activities.agent.booking import Amount, Closed, Reserved, Settled
from activities.workspace.layout import Layout
from ops import view
from ops.spending import Costs, Spent, spent
from ops.standing import standing
from schemas.base import Record, RunRef
from schemas.budget import Spend, Usage
from schemas.event import InvocationReported, ManagerDecided, RunEnded
from schemas.role import DesignReport, Role
from schemas.state import RunState
from tests.ops.test_words import NOW, scored, state_after
from tests.report.made import Made
from tests.report.speaking import FIRST, LATER, SEARCHED, Journal
from tests.workflows.facts import flight, prepared

REPORTED = Spend(usage=SEARCHED, dollars=0.5, model_calls=1)
DECIDED = Spend(usage=FIRST, dollars=0.25, model_calls=1)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def at_work(layout: Layout) -> RunState:
    """A turn was decided and a design reported; a coder and a tuner are at work, and so may be the manager."""
    report = DesignReport(invocation="designer.1.1", candidate=1, revision="d", spend=REPORTED)
    state = state_after(
        prepared(),
        ManagerDecided(turn=1, invocation="manager.1", spend=DECIDED),
        flight(Role.DESIGNER, 1, 1),
        InvocationReported(invocation="designer.1.1", report=report),
        flight(Role.TUNER, 1, 2),
        scored(1, 0.5123),
        flight(Role.CODER, 2, 3),
    )
    spec = state.spec.model_copy(update={"run": RunRef(id="toy-1", folder=str(layout.folder))})
    return state.model_copy(update={"spec": spec})


def answered(layout: Layout, name: str, *usages: Usage) -> Spend:
    """What an agent's journal holds after these answers, and a call that is under way."""
    journal = Journal(Made(layout), name, 0)
    for usage in usages:
        journal.answered(usage)
    journal.asks()
    return journal.kept().model_copy(update={"lost_calls": 0})


def paid(layout: Layout, *lines: Record) -> None:
    layout.purse.write_text("".join(line.model_dump_json() + "\n" for line in lines))


def settled(call: str, dollars: float | None, tokens: int) -> Settled:
    return Settled(call=call, dollars=dollars, tokens=tokens)


def test_answers_to_agents_at_work_are_in_every_sum(layout: Layout) -> None:
    coder, tuner = answered(layout, "coder.2.3", FIRST, LATER), answered(layout, "tuner.1.2", SEARCHED)
    costs = spent(at_work(layout)).costs
    assert costs.by_agent == {"coder.2.3": coder, "tuner.1.2": tuner}
    assert costs.by_role == {
        Role.MANAGER: DECIDED, Role.DESIGNER: REPORTED, Role.TUNER: tuner, Role.CODER: coder
    }  # fmt: skip
    assert costs.run.usage == FIRST + SEARCHED + FIRST + LATER + SEARCHED
    assert costs.run.dollars == pytest.approx(0.75 + (coder.dollars or 0) + (tuner.dollars or 0))


@pytest.mark.parametrize("turn", ["manager.2", "manager.2.aside"])
def test_the_managers_turn_under_way_is_its_roles(layout: Layout, turn: str) -> None:
    spend = answered(layout, turn, LATER)
    costs = spent(at_work(layout)).costs
    assert costs.by_agent == {turn: spend}
    assert costs.by_role[Role.MANAGER] == DECIDED + spend


def test_a_journal_is_read_again_once_it_has_grown(layout: Layout) -> None:
    state = at_work(layout)
    journal = Journal(Made(layout), "coder.2.3", 0)
    journal.answered(FIRST)
    before = journal.kept()
    assert spent(state).costs.by_agent == {"coder.2.3": before}
    journal.answered(LATER)
    with layout.journal("coder.2.3", 1).open("a") as file:
        file.writelines(record.model_dump_json() + "\n" for record in journal.records[-2:])
    assert spent(state).costs.by_agent["coder.2.3"].usage == FIRST + LATER


def test_candidates_cost_what_the_calls_for_them_came_to(layout: Layout) -> None:
    paid(
        layout,
        Reserved(call="designer.1.1.a1.t1.1", dollars=0.9, tokens=9_000),
        settled("designer.1.1.a1.t1.1", 0.5, 4_000),
        settled("designer.1.1.a1.t1.1", 0.5, 4_000),  # by a later attempt as well
        settled("tuner.1.2.a2.t1.1", 0.25, 1_000),
        settled("coder.2.3.a1.t1.1", None, 700),
        Reserved(call="coder.2.3.a1.t2.1", dollars=0.4, tokens=9_000),  # under way
        Closed(invocation="tuner.1.2"),
        settled("manager.2.a1.t1.1", 3.0, 9_000),
        settled("manager.2.aside.a1.t1.1", 3.0, 9_000),
        settled("aggregator.7.a1.t1.1", 3.0, 9_000),
    )
    assert spent(at_work(layout)).costs.by_candidate == {1: Amount(0.75, 5_000), 2: Amount(None, 700)}


def test_of_a_run_that_ended_the_reports_are_exact(layout: Layout) -> None:
    answered(layout, "manager.2", LATER)
    state = at_work(layout)
    over = state.model_copy(update={"ended": NOW})
    costs = spent(over).costs
    assert (costs.run, costs.by_role, costs.by_agent) == (state.spend, state.spend_by_role, {})


def test_where_the_folder_is_elsewhere_the_reports_are_divided(layout: Layout) -> None:
    costs = spent(at_work(Layout(layout.folder / "elsewhere"))).costs
    assert costs.by_role == {Role.MANAGER: DECIDED, Role.DESIGNER: REPORTED}
    assert (costs.by_candidate, costs.by_agent) == ({}, {})


def test_programs_are_given_names(layout: Layout) -> None:
    answered(layout, "coder.2.3", LATER)
    paid(layout, settled("coder.2.3.a1.t1.1", 0.5, 4_000))
    costs = json.loads(standing(at_work(layout), NOW, url=None, live=True).model_dump_json())["costs"]
    assert costs["by_role"]["coder"]["usage"]["cache_read_tokens"] == LATER.cache_read_tokens
    assert costs["by_candidate"] == {"2": {"dollars": 0.5, "tokens": 4_000}}
    assert costs["by_agent"].keys() == {"coder.2.3"}
    assert costs["run"]["usage"]["web_searches"] == SEARCHED.web_searches


def shown(state: RunState, costs: Costs, width: int = 80) -> list[str]:
    console = Console(width=width)
    doing = {"tuner.1.2": "train (call 3)", "manager.2": "turn 2: thinks"}
    with console.capture() as captured:
        console.print(view.screen(state, doing, NOW, "http://ui", Spent(1.234, 5_600_000, 0.4, costs)))
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_the_screen_divides_the_cost_and_fits_eighty_columns(layout: Layout) -> None:
    much = Spend(usage=Usage(**dict.fromkeys(Usage.model_fields, 1234567)), dollars=1_234.56)
    costs = Costs(
        run=much,
        by_role={Role.DESIGNER: much.model_copy(update={"dollars": None}), Role.CODER: Spend()},
        by_candidate={1: Amount(3.2, 1_234_567), 2: Amount(None, 700)},
        by_agent={"tuner.1.2": REPORTED, "manager.2": DECIDED},
    )
    lines = shown(at_work(layout), costs)
    assert "input output write 5m write 1h cache read searches spent" in lines
    assert "designer 1.2M 1.2M 1.2M 1.2M 1.2M 1.2M unknown" in lines
    assert "all 1.2M 1.2M 1.2M 1.2M 1.2M 1.2M $1234.56" in lines
    assert not any(line.startswith(("coder 1", "coder \N{EN DASH}")) for line in lines)
    assert any(line.startswith("1 ") and line.endswith("$3.20, 1.2M") for line in lines)
    assert any(line.startswith("2 ") and line.endswith("unknown, 700") for line in lines)
    assert "tuner, candidate 1: train (call 3) (9 min 54 s, $0.50, 21,909 tokens)" in lines
    assert "manager.2: turn 2: thinks ($0.25, 21,512 tokens)" in lines


def test_of_the_playbook_no_cost_is_shown(layout: Layout) -> None:
    free = Costs(run=Spend(jobs=3, job_seconds=9), by_role={Role.TUNER: Spend(jobs=3, job_seconds=9)})
    lines = shown(at_work(layout), free)
    assert lines == shown(at_work(layout), Costs())
    assert "approach status trials rmse" in lines
    assert "tuner, candidate 1: train (call 3) (9 min 54 s)" in lines
    assert not any("spent" in line or "cache" in line for line in lines[2:])


def test_once_it_ended_the_screen_keeps_the_division(layout: Layout) -> None:
    state = state_after(prepared(), ManagerDecided(turn=1, spend=DECIDED), RunEnded(phase="DONE"))
    assert "manager 12 1.5k 20.0k \N{EN DASH} \N{EN DASH} \N{EN DASH} $0.25" in shown(state, spent(state).costs)
