"""The scorer: which rows it scores, in a process of its own."""

import numpy as np
import pytest

from activities.errors import ToolFailed
from activities.workspace.scorer import evaluate_members, score_members
from tests.workspace.scene import Scene, off_by


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
