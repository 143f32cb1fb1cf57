"""A network that the task's owner granted to its jobs is told by every report, and told of no other run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from activities.workspace.layout import Layout
from activities.workspace.report.card import card
from activities.workspace.report.files import read_facts
from activities.workspace.report.page import page
from activities.workspace.report.sheets import summary
from activities.workspace.settle import settle
from schemas.task import Task
from tests.report.made import begun, prepared
from tests.report.reading import read
from tests.workspace import tasks

SENTENCE = "This task lets its jobs reach the network."


def settled(folder: Path, **keys: object) -> Task:
    """A task as its owner's task.yaml has it."""
    return settle(tasks.houses(folder, **keys)).task


def run(folder: Path, task: Task | None) -> Layout:
    """A run of that task; one that never got as far as settling it, without."""
    made = begun(folder)
    if task is not None:
        prepared(made, task_=task)
    return made.save()


def header(layout: Layout) -> str:
    """All that the page says at its head."""
    return read(page(read_facts(layout), layout)).all("header")[0].words


def first_sheet(layout: Layout) -> str:
    """All that the paper says on its first sheet, where lines are broken to its width."""
    return " ".join(" ".join(text.get_text() for text in summary(read_facts(layout)).texts).split())


def limitations(layout: Layout) -> str:
    """What the model's card says of what it is not good for."""
    return card(read_facts(layout), "").partition("\n## Limitations\n")[2]


REPORTS = pytest.mark.parametrize("told", [header, first_sheet, limitations], ids=["page", "paper", "card"])


@REPORTS
def test_a_granted_network_is_told(told: Callable[[Layout], str], tmp_path: Path) -> None:
    assert SENTENCE in told(run(tmp_path / "run", settled(tmp_path / "task", network=True)))


@REPORTS
def test_no_other_run_is_said_to_have_one(told: Callable[[Layout], str], tmp_path: Path) -> None:
    for name, task in (("plain", settled(tmp_path / "task")), ("begun", None)):
        said = told(run(tmp_path / name, task))
        assert said
        assert "reach the network" not in said


def test_on_the_page_it_stands_out_as_a_reason_for_doubt(tmp_path: Path) -> None:
    layout = run(tmp_path / "run", settled(tmp_path / "task", network=True))
    [banner] = read(page(read_facts(layout), layout)).all("p", class_="banner doubtful")
    assert banner.words == SENTENCE
