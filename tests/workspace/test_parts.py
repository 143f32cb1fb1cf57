"""What holds for every kind of split: nothing withheld is where agents or training could see it."""

import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from activities.errors import BadInput
from activities.workspace.layout import Layout
from activities.workspace.parts import BLOCK, Part, estimate_part, final_part, select_parts
from activities.workspace.prepare import Preparation, check, prepare
from activities.workspace.tables import is_table, read_table
from schemas.task import Task
from tests.workspace import tasks


def given_files(folder: Path) -> Path:
    split = {"select_file": "later.csv", "report_file": "last.csv"}
    tasks.houses(folder, split=split)
    tasks.numbers(50, start=10_000, seed=5).to_csv(folder / "data" / "later.csv", index=False)
    tasks.numbers(30, start=20_000, seed=6).to_csv(folder / "data" / "last.csv", index=False)
    return folder


def unlabelled_test(folder: Path) -> Path:
    return tasks.write(folder, tasks.numbers(400), description="Predict the `price`.")


def time_in_holdout(folder: Path) -> Path:
    return tasks.sales(folder, split={"select": 0.2})


def groups_in_holdout(folder: Path) -> Path:
    return tasks.patients(folder, split={"select": 0.2})


def bikes_in_folds(folder: Path) -> Path:
    return tasks.bikes(folder, hours=4)


def without_report(folder: Path) -> Path:
    return tasks.flowers(folder, split={"report": 0})


KINDS: dict[str, Callable[[Path], Path]] = {
    "random folds": tasks.houses,
    "stratified folds": tasks.flowers,
    "stratified holdout": tasks.intents,
    "group folds": tasks.patients,
    "group holdout": groups_in_holdout,
    "time folds": tasks.sales,
    "time holdout": time_in_holdout,
    "interleaved time holdout": tasks.bikes,
    "interleaved time folds": bikes_in_folds,
    "files": given_files,
    "no test file": unlabelled_test,
    "no report": without_report,
}


@dataclass(frozen=True)
class Prepared:
    made: Preparation
    layout: Layout

    @property
    def task(self) -> Task:
        return self.made.task

    @property
    def parts(self) -> list[Part]:
        return select_parts(self.layout, self.task)

    def ids(self, view: Path) -> set[str]:
        return set(read_table(view / self.task.train).rows[self.task.id])

    def inputs(self, view: Path) -> pd.DataFrame:
        return read_table(view / (self.task.test or "test.csv")).rows


@pytest.fixture(scope="module", params=list(KINDS))
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return _prepared(tmp_path_factory.mktemp("task"), request.param)


def _prepared(folder: Path, kind: str) -> Prepared:
    layout = Layout(folder / "run")
    layout.folder.mkdir()
    return Prepared(prepare(KINDS[kind](folder / "given"), layout), layout)


