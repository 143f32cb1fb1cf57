"""What looking at the data and the description settles."""

from pathlib import Path

import pandas as pd
import pytest

from activities.workspace.settle import settle
from activities.workspace.wording import metric_in
from schemas.task import Task
from tests.workspace import tasks


def settled(folder: Path) -> Task:
    return settle(folder).task


def test_interleaved_hours_are_split_by_time_with_the_time_as_id_and_feature(tmp_path: Path) -> None:
    task = settled(tasks.bikes(tmp_path))
    assert (task.id, task.id_is_feature, task.targets) == ("datetime", True, ("count",))
    assert task.train_only == ("casual", "registered")
    assert (task.metric.name, task.metric.predicts, task.kind) == ("rmsle", "value", "regression")
    assert (task.split.kind, task.split.column, task.split.folds) == ("time", "datetime", None)
    assert "24 blocks" in task.settled["split"]


def test_many_classes_of_text_are_split_stratified(tmp_path: Path) -> None:
    task = settled(tasks.intents(tmp_path))
    assert (task.metric.name, task.kind, len(task.classes)) == ("accuracy", "multiclass", 77)
    assert (task.split.kind, task.split.folds, task.split.select) == ("stratified", None, 0.2)
    assert task.prediction_columns == ("id", "category")


def test_a_small_table_is_cross_validated(tmp_path: Path) -> None:
    task = settled(tasks.molecules(tmp_path))
    assert (task.metric.name, task.kind, task.split.kind) == ("rmse", "regression", "random")
    assert (task.split.folds, task.split.report) == (5, 0.1)
    assert (task.id, task.id_is_feature) == ("id", False)


def test_other_patients_in_the_test_file_make_groups(tmp_path: Path) -> None:
    task = settled(tasks.patients(tmp_path))
    assert (task.split.kind, task.split.column) == ("group", "patient")


def test_later_days_in_the_test_file_make_a_split_by_time(tmp_path: Path) -> None:
    task = settled(tasks.sales(tmp_path))
    assert (task.split.kind, task.split.column) == ("time", "day")
    assert "after" in task.settled["split"]


def test_fewer_than_300_rows_spare_none_for_a_report_and_say_so(tmp_path: Path) -> None:
    made = settle(tasks.houses(tmp_path, rows=120))
    assert made.task.split.report == 0
    assert any("too few rows" in note for note in made.notes)


def test_what_a_person_writes_goes_before_what_the_data_says(tmp_path: Path) -> None:
    split = {"kind": "random", "select": 0.3, "report": 0}
    task = settled(tasks.patients(tmp_path, metric="MAE", name="visits", split=split, rows_depend=True))
    assert (task.name, task.metric.name, task.rows_depend) == ("visits", "mae", True)
    assert (task.split.kind, task.split.select, task.split.report, task.split.folds) == ("random", 0.3, 0, None)


def test_without_an_id_column_row_numbers_are_made(tmp_path: Path) -> None:
    train, test = tasks.numbers(50).drop(columns="id"), tasks.numbers(10).drop(columns=["id", "price"])
    made = settle(tasks.write(tmp_path, train, test))
    assert made.task.id == "id"
    assert made.train.rows["id"].tolist()[:2] == ["0", "1"]
    assert made.test is not None
    assert made.test.rows["id"].tolist()[0] == "50"
    assert "made" in made.task.settled["id"]


def test_ids_that_only_the_sample_submission_writes_out_are_taken_from_it(tmp_path: Path) -> None:
    train, test = tasks.numbers(50).drop(columns="id"), tasks.numbers(10).drop(columns=["id", "price"])
    sample = pd.DataFrame({"Id": range(900, 910), "price": 0.0})
    made = settle(tasks.write(tmp_path, train, test, sample))
    assert made.task.prediction_columns == ("Id", "price")
    assert made.test is not None
    assert made.test.rows["Id"].tolist() == [str(one) for one in range(900, 910)]
    assert not set(made.train.rows["Id"]) & set(made.test.rows["Id"])


def test_a_task_needs_no_test_file(tmp_path: Path) -> None:
    task = settled(tasks.write(tmp_path, tasks.numbers(60), description="Predict the `price`."))
    assert (task.test, task.targets, task.test_rows) == (None, ("price",), 0)


