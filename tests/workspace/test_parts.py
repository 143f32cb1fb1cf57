"""What holds for every kind of split: nothing withheld is where agents or training could see it."""

import shutil
import stat
from pathlib import Path

import pytest

from activities.fence import Fence
from activities.workspace.parts import BLOCK, estimate_part, final_part
from activities.workspace.prepare import prepare
from activities.workspace.tables import read_table
from schemas.task import Task
from tests.workspace.prepared import KINDS, Prepared, files_of, labels_of, prepare_kind


@pytest.fixture(scope="module", params=list(KINDS))
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare_kind(tmp_path_factory.mktemp("task"), request.param)


def test_no_part_trains_on_what_it_predicts(prepared: Prepared) -> None:
    for part in [*prepared.parts, estimate_part(prepared.layout)]:
        if part.labels is not None:
            withheld = set(labels_of(part)[prepared.task.id])
            assert withheld
            assert not withheld & prepared.ids(part.fit)


def test_the_report_is_in_no_view_but_its_own(prepared: Prepared) -> None:
    part = estimate_part(prepared.layout)
    assert (part.inputs is None) == (prepared.made.withheld["report"] == 0)
    if part.labels is None:
        return
    report = set(labels_of(part)[prepared.task.id])
    assert len(report) == prepared.made.withheld["report"]
    assert not report & prepared.ids(prepared.layout.view)
    for other in prepared.parts:
        assert not report & prepared.ids(other.fit)
        assert not report & set(labels_of(other)[prepared.task.id])


def test_a_holdout_is_not_in_the_agents_view(prepared: Prepared) -> None:
    if prepared.task.split.folds is None:
        (part,) = prepared.parts
        assert not set(labels_of(part)[prepared.task.id]) & prepared.ids(prepared.layout.view)
        assert prepared.ids(part.fit) == prepared.ids(prepared.layout.view)


def test_all_labelled_rows_are_accounted_for(prepared: Prepared) -> None:
    report = prepared.made.withheld["report"]
    final = prepared.ids(final_part(prepared.layout).fit)
    estimate = prepared.ids(estimate_part(prepared.layout).fit)
    assert len(final) == prepared.task.rows
    assert len(estimate) == prepared.task.rows - report
    scored = [one for part in prepared.parts for one in labels_of(part)[prepared.task.id]]
    assert len(scored) == len(set(scored))
    assert set(scored) <= estimate
    if prepared.task.split.folds is not None:
        assert prepared.ids(prepared.layout.view) == estimate


def test_folds_cover_every_row_but_the_first_stretch_of_a_forward_split(prepared: Prepared) -> None:
    if prepared.task.split.folds is None:
        return
    scored = {one for part in prepared.parts for one in labels_of(part)[prepared.task.id]}
    left = len(prepared.ids(prepared.layout.view)) - len(scored)
    forward = "after" in prepared.task.split.why
    assert (left > 0) == forward


def test_inputs_hold_no_target_and_no_column_that_test_rows_lack(prepared: Prepared) -> None:
    task = prepared.task
    for part in [*prepared.parts, estimate_part(prepared.layout), final_part(prepared.layout)]:
        if part.inputs is None:
            continue
        table = prepared.inputs(part.inputs)
        assert not set(table.columns) & {*task.targets, *task.train_only, BLOCK}
        assert not (part.inputs / task.train).exists()
        if part.labels is not None:
            assert table[task.id].tolist() == labels_of(part)[task.id].tolist()


def test_every_view_says_the_task_and_has_a_sample_of_its_own_rows(prepared: Prepared) -> None:
    task = prepared.task
    parts = [*prepared.parts, estimate_part(prepared.layout), final_part(prepared.layout)]
    views = [prepared.layout.view, *(view for part in parts for view in (part.fit, part.inputs) if view is not None)]
    for view in views:
        assert Task.model_validate_json((view / "task.json").read_text()) == task
        assert (view / "description.md").is_file()
        if task.sample_submission is not None and not (view / task.train).exists():
            sample = read_table(view / task.sample_submission).rows
            assert sample[task.id].tolist() == prepared.inputs(view)[task.id].tolist()
            assert sample[task.targets[0]].nunique() == 1


def test_the_shares_are_about_what_the_split_says(prepared: Prepared) -> None:
    split, counts = prepared.task.split, dict(prepared.made.withheld)
    assert counts.pop("report") / prepared.task.rows == pytest.approx(split.report, abs=0.035)
    if split.folds is None:
        assert counts["select"] / prepared.task.rows == pytest.approx(split.select, abs=0.05)
    else:
        assert max(counts.values()) <= 1.3 * min(counts.values()) + 10


def test_withheld_rows_are_readable_by_the_owner_alone(prepared: Prepared) -> None:
    assert stat.S_IMODE(prepared.layout.withheld.stat().st_mode) == 0o700


def test_the_same_seed_gives_the_same_bytes_and_a_cut_preparation_is_done_again(
    prepared: Prepared, tmp_path: Path
) -> None:
    before = files_of(prepared.layout.folder)
    left = Fence.begin(prepared.layout.fence("prepare"), 1).draft()
    (left / "withheld" / "parts").mkdir(parents=True)
    (left / "withheld" / "labels.csv").touch()
    shutil.rmtree(prepared.layout.view)
    prepared.layout.settled.unlink()
    again = prepare(prepared.layout.folder.parent / "given", prepared.layout, attempt=2)
    assert again == prepared.made
    assert files_of(prepared.layout.folder) == before
