"""Predictions that are wrong are named, without a word of what is withheld; what means the same is the same."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from schemas.candidate import Member
from tests.workspace import tasks
from tests.workspace.scene import Frame, Make, Scene, off_by, shares


def drop_row(labels: Frame) -> Frame:
    return labels.iloc[1:]


def repeat_row(labels: Frame) -> Frame:
    return pd.concat([labels, labels.head(1)])


def foreign_id(labels: Frame) -> Frame:
    return labels.assign(id=[*labels["id"].iloc[1:], "elsewhere"])


def not_a_number(labels: Frame) -> Frame:
    return labels.assign(price=[np.nan, *labels["price"].iloc[1:]])


def infinite(labels: Frame) -> Frame:
    return labels.assign(price=[np.inf, *labels["price"].iloc[1:]])


def word(labels: Frame) -> Frame:
    return labels.assign(price=["dear", *labels["price"].iloc[1:]])


def column_more(labels: Frame) -> Frame:
    return labels.assign(more=1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (drop_row, "1 ids missing"),
        (repeat_row, "1 repeated"),
        (foreign_id, "1 ids in column 'id' are not among the input rows"),
        (not_a_number, "no finite numbers"),
        (infinite, "no finite numbers"),
        (word, "1 values that are no finite numbers, such as (not shown) in row 1"),
        (column_more, "has (not shown) too many"),
    ],
)
def test_wrong_predictions_are_named(houses: Scene, make: Make, says: str) -> None:
    problem = houses.problem(houses.predict("j", make))
    assert says in problem
    assert "candidate 1, job j, fold1" in problem
    assert not any(word in problem for word in ("dear", "elsewhere", "more'"))  # it could be a withheld row


def test_predictions_that_were_never_written_are_named(houses: Scene) -> None:
    assert "predictions.csv was not written" in houses.problem(Member(candidate=1, job="none", revision="r"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'id,price\n1,2\n2,"3\n'])
def test_a_file_that_is_no_table_is_the_models_to_mend(houses: Scene, content: bytes) -> None:
    member = houses.predict("j", off_by(0.0))
    (houses.layout.job_predictions("j", "fold1") / "predictions.csv").write_bytes(content)
    assert "predictions.csv" in houses.problem(member)


@pytest.mark.parametrize("name", ["predictions.csv", "probabilities.csv"])
def test_a_link_is_not_followed(flowers: Scene, name: str) -> None:
    member = flowers.predict("j", lambda labels: labels)
    path = flowers.layout.job_predictions("j", "fold1") / name
    path.unlink(missing_ok=True)
    path.symlink_to(flowers.layout.part("final") / "fit" / "train.csv")
    assert f"{name} must be a file, not a link" in flowers.problem(member)


def test_negative_predictions_do_not_fit_rmsle(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.bikes(tmp_path / "given", hours=4))
    assert "clip at 0" in scene.problem(scene.predict("j", lambda labels: labels.assign(count=-1.0)))


def test_an_unknown_label_is_named_and_no_withheld_one_is_shown(flowers: Scene) -> None:
    problem = flowers.problem(flowers.predict("j", lambda labels: labels.assign(kind="tulip")))
    assert "row 1: (not shown) in column 'kind' is no class" in problem
    assert "row 1" in problem


def test_labels_are_compared_as_they_mean(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given", classes=("0", "1"), metric="accuracy"))
    assert scene.value(scene.predict("j", lambda labels: labels.assign(kind=labels["kind"].astype(float)))) == 1.0


def test_ids_are_compared_as_they_mean(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.bikes(tmp_path / "given", hours=4))
    member = scene.predict(
        "j", lambda labels: labels.assign(datetime=labels["datetime"].str.replace(" ", "T").str.removesuffix(":00"))
    )
    assert scene.value(member) == 0.0


def test_probabilities_beyond_0_and_1_are_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given", classes=("no", "yes"), metric="roc_auc"))
    good = scene.predict("a", lambda labels: labels.assign(kind=np.where(labels["kind"] == "yes", 0.9, 0.2)))
    bad = scene.predict("b", lambda labels: labels.assign(kind=1.5))
    assert scene.value(good) == 1.0
    assert "from 0 to 1" in scene.problem(bad)


def test_probabilities_of_classes_must_sum_to_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given", metric="log_loss"))
    classes = scene.task.classes
    assert scene.value(scene.predict("a", lambda labels: shares(labels, classes, 0.8))) == pytest.approx(-np.log(0.8))
    low = scene.predict("b", lambda labels: shares(labels, classes, 0.8).assign(**{classes[0]: 0.5}))
    assert "sum to" in scene.problem(low)


@pytest.mark.parametrize("name", ["predictions.csv", "probabilities.csv"])
def test_a_file_too_large_for_its_rows_is_refused_before_it_is_read(flowers: Scene, name: str) -> None:
    member = flowers.predict("j", lambda labels: labels)
    with (flowers.layout.job_predictions("j", "fold1") / name).open("ab") as file:
        file.truncate(1 << 30)  # a hole: it takes no disk
    problem = flowers.problem(member)
    assert f"{name} has 1,024 MB, and for these rows 1 MB are more than enough" in problem
    assert "write one row for each input row" in problem


def test_as_many_digits_as_numbers_have_are_not_too_many(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.houses(tmp_path / "given", rows=6_000))
    exact = scene.predict("j", lambda labels: labels.assign(price=labels["price"].map("{:+.40f}".format)))
    assert scene.value(exact) == pytest.approx(0.0)