def labels_of(part: Part) -> pd.DataFrame:
    assert part.labels is not None
    return pd.read_parquet(part.labels)


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
    before = _bytes(prepared.layout.folder)
    (prepared.layout.folder / ".preparing" / "withheld" / "parts").mkdir(parents=True)
    shutil.rmtree(prepared.layout.view)
    prepared.layout.settled.unlink()
    again = prepare(prepared.layout.folder.parent / "given", prepared.layout)
    assert again == prepared.made
    assert _bytes(prepared.layout.folder) == before


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_another_seed_withholds_other_rows(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    drawn = []
    for seed in (0, 1):
        layout = Layout(tmp_path / f"run{seed}")
        layout.folder.mkdir()
        prepare(given, layout, seed=seed)
        drawn.append(set(labels_of(estimate_part(layout))["id"]))
    assert drawn[0] != drawn[1]


def test_groups_are_never_parted(tmp_path: Path) -> None:
    made = _prepared(tmp_path, "group folds")
    for part in [*made.parts, estimate_part(made.layout)]:
        assert part.inputs is not None
        predicted = set(made.inputs(part.inputs)["patient"])
        assert not predicted & set(read_table(part.fit / "train.csv").rows["patient"])


def test_strata_keep_the_shares_of_the_classes(tmp_path: Path) -> None:
    made = _prepared(tmp_path, "stratified folds")
    for part in [*made.parts, estimate_part(made.layout)]:
        shares = labels_of(part)["kind"].value_counts(normalize=True)
        assert shares.min() > 0.3


def test_strata_of_several_targets_are_their_combinations(tmp_path: Path) -> None:
    train = tasks.numbers(400).drop(columns="price")
    train["toxic"], train["rude"] = train.index % 2, (train.index // 2) % 2
    made = Layout(tmp_path / "run")
    made.folder.mkdir()
    prepare(tasks.write(tmp_path / "given", train, target=["toxic", "rude"], metric="roc_auc"), made)
    report = labels_of(estimate_part(made))
    assert report.groupby(["toxic", "rude"]).size().tolist() == [10, 10, 10, 10]


def test_a_class_of_one_row_stays_where_it_can_be_learnt_from(tmp_path: Path) -> None:
    given = tasks.intents(tmp_path / "given")
    path = given / "data" / "train.csv"
    table = pd.read_csv(path)
    table.loc[5, "category"] = "rare"
    table.to_csv(path, index=False)
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    prepare(given, layout)
    assert (read_table(layout.view / "train.csv").rows["category"] == "rare").sum() == 1


def test_a_forward_split_never_predicts_the_past(tmp_path: Path) -> None:
    for kind in ("time folds", "time holdout"):
        made = _prepared(tmp_path / kind, kind) if (tmp_path / kind).mkdir() is None else None
        assert made is not None
        for part in [*made.parts, estimate_part(made.layout)]:
            assert part.inputs is not None
            assert read_table(part.fit / "train.csv").rows["day"].max() < made.inputs(part.inputs)["day"].min()


def test_interleaved_tails_lie_next_to_the_test_blocks(tmp_path: Path) -> None:
    made = _prepared(tmp_path, "interleaved time holdout")
    days: dict[str, list[pd.Timestamp]] = {}
    for name, part in (("select", made.parts[0]), ("report", estimate_part(made.layout))):
        assert part.inputs is not None
        times = pd.to_datetime(made.inputs(part.inputs)["datetime"])
        days[name] = list(times)
        assert times.dt.day.min() >= 13
        assert times.dt.day.max() == 19
    months = {name: {(time.year, time.month) for time in times} for name, times in days.items()}
    assert len(months["select"] | months["report"]) == 24
    assert not months["select"] & months["report"]


def test_given_files_are_the_parts(tmp_path: Path) -> None:
    made = _prepared(tmp_path, "files")
    assert made.made.withheld == {"select": 50, "report": 30}
    assert min(int(one) for one in labels_of(made.parts[0])["id"]) == 10_000
    assert not (made.layout.view / "later.csv").exists()
    assert not (made.layout.view / "last.csv").exists()


def test_further_files_go_with_every_view_but_not_those_that_hold_targets(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    (given / "data" / "images").mkdir()
    (given / "data" / "images" / "1.png").write_bytes(b"picture")
    tasks.numbers(400)[["id", "price"]].to_csv(given / "data" / "answers.csv", index=False)
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    made = prepare(given, layout)
    assert (layout.view / "images" / "1.png").read_bytes() == b"picture"
    assert (final_part(layout).fit / "images" / "1.png").is_file()
    assert not list(layout.folder.rglob("answers.csv"))
    assert any("answers.csv" in note for note in made.notes)
    assert made.profile.files == ("description.md", "images/1.png")
    assert set(made.data) == {"train.csv", "test.csv", "sample_submission.csv", "answers.csv", "images/1.png"}


def test_the_data_given_is_not_changed(tmp_path: Path) -> None:
    given = tasks.patients(tmp_path / "given")
    before = _bytes(given)
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    prepare(given, layout)
    assert _bytes(given) == before


def test_bad_input_leaves_nothing_behind(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    with pytest.raises(BadInput):
        prepare(tasks.houses(tmp_path / "given", target="nothing"), layout)
    assert not list(layout.folder.iterdir())


@pytest.mark.parametrize("ending", [".tsv", ".csv.gz", ".parquet"])
def test_parts_keep_the_format_of_the_data(tmp_path: Path, ending: str) -> None:
    given = tasks.houses(tmp_path / "given")
    for path in sorted((given / "data").glob("*.csv")):
        table = pd.read_csv(path)
        target = path.with_name(path.stem + ending)
        if ending == ".parquet":
            table.to_parquet(target)
        else:
            table.to_csv(target, index=False, sep="\t" if ending == ".tsv" else ",")
        path.unlink()
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    task = prepare(given, layout).task
    names = {f"train{ending}", f"test{ending}", f"sample_submission{ending}"}
    assert {task.train, task.test, task.sample_submission} == names
    for part in select_parts(layout, task):
        assert part.inputs is not None
        found = [read_table(path) for path in part.inputs.iterdir() if is_table(path)]
        assert {table.format for table in found} == {read_table(given / "data" / f"train{ending}").format}


def test_what_could_hold_labels_is_left_out_of_the_views(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    for name in ("train.zip", "labels.json", "all.xlsx", "stores.csv", "vocabulary.json", "train_1.png", "task.json"):
        (given / "data" / name).write_text("store,size\n1,2\n")
    (given / "data" / "old.csv").write_bytes(b"caf\xe9")
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    made = prepare(given, layout)
    assert made.profile.files == ("description.md", "stores.csv", "train_1.png", "vocabulary.json")
    assert sum("left out of the views" in note for note in made.notes) == 5


def test_views_never_share_a_file_with_the_data_given(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    (given / "data" / "1.png").write_bytes(b"picture")
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    prepare(given, layout)
    own = {path.stat().st_ino for path in given.rglob("*") if path.is_file()}
    assert not own & {path.stat().st_ino for path in layout.folder.rglob("*") if path.is_file()}


def test_what_makes_the_task_is_no_data_even_where_it_lies_beside(tmp_path: Path) -> None:
    data = tmp_path / "all"
    given = tasks.houses(tmp_path / "given")
    shutil.move(given / "data", data)
    shutil.copy(given / "description.md", data / "description.md")
    for name in ("task.yaml", "grade.py", "split.py"):
        (data / name).write_text("# mine\n")
    (given / "task.yaml").write_text(f"data: {data}\n")
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    made = prepare(given, layout)
    assert made.profile.files == ("description.md",)
    assert made.notes == ()


def test_a_check_says_what_preparation_would_and_writes_nothing(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    before = _bytes(given)
    task = check(given)
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    assert prepare(given, layout).task == task
    assert _bytes(given) == before
    (given / "task.yaml").write_text("metric: grade.py:f\ndirection: lower\n")
    (given / "grade.py").write_text("def f(truth, predicted):\n    raise OSError('disk')\n")
    with pytest.raises(BadInput, match=r"grade.py:f failed: OSError: disk"):
        check(given)
    assert _bytes(given).keys() - before.keys() == {"task.yaml", "grade.py"}
