"""Every prompt renders from its request alone, says what its tools are, and changes with nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from activities.agent import prompting
from schemas.message import Message, TextBlock, ToolResultBlock, ToolUseBlock
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
        prompting._templates.get_template("coder.md").render(settled={})


def test_happenings_are_told_in_words() -> None:
    words = message(ALL["manager"]).content[-1]
    assert isinstance(words, TextBlock)
    for told in ("prefer small models", "tuned", "it is at work", "candidate 1 (trained)", "`coder.2.5`"):
        assert told in words.text


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
