"""Which of the files given agents and trainings see, and that preparation leaves the rest alone."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from activities.errors import BadInput
from activities.workspace.parts import final_part, select_parts
from activities.workspace.prepare import check, prepare
from activities.workspace.tables import is_table, read_table
from tests.workspace import tasks
from tests.workspace.prepared import files_of, new_run


def test_further_files_go_with_every_view_but_not_those_that_hold_targets(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    (given / "data" / "images").mkdir()
    (given / "data" / "images" / "1.png").write_bytes(b"picture")
    tasks.numbers(400)[["id", "price"]].to_csv(given / "data" / "answers.csv", index=False)
    layout = new_run(tmp_path)
    made = prepare(given, layout)
    assert (layout.view / "images" / "1.png").read_bytes() == b"picture"
    assert (final_part(layout).fit / "images" / "1.png").is_file()
    assert not list(layout.folder.rglob("answers.csv"))
    assert any("answers.csv" in note for note in made.notes)
    assert made.profile.files == ("description.md", "images/1.png")
    assert set(made.data) == {"train.csv", "test.csv", "sample_submission.csv", "answers.csv", "images/1.png"}


def test_the_data_given_is_not_changed(tmp_path: Path) -> None:
    given = tasks.patients(tmp_path / "given")
    before = files_of(given)
    layout = new_run(tmp_path)
    prepare(given, layout)
    assert files_of(given) == before


def test_bad_input_leaves_nothing_behind(tmp_path: Path) -> None:
    layout = new_run(tmp_path)
    with pytest.raises(BadInput):
        prepare(tasks.houses(tmp_path / "given", target="nothing"), layout)
    assert not [path for path in layout.folder.rglob("*") if path.is_file()]
    assert [path.name for path in layout.folder.iterdir()] == ["fences"]  # which attempt began last


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
    layout = new_run(tmp_path)
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
    layout = new_run(tmp_path)
    made = prepare(given, layout)
    assert made.profile.files == ("description.md", "stores.csv", "train_1.png", "vocabulary.json")
    assert sum("left out of the views" in note for note in made.notes) == 5


def test_views_never_share_a_file_with_the_data_given(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    (given / "data" / "1.png").write_bytes(b"picture")
    layout = new_run(tmp_path)
    prepare(given, layout)
    own = {path.stat().st_ino for path in given.rglob("*") if path.is_file()}
    assert not own & {path.stat().st_ino for path in layout.folder.rglob("*") if path.is_file()}


def test_a_link_within_the_data_is_followed_and_views_hold_a_file(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    (given / "data" / "first.png").write_bytes(b"picture")
    (given / "data" / "images").mkdir()
    (given / "data" / "images" / "1.png").symlink_to("../first.png")
    layout = new_run(tmp_path)
    prepare(given, layout)
    seen = layout.view / "images" / "1.png"
    assert (seen.read_bytes(), seen.is_symlink()) == (b"picture", False)


def test_what_makes_the_task_is_no_data_even_where_it_lies_beside(tmp_path: Path) -> None:
    data = tmp_path / "all"
    given = tasks.houses(tmp_path / "given")
    shutil.move(given / "data", data)
    shutil.copy(given / "description.md", data / "description.md")
    for name in ("task.yaml", "grade.py", "split.py"):
        (data / name).write_text("# mine\n")
    (given / "task.yaml").write_text(f"data: {data}\n")
    layout = new_run(tmp_path)
    made = prepare(given, layout)
    assert made.profile.files == ("description.md",)
    assert made.notes == ()


def test_a_check_says_what_preparation_would_and_writes_nothing(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    before = files_of(given)
    task = check(given)
    layout = new_run(tmp_path)
    assert prepare(given, layout).task == task
    assert files_of(given) == before
    (given / "task.yaml").write_text("metric: grade.py:f\ndirection: lower\n")
    (given / "grade.py").write_text("def f(truth, predicted):\n    raise OSError('disk')\n")
    with pytest.raises(BadInput, match=r"grade.py:f failed: OSError: disk"):
        check(given)
    assert files_of(given).keys() - before.keys() == {"task.yaml", "grade.py"}
