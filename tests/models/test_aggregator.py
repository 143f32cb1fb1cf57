"""The aggregator mind: the best single candidate, unless the scorer finds a blend better by enough."""

import json
from collections.abc import Mapping
from typing import Any

from schemas.candidate import Candidate
from schemas.role import AggregateRequest
from tests.models.world import CATALOGUE, World, candidate, common, play

TWO = (candidate(1, 0.5), candidate(2, 0.51))
THREE = (*TWO, candidate(3, 0.52))


def helps(weights: Mapping[int, float]) -> float:
    """The nearer to two thirds of 1 and a third of 2, the better; 3 harms."""
    return 0.48 + abs(weights.get(2, 0.0) - 1 / 3) * 0.05 + weights.get(3, 0.0) * 0.1


async def chosen(world: World, candidates: tuple[Candidate, ...] = TWO, **more: Any) -> dict[str, Any]:
    await play(world, AggregateRequest(**common("aggregator", candidates=candidates, **more)))
    assert world.ended is not None
    return dict(world.ended.input)


async def test_a_blend_that_scores_better_is_chosen_with_its_weights() -> None:
    world = World(blend=helps)
    report = await chosen(world, THREE)
    weights = {member["candidate"]: round(member.get("weight", 1.0), 2) for member in report["members"]}
    assert report["method"] == "mean"
    assert weights == {1: 0.67, 2: 0.33}


async def test_the_blends_code_is_written_with_its_members() -> None:
    world = World(blend=helps)
    await chosen(world)
    assert "inference.py" in world.files
    members = json.loads(world.files["blend.json"])["members"]
    assert [member["candidate"] for member in members] == [1, 2]


async def test_a_gain_within_chance_is_not_worth_a_blend() -> None:
    report = await chosen(World(blend=lambda _: 0.4997))
    assert report["method"] == "single"
    assert [member["candidate"] for member in report["members"]] == [1]
    assert "No blend gained" in report["summary"]


async def test_what_is_hopelessly_behind_is_not_looked_at() -> None:
    world = World(blend=helps)
    await chosen(world, (*TWO, candidate(3, 0.9)))
    looked_at = {member["candidate"] for used in world.used("evaluate") for member in used["members"]}
    assert looked_at == {1, 2}


async def test_select_is_looked_at_a_bounded_number_of_times() -> None:
    world = World(blend=lambda weights: 0.4 - 0.01 * len(weights) - 0.1 * weights.get(2, 0.0))
    await chosen(world, (*THREE, candidate(4, 0.52)))
    assert 2 <= len(world.used("evaluate")) <= 16


async def test_delivery_has_no_more_members_to_train_than_its_reserve_is_for() -> None:
    world = World(blend=lambda weights: 0.5 - 0.02 * len(weights))
    report = await chosen(world, (*THREE, candidate(4, 0.52)))
    assert len(report["members"]) == 3


async def test_without_time_the_best_single_is_chosen_unseen() -> None:
    world = World(blend=helps)
    report = await chosen(world, seconds=8.0)
    assert report["method"] == "single"
    assert not world.used("evaluate")


async def test_one_candidate_needs_no_evaluation() -> None:
    world = World()
    assert (await chosen(world, TWO[:1]))["method"] == "single"
    assert not world.used("evaluate")


async def test_labels_without_probabilities_are_voted_on() -> None:
    class NoProbabilities(World):
        def _evaluate(self, given: dict[str, Any]) -> Any:
            return None if given.get("method", "mean") == "mean" else super()._evaluate(given)

    world = NoProbabilities(blend=lambda weights: 0.4 if len(weights) > 2 else 0.5)
    task = common("aggregator")["task"]
    labels = task.model_copy(update={"metric": task.metric.model_copy(update={"predicts": "label"})})
    await chosen(world, THREE, task=labels)
    assert {used.get("method", "mean") for used in world.used("evaluate")} == {"mean", "vote"}


async def test_without_code_for_a_blend_the_best_single_stands() -> None:
    world = World(blend=helps, catalogue=tuple(entry for entry in CATALOGUE if entry.name != "blend"))
    assert (await chosen(world))["method"] == "single"


async def test_without_any_score_it_gives_up() -> None:
    world = World()
    await play(world, AggregateRequest(**common("aggregator", candidates=(candidate(1),))))
    assert world.ended is not None
    assert world.ended.name == "give_up"


async def test_a_blend_that_delivery_could_not_train_again_is_not_made() -> None:
    slow = (candidate(1, 0.5, seconds=20.0), candidate(2, 0.51, seconds=60.0))
    assert (await chosen(World(blend=helps), slow, run_seconds=300.0))["method"] == "mean"
    assert (await chosen(World(blend=helps), slow, run_seconds=120.0))["method"] == "single"


async def test_where_not_even_the_leader_could_be_trained_again_a_blend_loses_nothing() -> None:
    slow = (candidate(1, 0.5, seconds=200.0), candidate(2, 0.51, seconds=60.0))
    assert (await chosen(World(blend=helps), slow, run_seconds=120.0))["method"] == "mean"