def test_data_may_lie_beside_the_description(tmp_path: Path) -> None:
    tasks.numbers(60).to_csv(tmp_path / "houses.csv", index=False)
    (tmp_path / "README.md").write_text("Predict the price of a house.")
    task = settled(tmp_path)
    assert (task.train, task.targets) == ("houses.csv", ("price",))


def test_columns_of_one_class_each_ask_for_probabilities_in_their_order(tmp_path: Path) -> None:
    tasks.flowers(tmp_path, metric="log loss")
    test = pd.read_csv(tmp_path / "data" / "test.csv")
    sample = pd.DataFrame({"id": test["id"], "kind_rose": 0.4, "kind_iris": 0.3, "kind_lily": 0.3})
    sample.to_csv(tmp_path / "data" / "sample_submission.csv", index=False)
    task = settled(tmp_path)
    assert task.targets == ("kind",)
    assert task.prediction_columns == ("id", "kind_rose", "kind_iris", "kind_lily")
    assert task.classes == ("rose", "iris", "lily")


def test_several_targets_follow_the_sample_submission(tmp_path: Path) -> None:
    train, test = tasks.numbers(60), tasks.numbers(10, start=60).drop(columns="price")
    train["rent"] = train["price"] / 20
    sample = pd.DataFrame({"id": test["id"], "rent": 0.0, "price": 0.0})
    task = settled(tasks.write(tmp_path, train, test, sample))
    assert task.targets == ("rent", "price")
    assert task.prediction_columns == ("id", "rent", "price")


@pytest.mark.parametrize(
    ("labels", "positive"),
    [(("no", "yes"), "yes"), (("0", "1"), "1"), (("active", "inactive"), "active"), (("False", "True"), "True")],
)
def test_of_two_classes_the_second_is_the_positive_one(tmp_path: Path, labels: tuple[str, str], positive: str) -> None:
    assert settled(tasks.flowers(tmp_path, classes=labels, metric="roc_auc")).classes[1] == positive


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    train = tasks.numbers(60)
    train.loc[:4, "price"] = None
    made = settle(tasks.write(tmp_path, train, tasks.numbers(10, start=60).drop(columns="price")))
    assert made.task.rows == 55
    assert any("5 rows" in note for note in made.notes)


def test_an_empty_target_column_in_the_test_file_is_left_out(tmp_path: Path) -> None:
    test = tasks.numbers(10, start=60).assign(price=None)
    made = settle(tasks.write(tmp_path, tasks.numbers(60), test, target="price"))
    assert made.test is not None
    assert "price" not in made.test.columns


def test_small_whole_numbers_are_classes_and_many_are_a_quantity(tmp_path: Path) -> None:
    train = tasks.numbers(400).assign(price=[row % 4 for row in range(400)])
    assert settled(tasks.write(tmp_path / "few", train, target="price")).kind == "multiclass"
    train = tasks.numbers(400).assign(price=range(400))
    assert settled(tasks.write(tmp_path / "many", train, target="price")).kind == "regression"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Evaluated with RMSLE.", "rmsle"),
        ("root mean squared logarithmic error", "rmsle"),
        ("Submissions are scored on the root-mean-squared error.", "rmse"),
        ("Metric: area under the ROC curve", "roc_auc"),
        ("the AUC of your predictions", "roc_auc"),
        ("scored by quadratic weighted kappa", "quadratic_weighted_kappa"),
        ("Evaluation metric: macro F1", "f1_macro"),
        ("F1-score", "f1"),
        ("balanced accuracy", "balanced_accuracy"),
        ("RMSE between the logarithm of the predicted value and the logarithm of the observed one", "rmsle"),
        ("Predict the logarithm of the solubility. Metric: root mean squared error.", "rmse"),
        ("multi-class logarithmic loss", "log_loss"),
        ("symmetric mean absolute percentage error (SMAPE)", "smape"),
        ("mean absolute error", "mae"),
        ("R2, higher is better", "r2"),
        ("High accuracy sensors give the inputs. The metric is mean absolute error.", "mae"),
    ],
)
def test_metrics_are_read_from_words(words: str, name: str) -> None:
    found = metric_in(words)
    assert found is not None
    assert found[0] == name


def test_words_without_a_metric_name_none() -> None:
    assert metric_in("Rent of flats in a town; the stream was measured by hand.") is None
