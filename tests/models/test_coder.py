"""The coder mind: the plan's recipe as files, a check, and fall-backs where that fails."""

import pytest
import yaml

from activities.models.playbook import plan
from schemas.role import CodeRequest
from tests.models.world import World, common, play

REQUEST = CodeRequest(**common("coder", candidate=1, brief="code", revision="r1"))


def planned(config: str = "{}", version: int = 1, **more: str) -> dict[str, str]:
    front = f"approach: trees\nfamily: boosted trees\nrecipe: boosted\nversion: {version}\nconfig: {config}\n"
    return {"PLAN.md": f"---\n{front}---\n\n# Plan\n", **more}


async def test_writes_every_file_of_the_recipe_and_has_it_checked() -> None:
    world = World(files=planned())
    await play(world, REQUEST)
    assert {"train.py", "inference.py", "config.yaml", "trials.yaml"} <= set(world.files)
    assert [call.name for call in world.calls][-2:] == ["check", "report_code"]


async def test_the_config_is_the_recipes_with_the_plans_own_settings_over_it() -> None:
    world = World(files=planned(config="{learning_rate: 0.02}"))
    await play(world, REQUEST)
    assert world.config() == {"learning_rate": 0.02, "rounds": 100, "seed": 0, "dates": True}


async def test_the_config_is_written_in_one_order_only() -> None:
    world = World(files=planned())
    await play(world, REQUEST)
    keys = list(yaml.safe_load(world.files["config.yaml"]))
    assert keys == sorted(keys)


async def test_the_tuner_finds_the_recipes_trials() -> None:
    world = World(files=planned())
    await play(world, REQUEST)
    trials = yaml.safe_load(world.files["trials.yaml"])
    assert trials["trials"][0] == {"learning_rate": 0.05, "note": "slower"}


async def test_a_failed_check_is_answered_with_smaller_settings() -> None:
    world = World(files=planned(), check=lambda config: "killed: memory" if config["rounds"] == 100 else None)
    await play(world, REQUEST)
    assert world.ended is not None
    assert world.ended.name == "report_code"
    assert world.config()["rounds"] == 34
    assert "1 fall-back" in world.ended.input["summary"]


async def test_then_without_optional_features() -> None:
    world = World(files=planned(), check=lambda config: "dates cannot be read" if config["dates"] else None)
    await play(world, REQUEST)
    assert world.config() == {"learning_rate": 0.1, "rounds": 100, "seed": 0, "dates": False}


async def test_gives_up_with_the_reason_after_three_fall_backs() -> None:
    world = World(files=planned(), check=lambda _: "No module named x")
    await play(world, REQUEST)
    assert len(world.used("check")) == 4
    assert world.ended is not None
    assert world.ended.name == "give_up"
    assert "No module named x" in world.ended.input["why"]


async def test_code_that_failed_later_under_the_same_plan_is_made_smaller() -> None:
    world = World(files=planned())
    await play(world, REQUEST)
    world.ended = None
    await play(world, REQUEST)
    assert world.config()["rounds"] == 34


async def test_a_revised_plan_is_coded_as_it_says() -> None:
    world = World(files=planned())
    await play(world, REQUEST)
    world.ended = None
    world.files |= planned(config="{rounds: 300}", version=2)
    await play(world, REQUEST)
    assert world.config()["rounds"] == 300


@pytest.mark.parametrize(
    "text",
    [
        "# A plan in prose",
        "---\napproach: x\nrecipe: y\ncreated: 2024-02-30\n---\n",
        "---\napproach: x\nrecipe: y\nversion: second\n---\n",
    ],
)
async def test_a_plan_without_readable_front_matter_is_given_back(text: str) -> None:
    world = World(files={"PLAN.md": text})
    await play(world, REQUEST)
    assert world.ended is not None
    assert world.ended.name == "give_up"
    assert "PLAN.md" in world.ended.input["why"]


@pytest.mark.parametrize("text", ["recipe: 2024-02-30", "recipe: x\ntrials: [1]", "trials: []", "- a", "a: ["])
def test_what_lists_no_trials_of_a_recipe_is_none(text: str) -> None:
    assert plan.read_trials(text) is None


async def test_an_unknown_recipe_is_named() -> None:
    world = World(files={"PLAN.md": "---\napproach: x\nfamily: y\nrecipe: oracle\n---\n"})
    await play(world, REQUEST)
    assert world.ended is not None
    assert "oracle" in world.ended.input["why"]
