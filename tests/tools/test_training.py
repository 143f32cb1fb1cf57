"""`train`: real code is trained and scored, once, whatever happens to the worker between."""

from collections.abc import Callable
from pathlib import Path

import pytest

from activities.delivery.bundle import DATA, MODEL, OUT, PREDICTIONS, REPOSITORY
from activities.errors import ToolFailed
from activities.tools.curves import curves, latest
from activities.tools.reporting import Reporting
from activities.tools.training import Training
from activities.tools.trials import find_trial, read_trial
from schemas.role import Role, TuneReport
from schemas.tool import Trained
from tests.tools.conftest import CODE, Work
from tests.tools.direct import DirectJobs


async def train(work: Work, number: int | None = None, **given: object) -> Trained:
    done = await work.use(Training(work.bench).tools(), "train", number, **{"minutes": 1, **given})
    assert isinstance(done.content, Trained)
    return done.content


def jobs(work: Work) -> DirectJobs:
    assert isinstance(work.bench.jobs, DirectJobs)
    return work.bench.jobs


def test_nonsense_among_metrics_is_passed_over(tmp_path: Path) -> None:
    lines = ["[" * 100_000, '{"valid_rmse": 1' + "0" * 400 + "}", '{"step": 1, "valid_rmse": 0.5}']
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert [(curve.name, curve.last, curve.steps) for curve in curves(tmp_path)] == [("valid_rmse", 0.5, 1)]
    assert latest(tmp_path) == "valid_rmse 0.5"


async def test_a_training_is_scored_by_the_system(work: Work) -> None:
    work.write(**CODE)
    trained = await train(work, note="first")

    assert trained.problem is None
    assert trained.score is not None
    assert trained.score.metric.name == "rmse"
    assert trained.score.value < 0.1  # the target is made of the features
    assert trained.score.rows > 500
    assert [curve.name for curve in trained.curves] == ["valid_rmse"]
    assert (trained.curves[0].first, trained.curves[0].best, trained.curves[0].best_step) == (1.0, 1 / 3, 2.0)
    assert trained.seconds_left is not None
    assert 0 < trained.seconds_left < 600
    file = read_trial(work.bench.layout, trained.job)
    assert (file.candidate, file.trial.note, file.trial.score) == (1, "first", trained.score)
    assert await work.bench.repository.read(trained.revision, "config.yaml") == b"factor: 1.0\n"
    assert work.bench.layout.job_config(trained.job).read_text() == "factor: 1.0\n"


async def test_a_repeated_call_finds_its_job_and_trains_nothing_else(work: Work) -> None:
    work.write(**CODE)
    first = await train(work, 1)
    work.write(**{"config.yaml": "factor: 0.0\n"})

    again = await train(work, 1)

    assert jobs(work).started == ["tuner.1.1.j1"]
    assert (again.revision, again.score) == (first.revision, first.score)


async def test_a_training_that_ended_counts_even_after_the_deadline(work: Work, late: Callable[[], None]) -> None:
    work.write(**CODE)
    first = await train(work, 1)
    late()
    assert (await train(work, 1)).score == first.score
    with pytest.raises(ToolFailed, match="too few to train"):
        await train(work, 2)


async def test_code_that_fails_is_told_with_its_log(work: Work) -> None:
    work.write(**{**CODE, "train.py": "raise SystemExit('no such column: prize')"})
    trained = await train(work)
    assert trained.score is None
    assert trained.phase == "failed"
    assert "exit code 1" in (trained.problem or "")
    assert "no such column: prize" in trained.log


async def test_predictions_that_cannot_be_scored_are_a_problem_in_words(work: Work) -> None:
    wrong = CODE["inference.py"].replace("enumerate(rows)", "enumerate(rows[:3])")
    work.write(**{**CODE, "inference.py": wrong})
    trained = await train(work)
    assert trained.score is None
    assert trained.problem is not None
    assert "3 rows for" in trained.problem
    found = find_trial(work.bench.layout, trained.job)
    assert found is not None
    assert found.trial.problem == trained.problem


