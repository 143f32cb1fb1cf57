"""What is asked of models before a run starts, and what is said of them. Nothing here asks a model anything."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from activities.errors import BadInput
from ops.asked import Spec
from ops.modelcheck import check_models
from ops.modelwords import first_lines
from ops.settings import Settings
from schemas.budget import Budget
from schemas.run import RunSettings

KEY = "sk-ant-planted-key"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """With a key, and nothing else that leads to a model."""
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "AWS_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    return Settings(home=tmp_path)


def spec(*, dollars: float | None = None, **settings: Any) -> Spec:
    return Spec(RunSettings(**settings), Budget(seconds=600, dollars=dollars))


def refusal(home: Settings, asked: Spec) -> str:
    with pytest.raises(BadInput) as caught:
        check_models(home, asked)
    return str(caught.value)


def test_with_a_key_claude_can_be_asked_and_nothing_is_asked(home: Settings) -> None:
    check_models(home, spec(model="claude-opus-5-5", fallback="claude-opus-5", routing=True))


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "claude-new"},
        {"models": {"tuner": "claude-new"}},
        {"model": "claude-opus-5-5", "fallback": "claude-new"},
        {"model": "claude-opus-5-5", "fallbacks": {"coder": "claude-new"}},
        {"model": "claude-opus-5-5", "routing": True, "cheap_model": "claude-new"},
    ],
)
def test_a_cap_of_dollars_needs_the_price_of_every_model_that_may_be_asked(
    home: Settings, settings: dict[str, Any]
) -> None:
    check_models(home, spec(**settings))
    said = refusal(home, spec(dollars=5.0, **settings))
    assert "--max-dollars cannot be kept: claude-new" in said
    assert "prices.json" in said


def test_a_price_of_ones_own_is_a_price(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"models": {"server/mine": {"input": 0.1, "output": 0.2}}}
    (home.home / "prices.json").write_text(json.dumps(own))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    check_models(home, spec(dollars=5.0, model="server/mine"))


def test_a_cheap_model_is_looked_at_only_where_routing_is_on(home: Settings) -> None:
    check_models(home, spec(model="claude-opus-5-5", cheap_model="nothing"))
    assert "--set cheap_model: model 'nothing'" in refusal(
        home, spec(model="claude-opus-5-5", cheap_model="nothing", routing=True)
    )


def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", f"{KEY}\n")
    said = refusal(home, spec(model="claude-opus-5-5"))
    assert "holds a space, a line break" in said
    assert KEY not in said


def test_a_token_is_as_good_as_a_key(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert "ANTHROPIC_API_KEY" in refusal(home, spec(model="claude-opus-5-5"))
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "a-token")
    check_models(home, spec(model="claude-opus-5-5"))


def test_elsewhere_keys_are_a_matter_of_the_workers(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    asked = spec(model="claude-opus-5-5")
    check_models(home, asked)
    assert "Keys: those of the workers that serve this Temporal" in first_lines(asked)


def test_a_replay_needs_no_key_and_says_who_answers(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    folder = tmp_path / "runs" / "toy-1"
    asked = spec(model="claude-opus-5-5", replay=str(folder))
    assert "holds no exchanges" in refusal(home, asked)
    (folder / "exchanges" / "setup.1").mkdir(parents=True)
    (folder / "exchanges" / "setup.1" / "001.json").write_text("{}")
    check_models(home, asked)
    assert "Replay: the recorded run toy-1 answers; no model is asked" in first_lines(asked)


def test_the_first_lines_name_models_by_role_web_limits_and_the_prices_date(home: Settings) -> None:
    asked = Spec(
        RunSettings(
            model="claude-opus-5-5", effort="high", models={"tuner": "claude-sonnet-5-5"}, fallback="claude-opus-5"
        ),
        Budget(seconds=600, dollars=5.0, tokens=2_000_000),
    )
    assert first_lines(asked) == [
        "Model: claude-opus-5-5, effort high, fallback claude-opus-5 (manager, setup, designer, coder, aggregator)",
        "Model: claude-sonnet-5-5, effort high, fallback claude-opus-5 (tuner)",
        "Web search: on, for the designer (--no-web shuts it off)",
        "Cost: at most $5.00 and 2,000,000 tokens; prices of 2026-10",
    ]


def test_the_first_lines_say_what_is_not_known_and_where_the_server_is(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://me:secret@127.0.0.1:8080/v1")
    assert first_lines(spec(model="server/mine", web=False, record=True)) == [
        "Model: server/mine (all roles)",
        "Server: http://127.0.0.1:8080 (ANTHROPIC_BASE_URL)",
        "Recording: every exchange with a model is kept in the run's folder, under exchanges/",
        "Web search: off",
        "Cost: no limit (--max-dollars, --max-tokens); prices of 2026-10; unknown for server/mine, which has no price",
    ]


def test_the_playbook_says_that_there_is_no_language_model(home: Settings) -> None:
    assert "No language model is used" in first_lines(spec())[0]
