"""Configs as values: what changes do, and which are near."""

from typing import Any

import pytest

from activities.models.playbook import knobs

BOOSTED: dict[str, Any] = {
    "num_leaves": 31, "learning_rate": 0.1, "rounds": 3_000, "lambda_l2": 1.0, "bags": 3, "refit": True, "dates": True,
    "features_number": ["a"], "features_category": [], "features_text": ["b"], "seed": 0,
}  # fmt: skip


def test_a_dump_is_the_same_whatever_the_order_of_keys() -> None:
    assert knobs.dump(dict(reversed(BOOSTED.items()))) == knobs.dump(BOOSTED)
    assert knobs.read(knobs.dump(BOOSTED)) == BOOSTED


def test_the_difference_merged_again_gives_the_config() -> None:
    changed = {**BOOSTED, "num_leaves": 63, "inner": {"depth": 2}}
    assert knobs.merge(BOOSTED, knobs.difference(changed, BOOSTED)) == changed


def test_neighbours_change_one_number_each_and_never_an_unknown_one() -> None:
    changes = knobs.neighbours(BOOSTED, None)
    assert all(len(change) == 1 for change in changes)
    assert {key for change in changes for key in change} == {"num_leaves", "learning_rate", "lambda_l2", "bags"}


def test_members_are_only_ever_added() -> None:
    assert [change["bags"] for change in knobs.neighbours(BOOSTED, None) if "bags" in change] == [5]


def test_the_length_of_training_is_turned_only_where_curves_ask_for_it() -> None:
    assert {"rounds": 4_800} in knobs.neighbours(BOOSTED, "more")
    assert {"rounds": 1_875} in knobs.neighbours(BOOSTED, "less")


@pytest.mark.parametrize("lean", ["more", "less"])
def test_a_stride_goes_one_way_with_every_knob(lean: knobs.Lean) -> None:
    change = knobs.stride(BOOSTED, lean)
    assert all(knobs.leans({key: value}, BOOSTED) == lean for key, value in change.items())
    assert {"num_leaves", "learning_rate", "rounds", "lambda_l2"} <= set(change)


def test_numbers_stay_within_their_bounds_and_integers_stay_integers() -> None:
    assert knobs.neighbours({"feature_fraction": 1.0}, None) == [{"feature_fraction": 0.741}]
    assert {"max_depth": 3} in knobs.neighbours({"max_depth": 2}, None)


def test_a_longer_training_is_expected_to_cost_in_proportion() -> None:
    assert knobs.cost({**BOOSTED, "rounds": 6_000}, BOOSTED) == pytest.approx(2.0)
    assert knobs.cost({**BOOSTED, "rounds": 30}, BOOSTED) == 1.0


def test_plain_settings_keep_numbers_and_categories_and_what_is_no_feature() -> None:
    assert knobs.without_features(BOOSTED) == {"dates": False, "features_text": []}


def test_features_are_kept_where_nothing_else_is_there() -> None:
    assert knobs.without_features({"features_text": ["b"], "features_number": []}) == {}


@pytest.mark.parametrize("text", ["- a", "a: [", "", "just words", "when: 2024-02-30"])
def test_what_is_no_mapping_is_no_config(text: str) -> None:
    assert knobs.read(text) is None
