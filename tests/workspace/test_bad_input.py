"""What bad input gets: an error that names the file, the column or the key, and what to do."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from activities.errors import BadInput
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from activities.workspace.settle import settle
from tests.workspace import tasks


def edit(folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    path = folder / "data" / f"{name}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)
    return folder


def no_data(folder: Path) -> None:
    (folder / "description.md").write_text("words alone")


def empty_file(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "train.csv").write_text("")


def header_only(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "test.csv").write_text("id,a,b\n")


def train_missing(folder: Path) -> None:
    tasks.houses(folder, train="houses.csv")


def target_missing(folder: Path) -> None:
    tasks.houses(folder, target="prise")


def id_missing(folder: Path) -> None:
    tasks.houses(folder, id="ID_")


def id_doubled(folder: Path) -> None:
    edit(tasks.houses(folder), "train", lambda table: table.assign(id=table["id"].clip(upper=300)))


def id_doubled_in_test(folder: Path) -> None:
    edit(tasks.houses(folder), "test", lambda table: table.assign(id=7))


def id_empty(folder: Path) -> None:
    edit(tasks.houses(folder), "train", lambda table: table.assign(id=table["id"].where(table.index != 3)))


def target_in_test(folder: Path) -> None:
    edit(tasks.houses(folder, target="price"), "test", lambda table: table.assign(price=1.0))


def target_in_test_unnamed(folder: Path) -> None:
    edit(tasks.houses(folder), "test", lambda table: table.assign(price=1.0))


def one_class(folder: Path) -> None:
    tasks.flowers(folder, classes=("rose",))


def too_few(folder: Path) -> None:
    tasks.houses(folder, rows=12)


def unknown_metric(folder: Path) -> None:
    tasks.houses(folder, metric="rmsel")


def undecodable(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "train.csv").write_bytes(b"id,a,b,price\n1,2,3,4\n2,caf\xe9,3,4\n")


def broken_gzip(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "train.csv").unlink()
    (folder / "data" / "train.csv.gz").write_bytes(b"\x1f\x8b\x08\x00broken")


def broken_parquet(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "train.csv").unlink()
    (folder / "data" / "train.parquet").write_bytes(b"PAR1 but not really")


def ragged(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "train.csv").write_text("id,a,b,price\n1,2,3,4\n2,2,3,4,5\n")


def ragged_throughout(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "train.csv").write_text("id,a,b,price\n1,2,3,4,5\n2,2,3,4,5\n")


def column_twice(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "train.csv").write_text("id,a,a,price\n1,2,3,4\n")


def sample_ids(folder: Path) -> None:
    edit(tasks.houses(folder), "sample_submission", lambda table: table.assign(id=table["id"] + 5))


def sample_columns(folder: Path) -> None:
    edit(tasks.houses(folder), "sample_submission", lambda table: table.rename(columns={"price": "cost"}))


def sample_without_id(folder: Path) -> None:
    edit(tasks.houses(folder), "sample_submission", lambda table: table.rename(columns={"id": "key"}).head(5))


def unknown_key(folder: Path) -> None:
    tasks.houses(folder, metrics="rmse")


def unknown_split_key(folder: Path) -> None:
    tasks.houses(folder, split={"kind": "random", "shares": 0.2})


def wrong_value(folder: Path) -> None:
    tasks.houses(folder, split={"select": 0.9})


def impossible_date(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "task.yaml").write_text("name: 2024-02-30\n")


def nested_without_end(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "task.yaml").write_text("name: " + "[" * 5_000)


def link_to_elsewhere(folder: Path) -> None:
    tasks.houses(folder)
    (folder.parent / "id_rsa").write_text("secret")
    (folder / "data" / "images").mkdir()
    (folder / "data" / "images" / "a.png").symlink_to(folder.parent / "id_rsa")


def folder_elsewhere(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "data" / "images").symlink_to("../..")


def table_elsewhere(folder: Path) -> None:
    (tasks.houses(folder) / "data" / "train.csv").rename(folder.parent / "train.csv")
    (folder / "data" / "train.csv").symlink_to(folder.parent / "train.csv")


def not_yaml(folder: Path) -> None:
    tasks.houses(folder)
    (folder / "task.yaml").write_text("target: [price\n")


def all_targets_missing(folder: Path) -> None:
    edit(tasks.houses(folder), "train", lambda table: table.assign(price=None))


def negative_rmsle(folder: Path) -> None:
    edit(tasks.houses(folder, metric="rmsle"), "train", lambda table: table.assign(price=table["price"] - 20))


def zero_mape(folder: Path) -> None:
    edit(
        tasks.houses(folder, metric="mape"),
        "train",
        lambda table: table.assign(price=table["price"].where(table.a < 0, 0)),
    )


def words_for_rmse(folder: Path) -> None:
    tasks.flowers(folder, metric="rmse")


def floats_for_accuracy(folder: Path) -> None:
    tasks.houses(folder, metric="accuracy")


def f1_of_three(folder: Path) -> None:
    tasks.flowers(folder, metric="f1")


def kappa_of_words(folder: Path) -> None:
    tasks.flowers(folder, metric="quadratic_weighted_kappa")


def no_target(folder: Path) -> None:
    tasks.write(folder, tasks.numbers(50).rename(columns={"price": "c"}))


def two_trains(folder: Path) -> None:
    tasks.houses(folder)
    tasks.numbers(50).to_csv(folder / "data" / "train_more.csv", index=False)
    (folder / "data" / "train.csv").rename(folder / "data" / "train_less.csv")


def own_metric_without_direction(folder: Path) -> None:
    tasks.houses(folder, metric="grade.py:cost")
    (folder / "grade.py").write_text("def cost(truth, predicted):\n    return 1.0\n")


def own_metric_missing(folder: Path) -> None:
    tasks.houses(folder, metric="grade.py:cost", direction="lower")


def group_column_missing(folder: Path) -> None:
    tasks.houses(folder, split={"kind": "group", "column": "c"})


def groups_too_few(folder: Path) -> None:
    edit(
        tasks.houses(folder, split={"kind": "group", "column": "b"}),
        "train",
        lambda table: table.assign(b=table["b"] % 2),
    )


def no_times(folder: Path) -> None:
    tasks.houses(folder, split={"kind": "time", "column": "a"})


def stratified_quantity(folder: Path) -> None:
    tasks.houses(folder, split="stratified")


def files_without_file(folder: Path) -> None:
    tasks.houses(folder, split="files")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (no_data, ["holds no data", "`data`"]),
        (empty_file, ["train.csv", "empty"]),
        (header_only, ["test.csv", "no rows"]),
        (train_missing, ["`train`", "houses.csv", "there is"]),
        (target_missing, ["`target`", "'prise'", "train.csv", "`price`"]),
        (id_missing, ["`id`", "'ID_'", "`id`"]),
        (id_doubled, ["train.csv", "duplicate ids", "'id'"]),
        (id_doubled_in_test, ["test.csv", "duplicate ids"]),
        (id_empty, ["train.csv", "line 5", "'id'"]),
        (target_in_test, ["test.csv", "'price'", "take it out"]),
        (target_in_test_unnamed, ["test.csv", "'price'", "take it out"]),
        (one_class, ["train.csv", "'kind'", "one class only", "'rose'"]),
        (too_few, ["train.csv", "12 labelled rows", "too few to split"]),
        (unknown_metric, ["`metric`", "'rmsel'", "`rmsle`", "`rmse`"]),
        (undecodable, ["train.csv", "line 3", "0xe9", "UTF-8"]),
        (broken_gzip, ["train.csv.gz", "gzip"]),
        (broken_parquet, ["train.parquet", "Parquet"]),
        (ragged, ["train.csv", "line 3"]),
        (ragged_throughout, ["train.csv", "line 2", "more fields"]),
        (column_twice, ["train.csv", "'a'", "more than once"]),
        (sample_ids, ["sample_submission.csv", "does not fit test.csv"]),
        (sample_columns, ["sample_submission.csv", "fits neither", "cost"]),
        (sample_without_id, ["sample_submission.csv", "fits neither", "test.csv"]),
        (unknown_key, ["task.yaml", "`metrics`", "`metric`"]),
        (unknown_split_key, ["task.yaml", "`split.shares`", "known are"]),
        (wrong_value, ["task.yaml", "`split.select`", "0.9"]),
        (not_yaml, ["task.yaml", "not valid YAML", "line"]),
        (impossible_date, ["task.yaml", "not valid YAML", "day is out of range"]),
        (nested_without_end, ["task.yaml", "not valid YAML"]),
        (link_to_elsewhere, ["images/a.png is a symbolic link to", "id_rsa, outside of the data", "remove the link"]),
        (folder_elsewhere, ["data/images is a symbolic link to", "outside of the data"]),
        (table_elsewhere, ["data/train.csv is a symbolic link to", "put there what it leads to"]),
        (all_targets_missing, ["train.csv", "price", "no row has a value"]),
        (negative_rmsle, ["train.csv", "price", "negative", "rmsle"]),
        (zero_mape, ["train.csv", "price", "zeros", "smape"]),
        (words_for_rmse, ["train.csv", "line 2", "'kind'", "'rose'", "rmse"]),
        (floats_for_accuracy, ["train.csv", "'price'", "no classes"]),
        (f1_of_three, ["`metric`", "f1_macro"]),
        (kappa_of_words, ["kind", "ordered numbers"]),
        (no_target, ["`target`", "c"]),
        (two_trains, ["train_less.csv", "train_more.csv", "`train`"]),
        (own_metric_without_direction, ["direction"]),
        (own_metric_missing, ["`metric`", "grade.py"]),
        (group_column_missing, ["`split.column`", "'c'"]),
        (groups_too_few, ["'b'", "too few"]),
        (no_times, ["`split.column`", "'a'", "times"]),
        (stratified_quantity, ["stratified", "random"]),
        (files_without_file, ["`split.select_file`"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_bad_input_is_named(tmp_path: Path, make: Callable[[Path], None], says: list[str]) -> None:
    make(tmp_path)
    with pytest.raises(BadInput) as error:
        settle(tmp_path)
    message = str(error.value)
    assert not [part for part in says if part not in message], message


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        settle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("grade", "says"),
    [
        ("def cost(truth, predicted):\n    return truth['cost'].sum()\n", "grade.py:cost failed: KeyError"),
        ("def other(truth, predicted):\n    return 1.0\n", "no function 'cost'"),
        ("import nothing_of_this_name\n", "cannot be loaded: ModuleNotFoundError"),
        ("def cost(truth, predicted):\n    return 1.0\nraise SystemExit\n", "cannot be loaded: SystemExit"),
        ("def cost(truth, predicted):\n    raise SystemExit\n", "grade.py:cost failed: SystemExit"),
        ("def cost(truth, predicted):\n    return float('nan')\n", "no finite number"),
    ],
)
def test_a_grade_that_does_not_work_is_found_before_anything_is_spent(tmp_path: Path, grade: str, says: str) -> None:
    given = tasks.houses(tmp_path / "given", metric="grade.py:cost", direction="lower")
    (given / "grade.py").write_text(grade)
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    with pytest.raises(BadInput) as error:
        prepare(given, layout)
    assert says in str(error.value)
    assert not [path for path in layout.folder.rglob("*") if path.is_file()]
