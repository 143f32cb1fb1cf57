"""Which curve says how a training went, and what it says."""

import pytest

from activities.models.playbook.curves import reading
from schemas.tool import Curve


def curve(name: str, first: float, best: float, last: float, steps: int) -> Curve:
    return Curve(name=name, first=first, best=best, last=last, best_step=1.0, steps=steps)


@pytest.mark.parametrize("target", ["price", "yield"])
def test_scores_of_the_members_of_a_bag_are_not_taken_for_a_training(target: str) -> None:
    members = curve("valid_rmse", 4.6, 3.8, 5.1, 5)
    training = curve(f"valid_{target}_rmse", 9.0, 4.0, 4.0, 33)
    finding, numbers = reading([members, training])
    assert finding == "underfitting"
    assert numbers.startswith(f"valid_{target}_rmse")


def test_a_loss_comes_before_any_other_and_a_few_points_are_no_curve() -> None:
    found = reading([curve("valid_accuracy", 0.1, 0.9, 0.9, 90), curve("valid_loss", 3.0, 1.0, 2.0, 9)])
    assert found[0] == "overfitting"
    assert reading([curve("valid_loss", 3.0, 1.0, 2.0, 3)]) == ("unknown", "no validation curve")
