"""The tuner mind: trains what the time allows, keeps what scores better, and leaves the best config behind."""

from typing import Any

import pytest
import yaml

from activities.models.playbook import knobs
from schemas.candidate import Candidate, Trial
from schemas.role import TuneRequest
from schemas.tool import Curve
from tests.models.world import World, common, play, score

CONFIG = {"learning_rate": 0.1, "rounds": 100, "min_data_in_leaf": 20, "seed": 0}
TRIALS = [{"learning_rate": 0.05, "note": "slower"}, {"min_data_in_leaf": 60, "note": "fewer leaves"}]


def request(seconds: float, card: Candidate | None = None, **more: Any) -> TuneRequest:
    card = card or Candidate(number=1, status="coded", revision="r1", codes=1, designs=1)
    facts = {"candidate": 1, "brief": "tune", "revision": "r1", "seconds": seconds, "card": card} | more
    return TuneRequest(**common("tuner", **facts))


def world(**more: Any) -> World:
    files = {
        "config.yaml": yaml.safe_dump(CONFIG),
        "trials.yaml": yaml.safe_dump({"recipe": "boosted", "trials": TRIALS}),
    }
    return World(files=files, **more)


async def test_first_trains_the_config_as_it_is() -> None:
    here = world()
    await play(here, request(60))
    assert here.trained[0][0] == CONFIG


async def test_reports_the_best_job_and_leaves_its_config_in_the_repository() -> None:
    here = world(loss=lambda config: 0.4 if config["learning_rate"] == 0.05 else 0.5)
    await play(here, request(50))
    best = next(trained.job for config, trained in here.trained if config["learning_rate"] == 0.05)
    assert here.ended is not None
    assert here.ended.input["best"] == best
    assert here.config()["learning_rate"] == 0.05


async def test_a_trial_is_laid_over_the_best_so_far() -> None:
    here = world(loss=lambda config: 0.4 if config["learning_rate"] == 0.05 else 0.5)
    await play(here, request(70))
    assert here.trained[2][0] == CONFIG | {"learning_rate": 0.05, "min_data_in_leaf": 60}


async def test_a_trial_that_did_not_help_is_taken_back() -> None:
    here = world(loss=lambda config: 0.5 if config == CONFIG else 0.6)
    await play(here, request(70))
    assert here.trained[2][0] == CONFIG | {"min_data_in_leaf": 60}
    assert here.config() == CONFIG


async def test_goes_on_to_neighbours_once_the_trials_are_done() -> None:
    here = world(loss=lambda config: abs(config["min_data_in_leaf"] - 36) / 100)
    await play(here, request(600))
    assert here.config()["min_data_in_leaf"] == 36


async def test_stops_when_nothing_helps() -> None:
    here = world()
    await play(here, request(100_000))
    assert len(here.trained) < 12


@pytest.mark.parametrize("tells_time", [True, False])
@pytest.mark.parametrize("seconds", [20, 45, 100, 333, 1_000])
@pytest.mark.parametrize("cost", [3.0, 17.0, 80.0])
async def test_never_exceeds_its_time(seconds: float, cost: float, tells_time: bool) -> None:
    slower = {0.05: 1.15}
    here = world(
        seconds=lambda config: cost * slower.get(config["learning_rate"], 1.0), tells_time=tells_time, limit=seconds
    )
    await play(here, request(seconds))
    assert here.clock <= seconds


async def test_starts_nothing_that_could_not_finish() -> None:
    here = world(seconds=lambda _: 40.0)
    await play(here, request(80))
    assert len(here.trained) == 1
    assert here.trained[0][1].score is not None


async def test_one_training_takes_no_longer_than_the_run_allows() -> None:
    here = world()
    await play(here, request(3_600, training_seconds=30))
    minutes = [used["minutes"] for used in here.used("train")]
    assert minutes, "it trains"
    assert max(minutes) * 60 <= 30


