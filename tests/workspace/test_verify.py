"""The final check finds predictions that depend on order, on other rows or on ids, and lets floats be floats."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from activities.workspace.layout import Layout
from activities.workspace.parts import final_part
from activities.workspace.predictions import read_classes
from activities.workspace.prepare import prepare
from activities.workspace.recombine import recombined
from activities.workspace.tables import Table
from activities.workspace.verify import check_predictions, compare, fresh_ids, perturbed, sampled
from schemas.delivery import Finding
from schemas.task import Task
from tests.workspace import tasks

Predict = Callable[[pd.DataFrame], "np.ndarray[tuple[int], np.dtype[np.float64]]"]


class Scene:
    """A prepared task, and an inference script in the form of a function."""

    def __init__(self, folder: Path, given: Path) -> None:
        self.layout, self.folder = Layout(folder / "run"), folder
        self.layout.folder.mkdir()
        self.task: Task = prepare(given, self.layout).task
        inputs = final_part(self.layout).inputs
        assert inputs is not None
        self.inputs = inputs

    def infer(self, view: Path, name: str, predict: Predict) -> Path:
        table = pd.read_csv(view / "test.csv")
        out = self.folder / "predictions" / name
        out.mkdir(parents=True)
        table.assign(**{self.task.targets[0]: predict(table)})[list(self.task.prediction_columns)].to_csv(
            out / "predictions.csv", index=False
        )
        return out

    def findings(self, predict: Predict) -> dict[str, Finding]:
        views = perturbed(self.inputs, self.task, self.folder / "views")
        original = self.infer(self.inputs, "original", predict)
        again = [(view, self.infer(view.view, view.name, predict)) for view in views]
        found = compare(self.task, read_classes(self.layout), self.inputs, original, again)
        return {finding.name: finding for finding in found}


@pytest.fixture
def houses(tmp_path: Path) -> Scene:
    return Scene(tmp_path, tasks.houses(tmp_path / "given", tests=200))


def by_row(table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return (table["a"] * 2 + table["b"]).to_numpy()


def test_what_depends_on_the_row_alone_passes(houses: Scene) -> None:
    found = houses.findings(by_row)
    assert {name: finding.passed for name, finding in found.items()} == {
        "shuffled": True,
        "fewer rows": True,
        "new ids": True,
        "new combinations": True,
    }


def test_what_depends_on_the_order_fails(houses: Scene) -> None:
    found = houses.findings(lambda table: np.arange(len(table), dtype=float))
    assert not found["shuffled"].passed
    assert re.search(r"\d+ of 200 predictions changed, such as price of id '\d+' from", found["shuffled"].detail)


def test_what_depends_on_the_other_rows_fails(houses: Scene) -> None:
    found = houses.findings(lambda table: by_row(table) - by_row(table).mean())
    assert not found["fewer rows"].passed
    assert "which other rows" in found["fewer rows"].detail
    assert found["shuffled"].passed


def test_what_depends_on_the_id_fails(houses: Scene) -> None:
    found = houses.findings(lambda table: by_row(table) + table["id"].to_numpy() / 100)
    assert (found["new ids"].passed, found["shuffled"].passed) == (False, True)
    assert "must not depend on the id" in found["new ids"].detail


def test_what_is_looked_up_fails(houses: Scene) -> None:
    known = pd.read_csv(houses.inputs / "test.csv")
    table = dict(zip(zip(known["a"], known["b"], strict=True), by_row(known), strict=True))
    found = houses.findings(
        lambda rows: np.array([table.get(key, 12.0) for key in zip(rows["a"], rows["b"], strict=True)])
    )
    assert [name for name, finding in found.items() if not finding.passed] == ["new combinations"]
    assert "have the same prediction" in found["new combinations"].detail


def test_what_is_one_for_all_rows_anyway_passes(houses: Scene) -> None:
    """A poor model, as a first baseline is, but a model."""
    found = houses.findings(lambda rows: np.full(len(rows), 12.0))
    assert all(finding.passed for finding in found.values())


def test_a_model_of_one_column_passes_whichever_half_it_is_in(houses: Scene) -> None:
    for column in ("a", "b"):
        scene = Scene(houses.folder / column, tasks.houses(houses.folder / column / "given", tests=200))
        middle = pd.read_csv(scene.inputs / "test.csv")[column].median()
        found = scene.findings(lambda rows, name=column, cut=middle: (rows[name] > cut).to_numpy(dtype=float))
        assert all(finding.passed for finding in found.values())


def test_rows_of_new_combinations_are_of_the_columns_values_and_unlike_any_row(houses: Scene) -> None:
    (unseen,) = (
        view
        for view in perturbed(houses.inputs, houses.task, houses.folder / "views")
        if view.name == "new combinations"
    )
    before, made = pd.read_csv(houses.inputs / "test.csv"), pd.read_csv(unseen.view / "test.csv")
    assert list(made.columns) == list(before.columns)
    assert not set(made["id"]) & set(before["id"])
    assert set(made["a"]) <= set(before["a"])
    assert set(made["b"]) <= set(before["b"])
    assert not {*zip(made["a"], made["b"], strict=True)} & {*zip(before["a"], before["b"], strict=True)}


@pytest.mark.parametrize("columns", [["id", "a"], ["id"]])
def test_without_columns_to_combine_there_are_no_new_rows(columns: list[str]) -> None:
    rows = pd.DataFrame({name: [f"{name}{row}" for row in range(100)] for name in columns})
    assert recombined(Table("test.csv", rows), columns[1:], np.random.default_rng(0)) is None


def test_sums_of_floats_in_another_order_pass(houses: Scene) -> None:
    random = np.random.default_rng(0)
    found = houses.findings(lambda table: by_row(table) * (1 + random.normal(0, 1e-6, len(table))))
    assert all(finding.passed for finding in found.values())


def test_a_form_that_the_scorer_refuses_fails(houses: Scene) -> None:
    out = houses.infer(houses.inputs, "bad", lambda table: np.full(len(table), np.nan))
    finding = check_predictions(out, houses.inputs, houses.task, {})
    assert not finding.passed
    assert "no finite numbers" in finding.detail
    out = houses.infer(houses.inputs, "good", by_row)
    assert check_predictions(out, houses.inputs, houses.task, {}).passed


def test_labels_must_be_the_same_in_999_of_1000_rows(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given"))
    names = np.array(scene.task.classes)
    found = scene.findings(lambda table: names[(table["b"] % 3).to_numpy()])
    assert all(finding.passed for finding in found.values())


def test_one_label_of_forty_that_changes_is_one_too_many(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given"))
    names = np.array(scene.task.classes)
    found = scene.findings(lambda table: names[(np.arange(len(table)) == 3).astype(int)])
    assert "2 of 40 predictions changed, such as kind of id" in found["shuffled"].detail


def test_ids_that_say_something_are_not_replaced(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.bikes(tmp_path / "given", hours=2))
    found = scene.findings(lambda table: pd.to_datetime(table["datetime"]).dt.hour.to_numpy(dtype=float))
    assert {name: finding.passed for name, finding in found.items()} == {
        "shuffled": True,
        "fewer rows": True,
        "new ids": True,
    }
    assert "not checked" in found["new ids"].detail


def test_rows_that_depend_on_each_other_are_not_perturbed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.houses(tmp_path / "given", rows_depend=True))
    assert perturbed(scene.inputs, scene.task, tmp_path / "views") == ()
    assert "not checked" in scene.findings(by_row)["row by row"].detail


def test_perturbed_views_are_whole_views(houses: Scene) -> None:
    original = {path.name for path in houses.inputs.iterdir()}
    before = (houses.inputs / "test.csv").read_bytes()
    for view in perturbed(houses.inputs, houses.task, houses.folder / "views"):
        assert {path.name for path in view.view.iterdir()} == original
        rows, sample = (pd.read_csv(view.view / name)["id"] for name in ("test.csv", "sample_submission.csv"))
        assert rows.tolist() == sample.tolist()
    assert (houses.inputs / "test.csv").read_bytes() == before


@pytest.mark.parametrize(
    "given", [tasks.houses, lambda folder: tasks.write(folder, tasks.numbers(400), target="price")]
)
def test_a_sample_to_predict_comes_from_the_agents_view(tmp_path: Path, given: Callable[[Path], Path]) -> None:
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    task = prepare(given(tmp_path / "given"), layout).task
    view = sampled(layout.view, task, tmp_path / "sample", 20)
    table = pd.read_csv(view / "test.csv")
    assert len(table) == 20
    assert "price" not in table.columns
    assert not (view / "train.csv").exists()


@pytest.mark.parametrize(
    "ids",
    [
        ["1", "2", "3"],
        [str(one) for one in range(10)],
        ["row_001", "row_002"],
        ["A-17b", "C-03z"],
        ["3f2b8c1e-9d4a-4b6e-8f00-123456789abc"],
        ["---", "???"],
    ],
)
def test_fresh_ids_have_the_form_of_the_old_ones(ids: list[str]) -> None:
    fresh = fresh_ids(ids, np.random.default_rng(0))
    assert len({*fresh, *ids}) == 2 * len(ids)
    if len(ids) < 4:  # ten ids of one digit leave no room for another
        assert form(fresh[0]).startswith(form(ids[0]))


def form(one: str) -> str:
    return re.sub(r"\d+", "9", re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", one)))
