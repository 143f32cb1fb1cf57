"""What the ledger says, arranged: only what the workflow computed again stands."""

from pathlib import Path

import pytest

from activities.workspace.report import costs, words
from activities.workspace.report.files import read_facts
from schemas.budget import Spend
from schemas.metric import Direction, Metric
from tests.report import made, stories


def test_candidates_stand_where_the_scorer_put_them(tmp_path: Path) -> None:
    facts = read_facts(stories.whole(tmp_path / "run"))
    assert {line.number: line.status for line in facts.lines} == {
        1: "trained",
        2: "chosen",
        3: "discarded",
        4: "chosen",
    }
    assert facts.leader is not None
    assert facts.leader.number == 4
    assert [parent for parent, _ in facts.lines[3].parents] == [1, 2]


def test_a_training_that_no_report_names_is_shown_and_does_not_compete(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run")
    stories.left_behind(layout, "tuner.1.14.j3", candidate=1, value=0.1)
    facts = read_facts(layout)
    [found] = [training for training in facts.trainings if training.trial.job == "tuner.1.14.j3"]
    assert not found.counts
    assert facts.looks == 12  # it was looked at all the same
    assert facts.leader is not None
    assert facts.leader.number == 4


def test_a_second_choice_has_its_own_estimate_and_check(tmp_path: Path) -> None:
    facts = read_facts(stories.second_choice(tmp_path / "run"))
    assert facts.members == (1,)
    assert facts.estimated is not None
    assert facts.estimated.score is not None
    assert facts.estimated.score.value == 0.73
    assert facts.report_looks == 2
    assert facts.verified is not None
    assert facts.verified.passed


def test_an_invocation_is_found_without_tool_uses_as_well(tmp_path: Path) -> None:
    facts = read_facts(stories.greedy(tmp_path / "run"))
    [turn] = facts.turns
    assert [act.invocation.event.invocation if act.invocation else None for act in turn.acts] == ["designer.1.1", None]


def test_unknown_money_stays_unknown(tmp_path: Path) -> None:
    facts = read_facts(stories.whole(tmp_path / "run", cast_model="claude-opus-4-5"))
    assert costs.total(facts).spend.dollars is None
    assert words.dollars(None) == "unknown"
    assert words.dollars(Spend().dollars) == "$0"


def test_costs_add_up(tmp_path: Path) -> None:
    facts = read_facts(stories.whole(tmp_path / "run"))
    rows = {cost.who: cost for cost in costs.costs(facts)}
    assert list(rows) == ["manager", "setup", "designer", "coder", "tuner", "aggregator", "delivery"]
    assert rows["delivery"].spend.job_seconds == 22 + 33 + 8
    assert rows["coder"].failed == 1
    assert costs.total(facts).spend.model_calls == sum(cost.spend.model_calls for cost in rows.values())
    assert ("Calls of roles", "14", "40") in costs.limits(facts)


@pytest.mark.parametrize(
    ("value", "wide", "shown"),
    [(0.604123, 0.03, "0.604"), (0.917, 0.004, "0.9170"), (1234.4, 300.0, "1,234"), (-0.5, 0.3, "\N{MINUS SIGN}0.50")],
)
def test_a_score_is_shown_as_far_as_its_interval_carries(value: float, wide: float, shown: str) -> None:
    assert words.value(made.score(value, wide=wide)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.25, "0.2 s"), (59.6, "1 min"), (60, "1 min"), (125, "2 min 05 s"), (11_100, "3 h 05 min")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


def test_metrics_are_in_words() -> None:
    metric = Metric(name="roc_auc", direction=Direction.HIGHER, predicts="probability")
    assert (words.metric_name(metric), words.direction(metric)) == ("ROC AUC", "higher is better")
    assert words.metric_name(metric.model_copy(update={"name": "grade.py:profit"})) == "grade.py:profit"
