"""Scores of several members together: by mean, by rank, by vote, and from a threshold on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workspace import tasks
from tests.workspace.scene import Frame, Make, Scene, off_by, shares


def test_a_mean_of_values_goes_by_weights(houses: Scene) -> None:
    up, down = houses.predict("a", off_by(2.0)), houses.predict("b", off_by(-2.0))
    assert houses.value(up, down, method="mean") == pytest.approx(0.0, abs=1e-9)
    heavy = down.model_copy(update={"weight": 3.0})
    assert houses.value(up, heavy, method="mean") == pytest.approx(1.0)


def test_agreement_is_given_for_members(houses: Scene) -> None:
    members = houses.predict("a", off_by(2.0)), houses.predict("b", off_by(-2.0))
    reply = houses.reply(*members, method="mean")
    assert reply.evaluated is not None
    assert reply.evaluated.agreement == ((1.0, pytest.approx(1.0)), (pytest.approx(1.0), 1.0))


def wrong_third(offset: int, classes: tuple[str, ...]) -> Make:
    def make(labels: Frame) -> Frame:
        wrong = np.arange(len(labels)) % 3 == offset
        following = {name: classes[(place + 1) % len(classes)] for place, name in enumerate(classes)}
        return labels.assign(kind=labels["kind"].where(~wrong, labels["kind"].map(following)))

    return make


def test_votes_of_members_that_err_apart_are_right(flowers: Scene) -> None:
    members = [flowers.predict(f"j{k}", wrong_third(k, flowers.task.classes)) for k in range(3)]
    assert flowers.value(members[0]) == pytest.approx(2 / 3, abs=0.02)
    assert flowers.value(*members, method="vote") == 1.0


def test_a_mean_of_labels_takes_the_likeliest_class(flowers: Scene) -> None:
    classes = flowers.task.classes
    sure = flowers.predict("sure", lambda labels: labels, probabilities=lambda labels: shares(labels, classes, 0.9))
    err = wrong_third(0, classes)
    wrong = flowers.predict("wrong", err, probabilities=lambda labels: shares(err(labels), classes, 0.6))
    assert flowers.value(sure, wrong, method="mean") == 1.0
    assert flowers.value(wrong) < 1.0


@pytest.mark.parametrize(
    ("method", "says"),
    [("mean", "probabilities.csv"), ("rank", "use mean"), ("single", "one member")],
)
def test_a_method_that_does_not_fit_is_refused(flowers: Scene, method: str, says: str) -> None:
    members = [flowers.predict(name, lambda labels: labels) for name in "ab"]
    assert says in flowers.problem(*members, method=method)


def test_votes_are_for_labels_and_weights_are_not_negative(houses: Scene) -> None:
    members = [houses.predict(name, off_by(0.0)) for name in "ab"]
    assert "for labels" in houses.problem(*members, method="vote")
    nothing = [member.model_copy(update={"weight": 0.0}) for member in members]
    assert "weights" in houses.problem(*nothing, method="mean")


def test_ranks_blend_scores_of_different_scale(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given", classes=("no", "yes"), metric="roc_auc"))
    high = scene.predict("a", lambda labels: labels.assign(kind=np.where(labels["kind"] == "yes", 0.9, 0.8)))
    low = scene.predict("b", lambda labels: labels.assign(kind=np.where(labels["kind"] == "yes", 0.002, 0.001)))
    assert scene.value(high, low, method="rank") == 1.0


def yes_from(labels: Frame, cut: float) -> Frame:
    """Probabilities that are right from that cut on, and labels as if it were one half."""
    random = np.random.default_rng(5)
    yes = np.where(labels["kind"] == "yes", random.uniform(cut, 1, len(labels)), random.uniform(0, cut, len(labels)))
    return pd.DataFrame({"id": labels["id"], "no": 1 - yes, "yes": yes})


def test_a_threshold_is_tuned_in_one_look_and_scored_alike_when_it_is_named(tmp_path: Path) -> None:
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given", classes=("no", "yes"), metric="f1"))
    members = [
        scene.predict(name, lambda labels: labels, probabilities=lambda labels: yes_from(labels, 0.3)) for name in "ab"
    ]
    tuned = scene.reply(*members, method="mean", threshold="tune").evaluated
    assert tuned is not None
    assert tuned.threshold == pytest.approx(0.3, abs=0.03)
    assert tuned.score.value > scene.value(*members, method="mean")
    again = scene.reply(*members, method="mean", threshold=tuned.threshold).evaluated
    assert again is not None
    assert again.model_dump(exclude={"agreement"}) == tuned.model_dump(exclude={"agreement"})
    assert "of two classes" in scene.problem(*members, method="vote", threshold=0.3)


def test_a_threshold_is_for_two_classes(flowers: Scene) -> None:
    member = flowers.predict("a", lambda labels: labels)
    assert "of two classes" in flowers.problem(member, member, method="mean", threshold="tune")


def test_the_report_is_ranked_by_the_scales_of_select(tmp_path: Path) -> None:
    """Ranks among the few rows of the report would be others than those that were chosen by, and than are delivered."""
    scene = Scene(tmp_path, tasks.flowers(tmp_path / "given", classes=("no", "yes"), metric="roc_auc"))
    calm = scene.predict("a", lambda labels: labels.assign(kind=np.where(labels["kind"] == "yes", 0.6, 0.4)))
    bold = scene.predict("b", lambda labels: labels.assign(kind=np.where(labels["kind"] == "yes", 0.1, 0.9)))
    trials = (calm, bold.model_copy(update={"job": "a"}))
    assert scene.value(calm, bold, method="rank", split="report") == 0.5  # each undoes the other
    assert scene.value(calm, bold, method="rank", split="report", trials=trials) < 0.5
