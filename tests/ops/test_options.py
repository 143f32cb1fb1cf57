from pathlib import Path

import pytest

from activities.errors import BadInput
from ops.options import spec_of
from ops.settings import Settings
from schemas.base import RunRef
from schemas.budget import Budget
from schemas.role import ModelChoice, Role
from schemas.run import RunSettings, RunSpec

HERE = Settings(home=Path("/home"))


def test_nothing_given_means_an_hour_three_candidates_and_the_playbook() -> None:
    spec = spec_of(HERE, {}, [])
    assert (spec.settings.model, spec.settings.candidates, spec.budget.seconds) == ("playbook", 3, 3_600)
    assert (spec.budget.dollars, spec.budget.agent_calls, spec.budget.training_seconds) == (None, None, None)


def test_set_wins_over_flags_and_flags_over_the_home_folders_defaults() -> None:
    home = HERE.model_copy(update={"run": {"candidates": 5, "seed": 7, "refit": False}})
    spec = spec_of(home, {"candidates": 4, "seed": 8, "policy": None}, ["candidates=2"])
    assert (spec.settings.candidates, spec.settings.seed, spec.settings.refit) == (2, 8, False)


def test_set_reaches_every_setting_limits_and_single_roles_included() -> None:
    spec = spec_of(HERE, {}, ["dollars=2.5", "refit=false", "models.tuner=playbook", "max_turns=12", "seconds=90"])
    assert (spec.budget.dollars, spec.budget.seconds) == (2.5, 90)
    assert (spec.settings.refit, spec.settings.max_turns) == (False, 12)
    assert spec.settings.models == {Role.TUNER: "playbook"}


def test_a_model_an_effort_and_a_fallback_can_be_given_for_all_roles_and_for_one() -> None:
    flags = {"model": "claude-opus-5-5", "effort": "high", "fallback": "claude-opus-5", "web": False, "dollars": 5.0}
    sets = ["models.tuner=claude-sonnet-5-5", "efforts.coder=max", "fallbacks.manager=claude-fable-5-1", "routing=true"]
    spec = spec_of(HERE, flags, sets)
    assert spec.settings.model_for(Role.DESIGNER) == ModelChoice(
        name="claude-opus-5-5", effort="high", fallback="claude-opus-5"
    )
    assert spec.settings.model_for(Role.TUNER).name == "claude-sonnet-5-5"
    assert spec.settings.model_for(Role.CODER).effort == "max"
    assert spec.settings.model_for(Role.MANAGER).fallback == "claude-fable-5-1"
    assert (spec.settings.web, spec.settings.routing, spec.budget.dollars) == (False, True, 5.0)


def test_a_replay_has_the_recorded_runs_settings_and_limits_where_nothing_else_is_given() -> None:
    before = RunSpec(
        run=RunRef(id="toy", folder="/runs/toy"),
        name="toy",
        settings=RunSettings(model="claude-opus-5-5", candidates=2, seed=9, record=True),
        budget=Budget(seconds=600, tokens=1_000_000),
    )
    spec = spec_of(HERE, {"candidates": 1, "replay": "/runs/toy"}, [], before)
    assert (spec.settings.model, spec.settings.seed, spec.settings.candidates) == ("claude-opus-5-5", 9, 1)
    assert (spec.settings.record, spec.settings.replay) == (False, "/runs/toy")
    assert (spec.budget.seconds, spec.budget.tokens) == (600, 1_000_000)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"effort": "huge"}, "--effort: "),
        ({"dollars": 0.0}, "--max-dollars: "),
        ({"tokens": -5}, "--max-tokens: "),
        ({"seconds": 5.0}, "--minutes: "),
        ({"agent_calls": 2}, "--max-agent-calls: "),
        ({"training_seconds": 1.0}, "--run-budget-minutes: "),
        ({"candidates": 0}, "--candidates: "),
    ],
)
def test_an_error_names_the_flag_that_was_typed(flags: dict[str, object], name: str) -> None:
    with pytest.raises(BadInput, match=f"^{name}"):
        spec_of(HERE, flags, [])


@pytest.mark.parametrize(
    ("sets", "names"),
    [
        (["candidate=2"], ["candidate", "did you mean candidates"]),
        (["candidates"], ["key=value"]),
        (["candidates=0"], ["candidates", "greater than or equal to 1"]),
        (["policy=genius"], ["policy", "agent", "greedy"]),
        (["models.trainer=x"], ["--set models.trainer", "'manager', 'setup', 'designer'"]),
        (["efforts.coder=huge"], ["--set efforts.coder", "'low', 'medium', 'high'"]),
        (["fallbacks=claude-opus-5"], ["--set fallbacks", "dictionary"]),
        (["seed.a=1"], ["seed", "no parts"]),
        (["candidates=[1"], ["candidates"]),
        (["seed=2024-02-30"], ["--set seed=2024-02-30", "'2024-02-30' is not a value", "day"]),
        (["seed=" + "[" * 5_000], ["--set seed=", "nested too deep"]),
        (["seconds=30"], ["30 s", "too small", "--minutes"]),
        (["dollars=0"], ["dollars", "too small"]),
        (["agent_calls=3"], ["3 agent calls", "at least 5"]),
        (["training_seconds=0.06"], ["0.06 s", "too short", "--run-budget-minutes"]),
        (["seed=-1"], ["seed", "greater than or equal to 0"]),
        (["seconds=.nan"], ["seconds"]),
    ],
)
def test_what_cannot_be_is_named(sets: list[str], names: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        spec_of(HERE, {}, sets)
    assert all(name in str(caught.value) for name in names), str(caught.value)


def test_a_default_in_the_home_folder_that_is_no_setting_is_named() -> None:
    with pytest.raises(BadInput, match=r"settings.yaml: unknown setting 'colour'"):
        spec_of(HERE.model_copy(update={"run": {"colour": "red"}}), {}, [])