async def test_what_is_missing_is_named_before_anything_runs(work: Work) -> None:
    with pytest.raises(ToolFailed, match=r"no train\.py"):
        await train(work)
    assert jobs(work).started == []


async def test_predictions_see_withheld_rows_sealed_and_without_the_training_folder(work: Work) -> None:
    work.write(**CODE)
    trained = await train(work)
    training, predicting = jobs(work).specs[trained.job].steps
    assert not training.sealed
    assert predicting.sealed
    assert {mount.target: mount.writable for mount in predicting.mounts} == {
        REPOSITORY: False,
        DATA: False,
        MODEL: False,
        PREDICTIONS: True,
    }
    seen = {mount.target: Path(mount.source).name for mount in training.mounts}
    assert seen == {REPOSITORY: "tree", DATA: "fit", OUT: "out"}


async def test_training_time_is_the_least_of_what_is_asked_allowed_and_left(work: Work) -> None:
    work.write(**CODE)
    work.bench.training_seconds = 30.0
    specs = jobs(work).specs
    assert specs[(await train(work, minutes=0.2)).job].steps[0].seconds == 12.0
    assert specs[(await train(work, minutes=5)).job].steps[0].seconds == 30.0
    work.bench.training_seconds = None
    assert 400 < specs[(await train(work, minutes=60)).job].steps[0].seconds < 510


async def test_quick_trainings_say_so_and_never_compete(work: Work) -> None:
    work.write(**CODE)
    quick = await train(work, quick=True)
    assert "--quick" in jobs(work).specs[quick.job].steps[0].argv
    assert quick.score is not None
    reporting = Reporting(work.bench, 1, lambda why: TuneReport(invocation="tuner.1.1", candidate=1, problem=why))
    with pytest.raises(ToolFailed, match="not one of your full trainings"):
        await work.use(reporting.tools(Role.TUNER), "report_tune", best=quick.job, summary="")


async def test_a_report_names_one_of_the_full_trainings(work: Work) -> None:
    work.write(**CODE)
    trained = await train(work)
    reporting = Reporting(work.bench, 1, lambda why: TuneReport(invocation="tuner.1.1", candidate=1, problem=why))
    tools = reporting.tools(Role.TUNER)
    for best in (None, "tuner.1.1.j9", "../x"):
        with pytest.raises(ToolFailed):
            await work.use(tools, "report_tune", best=best, summary="")
    done = await work.use(tools, "report_tune", best=trained.job, summary="good")
    assert isinstance(done.report, TuneReport)
    assert done.ends
    assert (done.report.best, [trial.job for trial in done.report.trials]) == (trained.job, [trained.job])


def test_metrics_that_are_nonsense_do_no_harm(tmp_path: Path) -> None:
    lines = [
        '{"step": 1, "valid_auc": 0.5, "x": "y", "t": true}',
        "no json",
        "[1]",
        '{"valid_auc": 0.75, "bad": NaN}',
        '{"va',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    (curve,) = curves(tmp_path)
    assert (curve.name, curve.best, curve.last, curve.steps) == ("valid_auc", 0.75, 0.75, 2)
    assert latest(tmp_path) == "valid_auc 0.75"
    assert curves(tmp_path / "missing") == ()


async def test_several_devices_or_a_part_of_one_are_leased_as_asked(work: Work) -> None:
    work.write(**CODE)
    work.bench.devices = ("gpu:0", "gpu:1")
    single, several = await train(work, 1, gpu_memory_mb=8_000), await train(work, 2, devices=2)

    spec = jobs(work).specs[single.job]
    assert (spec.devices, spec.device_memory_mb, {step.spread for step in spec.steps}) == (1, 8_000, {False})
    spec = jobs(work).specs[several.job]
    assert (spec.devices, spec.device_memory_mb) == (2, None)
    assert spec.limits.memory_mb == 2 * work.bench.job_limits.memory_mb, "each comes with its share of the machine's"
    assert {step.name.split()[0]: step.spread for step in spec.steps} == {"train": True, "predict": False}

    with pytest.raises(ToolFailed, match="3 devices are asked for, and there are gpu:0, gpu:1"):
        await train(work, 3, devices=3)
