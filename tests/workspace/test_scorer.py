"""The scorer: what it gives, and what it says to predictions that are wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from activities.errors import NeedsPerson, ToolFailed
from activities.workspace.layout import Layout
from activities.workspace.parts import Part, estimate_part, select_parts
from activities.workspace.prepare import prepare
from activities.workspace.scorer import evaluate_members, score_members
from activities.workspace.scoring import ScorerReply, ScorerRequest, answer
from schemas.candidate import Member
from schemas.task import Task
from tests.workspace import tasks

Frame = pd.DataFrame
Make = Callable[[Frame], Frame]


class Scene:
    """A prepared task, and jobs whose predictions a test makes from the labels."""

    def __init__(self, folder: Path, given: Path) -> None:
        self.layout = Layout(folder / "run")
        self.layout.folder.mkdir(parents=True)
        self.layout.task.symlink_to(given)
        self.task: Task = prepare(given, self.layout).task

    @property
    def parts(self) -> list[Part]:
        report = estimate_part(self.layout)
        return [*select_parts(self.layout, self.task), *([report] if report.labels else [])]

    def predict(self, job: str, make: Make, *, probabilities: Make | None = None, parts: int | None = None) -> Member:
        for part in self.parts[:parts]:
            assert part.labels is not None
            labels = pd.read_parquet(part.labels).drop(columns="__block__")
            folder = self.layout.job_predictions(job, part.name)
            folder.mkdir(parents=True)
            make(labels).to_csv(folder / "predictions.csv", index=False)
            if probabilities is not None:
                probabilities(labels).to_csv(folder / "probabilities.csv", index=False)
        return Member(candidate=1, job=job, revision="r")

    def reply(self, *members: Member, method: Any = "single", **more: Any) -> ScorerReply:
        request = ScorerRequest(folder=str(self.layout.folder), task=self.task, members=members, method=method, **more)
        return answer(request)

    def value(self, *members: Member, **more: Any) -> float:
        reply = self.reply(*members, **more)
        assert reply.evaluated is not None, reply.problem
        return reply.evaluated.score.value

    def problem(self, *members: Member, **more: Any) -> str:
        problem = self.reply(*members, **more).problem
        assert problem is not None
        return problem


def off_by(shift: float) -> Make:
    return lambda labels: labels.assign(price=labels["price"] + shift)


def shares(labels: Frame, classes: tuple[str, ...], right: float) -> Frame:
    rest = (1 - right) / (len(classes) - 1)
    columns = {name: np.where(labels["kind"] == name, right, rest) for name in classes}
    return pd.DataFrame({"id": labels["id"], **columns})


@pytest.fixture
def houses(tmp_path: Path) -> Scene:
    return Scene(tmp_path, tasks.houses(tmp_path / "given", metric="mae"))


@pytest.fixture
def flowers(tmp_path: Path) -> Scene:
    return Scene(tmp_path, tasks.flowers(tmp_path / "given"))


async def test_the_process_gives_a_score_with_an_interval(houses: Scene) -> None:
    random = np.random.default_rng(0)
    member = houses.predict("j", lambda labels: labels.assign(price=labels["price"] + random.normal(0, 1, len(labels))))
    score = await score_members(houses.layout, houses.task, [member], "single")
    assert score.rows == 360
    assert score.split == "select"
    assert score.low < score.value < score.high
    assert score.value == pytest.approx(0.8, abs=0.1)  # the mean size of a normal error


async def test_the_process_hands_problems_on_to_the_model(houses: Scene) -> None:
    member = houses.predict("j", lambda labels: labels.drop(columns="price"))
    with pytest.raises(ToolFailed, match=r"candidate 1, job j, fold1: predictions.csv lacks 'price'"):
        await evaluate_members(houses.layout, houses.task, [member], "single")


def test_rows_of_all_folds_are_pooled_in_any_order(houses: Scene) -> None:
    member = houses.predict("j", lambda labels: off_by(2.0)(labels).sample(frac=1, random_state=0))
    assert houses.value(member) == pytest.approx(2.0)


def test_one_part_can_be_scored_alone(houses: Scene) -> None:
    member = houses.predict("j", off_by(1.0), parts=1)
    reply = houses.reply(member, job_part="fold1")
    assert reply.evaluated is not None
    assert reply.evaluated.score.rows == 72
    assert "fold2" in houses.problem(member)
    assert "no part" in houses.problem(member, job_part="fold9")


def test_the_report_is_scored_by_its_own_rows(houses: Scene) -> None:
    member = houses.predict("j", off_by(3.0))
    reply = houses.reply(member, split="report")
    assert reply.evaluated is not None
    assert (reply.evaluated.score.rows, reply.evaluated.score.split) == (40, "report")


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


GRADE = """
import numpy as np

def cost(truth, predicted):
    print("grading")
    assert list(truth["id"]) == list(predicted["id"])
    return float(np.abs(truth["price"] - predicted["price"]).max())

def broken(truth, predicted):
    raise KeyError("cost")
"""


async def test_an_own_metric_grades_frames(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given", metric="grade.py:cost", direction="lower")
    (given / "grade.py").write_text(GRADE)
    scene = Scene(tmp_path, given)
    score = await score_members(scene.layout, scene.task, [scene.predict("j", off_by(4.0))], "single")
    assert score.value == pytest.approx(4.0)


async def test_predictions_that_an_own_metric_has_no_value_for_pause_no_run(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given", metric="grade.py:cost", direction="lower")
    (given / "grade.py").write_text(GRADE)
    scene = Scene(tmp_path, given)
    member = scene.predict("j", off_by(4.0))
    (given / "grade.py").write_text(f"{GRADE}\ndef cost(truth, predicted):\n    return float('nan')\n")
    with pytest.raises(ToolFailed, match="gave nan for these predictions"):
        await score_members(scene.layout, scene.task, [member], "single")
    once = (
        "\ncalls = []\ndef cost(truth, predicted):\n    calls.append(1)\n    return 7.0 if len(calls) == 1 else 1 / 0\n"
    )
    (given / "grade.py").write_text(GRADE + once)
    score = await score_members(scene.layout, scene.task, [member], "single")
    assert (score.value, score.low, score.high) == (7.0, 7.0, 7.0)


async def test_an_own_metric_that_fails_is_a_persons_to_mend(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given", metric="grade.py:cost", direction="lower")
    (given / "grade.py").write_text(GRADE)
    scene = Scene(tmp_path, given)
    (given / "grade.py").write_text(GRADE.replace("def cost", "def other").replace("def broken", "def cost"))
    with pytest.raises(NeedsPerson, match=r"grade.py:cost failed: KeyError"):
        await score_members(scene.layout, scene.task, [scene.predict("j", off_by(4.0))], "single")
