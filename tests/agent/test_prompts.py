"""Every prompt renders from its request alone, says what its tools are, and changes with nothing else."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from activities.agent import prompting
from schemas.budget import Spend, Usage
from schemas.message import Message, TextBlock, ToolResultBlock, ToolUseBlock
from schemas.role import Caps
from schemas.state import ManageRequest
from tests.agent.requests import TASK, requests

ALL = requests(Path("/runs/run"))
REPORTS = {
    "setup": "report_setup",
    "designer": "report_design",
    "coder": "report_code",
    "tuner": "report_tune",
    "aggregator": "report_aggregate",
    "manager": "finish",
}


def message(request: Any) -> Message:
    return prompting.turn(request, (), {}) if isinstance(request, ManageRequest) else prompting.opening(request)


@pytest.mark.parametrize("kind", ALL)
def test_a_request_becomes_json_and_then_words(kind: str) -> None:
    request: Any = ALL[kind]
    first, second = message(request).content
    assert isinstance(first, TextBlock)
    assert isinstance(second, TextBlock)
    ((key, value),) = json.loads(first.text).items()
    assert key == ("turn" if isinstance(request, ManageRequest) else "request")
    assert type(request).model_validate(value) == request
    assert second.text.strip()
    for words in (getattr(request, "brief", ""), *(one.approach for one in getattr(request, "candidates", ()))):
        assert words in second.text
    assert "{" not in second.text
    assert "\n\n\n" not in second.text
    assert "None" not in second.text


@pytest.mark.parametrize("kind", ALL)
def test_the_system_prompt_names_the_task_and_how_to_end(kind: str) -> None:
    request: Any = ALL[kind]
    text = prompting.system(request)
    assert "**houses**" in text
    assert REPORTS[request.role] in text
    assert "{{" not in text
    assert "{%" not in text
    assert "None" not in text
    assert "supervised machine learning" in text  # and nothing that a model would have a reason to refuse


def test_the_system_prompt_is_the_same_for_every_invocation_of_a_role() -> None:
    assert prompting.system(ALL["designer, new"]) == prompting.system(ALL["designer, again"])
    assert prompting.system(ALL["manager, first"]) == prompting.system(ALL["manager"])


def test_a_task_without_the_optional_parts_renders_too() -> None:
    plain = TASK.model_copy(
        update={"test": None, "sample_submission": None, "classes": (), "train_only": (), "settled": {}}
    )
    for request in requests(Path("/runs/run"), task=plain).values():
        assert "None" not in prompting.system(request)  # type: ignore[arg-type]


def test_a_variable_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        prompting._templates.from_string("{{ task.nothing }}").render(task=TASK)
    with pytest.raises(UndefinedError):
        prompting._templates.get_template("coder.md").render(role="coder")


def words(request: Any, **more: Any) -> str:
    block = message(request.model_copy(update=more)).content[-1]
    assert isinstance(block, TextBlock)
    return block.text


def test_happenings_are_told_in_words() -> None:
    text = words(ALL["manager"])
    for told in ("prefer small models", "tuned", "it is at work", "candidate 1 (trained)", "`coder.2.5` on candidate"):
        assert told in text
    assert "trial_scored `tuner.1.3`: candidate 1, rmse 0.5 [0.45, 0.55] in job `tuner.1.3.j2`" in text
    for left in ("300 s are left to explore, 500 s in all", "1.50 dollars are left", "1000 tokens are left"):
        assert left in text


def test_the_manager_is_told_what_was_spent_and_an_unknown_price_is_no_zero() -> None:
    request: Any = ALL["manager"]
    spend = Spend(dollars=2.5, usage=Usage(output_tokens=70), model_calls=3, jobs=2, job_seconds=41.0)
    told = words(request, board=request.board.model_copy(update={"spend": spend}))
    assert "Spent so far: 2.50 dollars, 70 tokens in 3 model calls, 2 jobs of 41 s." in told
    unknown = spend.model_copy(update={"dollars": None})
    assert "dollars of unknown price" in words(request, board=request.board.model_copy(update={"spend": unknown}))


def test_an_opening_says_when_it_was_true() -> None:
    request: Any = ALL["coder"]
    at = request.deadline - timedelta(seconds=90)
    block = prompting.opening(request, at).content[-1]
    assert isinstance(block, TextBlock)
    assert f"ends at {request.deadline:%Y-%m-%d %H:%M:%S} UTC" in block.text
    assert f"at {at:%H:%M:%S} UTC, that left 90 seconds" in block.text


def test_caps_on_money_are_told_where_there_are_any() -> None:
    assert "capped" not in words(ALL["coder"])
    assert "capped at 5.00 dollars and 900 tokens;" in words(ALL["coder"], caps=Caps(dollars=5, tokens=900))
    assert "capped at 900 tokens;" in words(ALL["coder"], caps=Caps(tokens=900))


def test_the_web_is_spoken_of_where_it_may_be_searched() -> None:
    designer: Any = ALL["designer, new"]
    assert "web" not in prompting.system(designer)
    assert "`web_search`" in prompting.system(designer.model_copy(update={"web": True}))
    for kind in ("coder", "tuner", "aggregator", "manager", "setup"):
        allowed: Any = ALL[kind]
        assert "web" not in prompting.system(allowed.model_copy(update={"web": True}))


def test_a_setup_that_a_design_asks_for_is_told_what_is_asked() -> None:
    first: Any = ALL["setup"]
    asked = first.model_copy(update={"candidate": 3, "weights": ("org/model@v1",), "packages": ("xgboost",)})
    assert "design of candidate 3" in words(asked)
    assert "`org/model@v1`" in words(asked)
    assert "`xgboost`" in words(asked)
    assert "SETUP.md, at most two pages" in prompting.system(first)
    assert "SETUP.md, at most two pages" not in prompting.system(asked)


def test_a_look_aside_says_that_it_is_one() -> None:
    assert "a look at the state" not in words(ALL["manager"])
    assert "a look at the state" in words(ALL["manager"], aside=True)


def test_each_pending_call_is_answered_once_by_what_is_known_of_it() -> None:
    request: Any = ALL["manager"]
    pending = tuple(ToolUseBlock(id=id, name="tune", input={}) for id in ("u1", "u2", "u3"))
    known = {"u2": ToolResultBlock(tool_use_id="u2", content="a file's text")}
    answers = [block for block in prompting.turn(request, pending, known).content if isinstance(block, ToolResultBlock)]
    assert [(answer.tool_use_id, answer.content) for answer in answers] == [
        ("u1", "tuner.1.3 has begun"),
        ("u2", "a file's text"),
        ("u3", prompting.UNANSWERED),
    ]


def test_other_prompts_have_another_digest() -> None:
    assert prompting.digest("a") != prompting.digest("b")
    assert prompting.digest("ab", "c") != prompting.digest("a", "bc")
