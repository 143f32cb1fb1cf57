"""What prompts say of tools, commands and methods is what there is: no more and no less."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities import aggregator, coder, designer, setup, tuner
from activities.agent import prompting
from activities.agent.doing import Doing
from activities.agent.limits import Limits
from activities.assignment import Assignment
from activities.delivery.bundle import Bundle, predict_step, train_step
from activities.execution.jobs import LocalJobs
from activities.tools.base import Tool
from activities.tools.bench import Bench
from activities.tools.deciding import decision_tools
from activities.tools.files import Reading
from activities.tools.trees import board_tree
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository
from schemas.metric import Direction, Metric
from schemas.state import ManageRequest
from schemas.task import Split, Task
from schemas.tool import Evaluate
from tests.agent.requests import TASK, requests

ASSIGNED: Mapping[str, Callable[[Any], Assignment[Any]]] = {
    "setup": setup.assignment,
    "designer": designer.assignment,
    "coder": coder.assignment,
    "tuner": tuner.assignment,
    "aggregator": aggregator.assignment,
}
KINDS = [*ASSIGNED, "manager", "setup, asked"]
NAMED = re.compile(r"`(\w+)(?:`|\()")
CALLED = re.compile(r"`(\w+)\(([\w, ]*)\)`")


def request(kind: str) -> Any:
    known = requests(Path("/runs/run"))
    if kind == "setup, asked":
        return known["setup"].model_copy(update={"candidate": 1, "weights": ("org/model",)})  # type: ignore[attr-defined]
    return known["designer, new" if kind == "designer" else kind]


def tools(kind: str, folder: Path) -> dict[str, Tool]:
    """Those that this role really has."""
    layout, asked = Layout(folder), request(kind)
    jobs = LocalJobs(folder=layout.jobs, home=folder, devices=("cpu:0",), sandbox="none")
    if isinstance(asked, ManageRequest):
        found = (*decision_tools(), *Reading(board_tree(layout, jobs, {})).tools())
    else:
        bench = Bench(
            layout=layout,
            task=asked.task,
            invocation=asked.invocation,
            candidate=1,
            environment="",
            jobs=jobs,
            repository=Repository(layout.git_dir),
            worktree=folder,
            parents=(),
            limits=Limits(deadline=datetime.now(UTC) + timedelta(minutes=5), max_turns=9),
            doing=Doing(),
            done=list,
        )
        found = tuple(ASSIGNED[str(asked.role)](asked).tools(bench))
    return {tool.name: tool for tool in found}


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_names_every_tool_of_its_role_and_no_other(kind: str, tmp_path: Path) -> None:
    every = {name for other in KINDS for name in tools(other, tmp_path)}
    named = set(NAMED.findall(prompting.system(request(kind))))
    assert named & every == set(tools(kind, tmp_path))


def test_a_call_that_a_prompt_shows_has_arguments_that_the_tool_takes(tmp_path: Path) -> None:
    shown = [(kind, *call) for kind in KINDS for call in CALLED.findall(prompting.system(request(kind)))]
    assert shown, "the manager's prompt shows each of its decisions"
    for kind, name, arguments in shown:
        properties = tools(kind, tmp_path)[name].spec.input_schema["properties"]
        assert set(filter(None, arguments.split(", "))) <= set(properties), name


@pytest.mark.parametrize("kind", KINDS)
def test_every_tool_says_what_it_is(kind: str, tmp_path: Path) -> None:
    for tool in tools(kind, tmp_path).values():
        assert len(tool.description) > 40, tool.name
        assert tool.description.rstrip().endswith(".")


@pytest.mark.parametrize("kind", ["designer", "coder"])
def test_the_contract_shows_the_commands_that_jobs_run(kind: str, tmp_path: Path) -> None:
    text = prompting.system(request(kind))
    train = train_step("train", tmp_path, tmp_path, tmp_path / "out", 1.0, tmp_path / "weights")
    predict = predict_step("predict", Bundle(tmp_path, {}, {}), tmp_path, tmp_path / "to", 1.0, sealed=True)
    assert " ".join(train.argv) in text
    assert " ".join(predict.argv) in text


def task(metric: str, predicts: Any, kind: Any, **more: Any) -> Task:
    found = Metric(name=metric, direction=Direction.HIGHER, predicts=predicts)
    plain = {"classes": (), "prediction_columns": ("id", "price")}
    return TASK.model_copy(update={"metric": found, "kind": kind, "split": Split(kind="random"), **plain, **more})


TASKS = {
    "numbers": task("rmse", "value", "regression"),
    "labels of two": task("f1", "label", "binary", classes=("no", "yes")),
    "labels of many": task("accuracy", "label", "multiclass", classes=("a", "b", "c")),
    "several targets": task("accuracy", "label", "multiclass", targets=("x", "y"), classes=("a", "b")),
    "order": task("roc_auc", "probability", "binary", classes=("no", "yes")),
    "no table": task("grade.py:overlap", "value", "custom", train="", test=None),
    "open network": task("rmse", "value", "regression", network=True),
    "rows that depend": task("rmse", "value", "regression", rows_depend=True),
}
METHODS = {
    "numbers": {"mean"},
    "labels of two": {"mean", "vote"},
    "labels of many": {"mean", "vote"},
    "several targets": {"vote"},
    "order": {"mean", "rank"},
    "no table": {"mean", "single"},
}


@pytest.mark.parametrize("name", TASKS)
def test_prompts_fit_every_kind_of_task(name: str) -> None:
    for asked in requests(Path("/runs/run"), task=TASKS[name]).values():
        text = prompting.system(asked)  # type: ignore[arg-type]
        assert "None" not in text
        assert "``" not in text
        assert "\n\n\n" not in text
        assert not re.search(r"[^\n]\n## ", text)


@pytest.mark.parametrize("name", METHODS)
def test_the_aggregator_is_told_of_the_methods_that_its_task_allows(name: str) -> None:
    text = prompting.system(request("aggregator").model_copy(update={"task": TASKS[name]}))
    methods = set(Evaluate.model_json_schema()["properties"]["method"]["enum"])
    assert set(NAMED.findall(text)) & methods == METHODS[name]
    assert ("threshold" in text) == (name == "labels of two")


def test_the_contract_says_what_of_the_task_is_true() -> None:
    def contract(name: str) -> str:
        return prompting.system(request("coder").model_copy(update={"task": TASKS[name]}))

    assert "probabilities.csv" in contract("labels of two")
    assert "beside it `probabilities.csv`" not in contract("order")
    assert "No job reaches the network" in contract("numbers")
    assert "Jobs of this task reach the network" in contract("open network")
    assert "rests on that row alone" in contract("numbers")
    assert "rests on that row alone" not in contract("rows that depend")
    assert "`valid_overlap`" in contract("no table")