async def test_what_was_trained_before_is_not_trained_again() -> None:
    here = world(loss=lambda _: 0.5)
    here.files["results/tuner.1.3.j1/config.yaml"] = yaml.safe_dump(CONFIG)
    here.files["results/tuner.1.3.j2/config.yaml"] = yaml.safe_dump(CONFIG | {"learning_rate": 0.05})
    best = Trial(job="tuner.1.3.j1", revision="r1", score=score(0.45), seconds=10)
    card = Candidate(number=1, status="trained", revision="r1", codes=1, best=best, trials=2, tunes=1)
    await play(here, request(40, card))
    assert [config for config, _ in here.trained][:1] == [CONFIG | {"min_data_in_leaf": 60}]


async def test_a_first_training_that_gives_no_score_is_tried_once_smaller() -> None:
    here = world(seconds=lambda config: 100.0 if config["rounds"] == 100 else 20.0)
    await play(here, request(150, training_seconds=60))
    assert here.trained[1][0]["rounds"] < 100
    assert here.ended is not None
    assert here.ended.input["best"] == here.trained[1][1].job


async def test_gives_up_on_code_that_never_gives_a_score() -> None:
    here = world(seconds=lambda _: 1e9)
    await play(here, request(300, training_seconds=30))
    assert here.ended is not None
    assert here.ended.name == "give_up"
    assert "its time was over" in here.ended.input["why"]


def over(_: dict[str, Any]) -> tuple[Curve, ...]:
    return (Curve(name="valid_loss", first=1.0, last=0.8, best=0.5, best_step=10, steps=40),)


def under(_: dict[str, Any]) -> tuple[Curve, ...]:
    return (Curve(name="valid_loss", first=1.0, last=0.5, best=0.5, best_step=40, steps=40),)


async def test_overfitting_curves_ask_for_less_capacity_first() -> None:
    here = world(curves=over)
    here.files.pop("trials.yaml")
    await play(here, request(60))
    assert knobs.leans(here.trained[1][0], CONFIG) == "less"


async def test_underfitting_curves_ask_for_more_capacity_first() -> None:
    here = world(curves=under)
    here.files.pop("trials.yaml")
    await play(here, request(60))
    assert knobs.leans(here.trained[1][0], CONFIG) == "more"


async def test_quick_trainings_choose_what_gets_the_one_full_training_that_fits() -> None:
    here = world(
        seconds=lambda _: 200.0, loss=lambda config: 0.3 if config["min_data_in_leaf"] == 60 else 0.5, overhead=4.0
    )
    await play(here, request(640))
    quick = [used.get("quick", False) for used in here.used("train")]
    assert quick == [False, True, True, True, False]
    assert here.trained[-1][0]["min_data_in_leaf"] == 60
    assert here.ended is not None
    assert here.ended.input["best"] == here.trained[-1][1].job


async def test_says_what_is_wrong_with_a_config_that_is_none() -> None:
    here = world()
    here.files["config.yaml"] = "- a list"
    await play(here, request(60))
    assert here.ended is not None
    assert here.ended.name == "give_up"
    assert "config.yaml" in here.ended.input["why"]


async def test_goes_on_where_the_last_gain_came_from() -> None:
    here = world(loss=lambda config: 1.0 / config["min_data_in_leaf"])
    here.files.pop("trials.yaml")
    await play(here, request(90))
    leaves = [config["min_data_in_leaf"] for config, _ in here.trained]
    assert leaves[:4] == [20, 36, 65, 117]


async def test_training_that_its_own_config_cut_short_gets_longer() -> None:
    here = world(
        seconds=lambda config: float(min(config["time_limit"], 40)),
        loss=lambda config: 0.5 - min(config["time_limit"], 40) / 100,
    )
    here.files = {"config.yaml": yaml.safe_dump(CONFIG | {"time_limit": 10})}
    await play(here, request(200))
    assert [config["time_limit"] for config, _ in here.trained][:3] == [10, 30, 90]


async def test_ends_with_a_report_before_its_model_calls_run_out() -> None:
    here = world(loss=lambda config: 1.0 / config["min_data_in_leaf"], seconds=lambda _: 1.0, overhead=0.0)
    await play(here, request(100_000, max_turns=12))
    assert here.ended is not None
    assert here.ended.name == "report_tune"
    assert len(here.trained) == 6
