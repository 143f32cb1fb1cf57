"""The setup and designer minds: facts into SETUP.md, and designs that differ in kind."""

import json
from typing import Any

import pytest
import yaml

from schemas.candidate import Candidate
from schemas.role import DesignRequest, SetupRequest, Weights
from schemas.tool import Fetched, Installed, KnowledgeEntry
from tests.models.world import CATALOGUE, World, candidate, common, play, recipe

LINES = "\n".join(json.dumps({"step": n, "valid_loss": loss}) for n, loss in enumerate([1.0, 0.6, 0.5, 0.7, 0.9]))


async def designed(world: World, number: int = 1, others: tuple[Candidate, ...] = (), **more: Any) -> dict[str, Any]:
    """The front matter of the plan."""
    request = DesignRequest(**common("designer", candidate=number, brief="design", others=others, **more))
    await play(world, request)
    return dict(yaml.safe_load(world.files["PLAN.md"].split("---")[1]))


async def test_setup_writes_the_facts_that_the_others_need() -> None:
    world = World()
    await play(world, SetupRequest(**common("setup")))
    notes = world.files["SETUP.md"]
    for fact in ("2 cores", "7.8 GB of memory", "cpu:0, cpu:1", "bubblewrap", "8000 in `data/train.csv`", "| season |"):
        assert fact in notes
    assert "lightgbm: missing" in notes


async def test_setup_says_what_could_not_be_read() -> None:
    class Broken(World):
        def _profile_data(self, _: dict[str, Any]) -> None:  # type: ignore[override]
            return None

    world = Broken()
    await play(world, SetupRequest(**common("setup")))
    assert world.ended is not None
    assert world.ended.name == "give_up"


class Shop(World):
    """Where some things are to be had."""

    def _install(self, given: dict[str, Any]) -> Installed | None:
        return Installed(environment="/e", packages=("xgboost==3.0",)) if given["packages"] == ["xgboost"] else None

    def _fetch_weights(self, given: dict[str, Any]) -> Fetched | None:
        weights = Weights(name="org/tiny", revision="c", digest="d", size=1, files=1)
        return Fetched(weights=weights, path="/weights/org--tiny") if given["name"] == "org/tiny" else None


async def test_what_a_design_asks_for_is_got_one_by_one() -> None:
    world = Shop()
    asked = {"candidate": 1, "packages": ("xgboost", "nothing"), "weights": ("org/tiny", "org/none@v1")}
    await play(world, SetupRequest(**common("setup", **asked)))
    assert world.used("install") == [{"packages": ["xgboost"]}, {"packages": ["nothing"]}]
    assert world.used("fetch_weights") == [{"name": "org/tiny"}, {"name": "org/none@v1"}]
    assert world.files == {}
    assert world.ended is not None
    assert world.ended.name == "report_setup"
    summary = world.ended.input["summary"]
    assert summary.startswith("Got xgboost, org/tiny. By rules")
    assert "Not to be had: nothing: there is no such file; org/none@v1:" in summary


async def test_where_nothing_is_to_be_had_setup_gives_up() -> None:
    world = Shop()
    await play(world, SetupRequest(**common("setup", candidate=1, weights=("org/none",))))
    assert world.ended is not None
    assert world.ended.name == "give_up"
    assert "org/none" in world.ended.input["why"]


@pytest.mark.parametrize(("number", "family"), [(1, "boosted trees"), (2, "linear"), (3, "extra trees")])
async def test_the_kth_candidate_takes_the_kth_family(number: int, family: str) -> None:
    others = tuple(Candidate(number=n) for n in range(1, number))
    assert (await designed(World(), number, others))["family"] == family


async def test_a_family_that_another_has_is_not_taken_again() -> None:
    taken = (candidate(1, family="linear"), candidate(3, family="boosted trees"))
    assert (await designed(World(), 2, taken))["family"] == "extra trees"


async def test_with_every_family_taken_the_best_recipe_is_varied() -> None:
    others = tuple(candidate(n, family=f) for n, f in enumerate(("boosted trees", "linear", "extra trees"), 1))
    plan = await designed(World(), 4, others)
    assert plan["recipe"] == "boosted"
    assert plan["config"] == {"seed": 4, "learning_rate": 0.05}


async def test_a_recipe_that_does_not_fit_is_never_chosen() -> None:
    misfit = recipe("network", "network", 0).model_copy(update={"fits": False})
    assert (await designed(World(catalogue=(misfit, *CATALOGUE))))["family"] == "boosted trees"


async def test_the_report_says_what_the_front_matter_says() -> None:
    world = World()
    plan = await designed(world)
    assert world.ended is not None
    assert (world.ended.input["approach"], world.ended.input["family"]) == (plan["approach"], plan["family"])


async def test_the_plan_is_a_design_with_the_numbers_of_the_data() -> None:
    world = World()
    await designed(world)
    text = world.files["PLAN.md"]
    for section in ("## Model", "## Why", "## Data", "## Training", "## Validation", "## Risks"):
        assert section in text
    for fact in ("8000 labelled rows", "`temp`: numbers", "skew 1.40", "`season`", "learning_rate=0.1"):
        assert fact in text


async def test_parents_are_named() -> None:
    plan = await designed(World(), 2, parents=((1, "abcdef0123456789"),))
    assert plan["parents"] == ["1@abcdef012345"]


async def test_without_a_recipe_that_fits_it_gives_up() -> None:
    world = World(catalogue=(KnowledgeEntry(name="blend", kind="recipe", family="blend", summary="x"),))
    await play(world, DesignRequest(**common("designer", candidate=1, brief="")))
    assert world.ended is not None
    assert world.ended.name == "give_up"


def revised(**more: str) -> World:
    plan = {"approach": "trees", "family": "boosted trees", "recipe": "boosted", "version": 1}
    config = {"learning_rate": 0.1, "rounds": 400, "seed": 0, "dates": True}
    files = {"PLAN.md": f"---\n{yaml.safe_dump(plan)}---\n# x\n", "config.yaml": yaml.safe_dump(config)}
    return World(files=files | more)


async def test_a_revision_keeps_what_was_tuned_and_answers_the_curves() -> None:
    world = revised(**{"results/tuner.1.1.j1/metrics.jsonl": LINES})
    plan = await designed(world, card=candidate(1, 0.5), revision="r1")
    assert plan["version"] == 2
    assert plan["recipe"] == "boosted"
    assert plan["config"]["rounds"] < 400
    assert plan["config"]["learning_rate"] < 0.1


async def test_a_plan_that_gave_no_score_makes_way_for_another_kind() -> None:
    others = (candidate(2, 0.5, family="linear"),)
    plan = await designed(revised(), others=others, card=candidate(1), revision="r1")
    assert plan["family"] == "extra trees"


async def test_what_is_clearly_beaten_makes_way_for_another_kind() -> None:
    others = (candidate(2, 0.5, family="linear"),)
    plan = await designed(revised(), others=others, card=candidate(1, 0.9), revision="r1")
    assert plan["family"] == "extra trees"


async def test_what_is_nearly_as_good_stays_what_it_is() -> None:
    others = (candidate(2, 0.5, family="linear"),)
    plan = await designed(revised(), others=others, card=candidate(1, 0.51), revision="r1")
    assert plan["family"] == "boosted trees"


async def test_a_plan_that_failed_with_no_other_kind_left_becomes_smaller_and_plainer() -> None:
    others = (candidate(2, family="linear"), candidate(3, family="extra trees"))
    plan = await designed(revised(), others=others, card=candidate(1), revision="r1")
    assert plan["config"]["dates"] is False
    assert plan["config"]["rounds"] < 400
