"""The catalogue ranks what suits the data, and gives complete repositories."""

import ast
from pathlib import Path

import pytest
import yaml

from activities.knowledge import catalogue
from schemas.metric import Direction, Metric
from schemas.profile import ColumnProfile, DataProfile, TargetProfile
from schemas.task import Split, Task
from schemas.tool import KnowledgeEntry

RMSLE = Metric(name="rmsle", direction=Direction.LOWER, predicts="value")
ACCURACY = Metric(name="accuracy", direction=Direction.HIGHER, predicts="label")
NUMBER = ColumnProfile(name="x", kind="number", mean=2.0, unique=100)
NAMES = ("boosted", "linear", "extra_trees", "network", "kernel")


def _task(metric: Metric = RMSLE, **more: object) -> Task:
    fields = {
        "name": "t", "kind": "regression", "metric": metric, "split": Split(kind="random"), "train": "train.csv",
        "id": "id", "targets": ("y",), "prediction_columns": ("id", "y"), "rows": 5000,
    }  # fmt: skip
    return Task.model_validate(fields | more)


def _profile(*columns: ColumnProfile, rows: int = 5000, classes: int | None = None, **more: object) -> DataProfile:
    kind = "classes" if classes else "number"
    target = TargetProfile.model_validate({"name": "y", "kind": kind, "classes": classes, "nonnegative": True} | more)
    return DataProfile(rows=rows, test_rows=100, columns=columns, targets=(target,))


def _text_task() -> tuple[DataProfile, Task]:
    text = ColumnProfile(name="said", kind="text", mean_length=50)
    return _profile(text, classes=77), _task(ACCURACY, kind="multiclass", classes=tuple(f"c{n}" for n in range(77)))


def _names(entries: tuple[KnowledgeEntry, ...]) -> list[str]:
    return [entry.name for entry in entries if entry.fits]


def test_tables_begin_with_boosted_trees() -> None:
    assert _names(catalogue.entries(_profile(NUMBER), _task()))[0] == "boosted"


def test_texts_with_many_classes_leave_trees_out() -> None:
    found = _names(catalogue.entries(*_text_task()))
    assert set(found) == {"linear", "network"}


def test_few_molecules_begin_with_the_kernel() -> None:
    smiles = ColumnProfile(name="smiles", kind="sequence", alphabet="smiles")
    entries = catalogue.entries(_profile(NUMBER, smiles, rows=800), _task())
    assert entries[0].name == "kernel"
    assert entries[0].config["alphabets"] == {"smiles": "smiles"}


def test_ranks_count_what_fits_and_families_differ() -> None:
    entries = catalogue.entries(_profile(NUMBER), _task())
    assert [entry.rank for entry in entries if entry.fits] == list(range(1, len(_names(entries)) + 1))
    assert len({entry.family for entry in entries}) == len(entries)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_whole_repository(name: str) -> None:
    entry = catalogue.entry(name, _profile(NUMBER), _task())
    assert {"train.py", "inference.py", "learner.py", "config.yaml"} <= set(entry.files)
    own = {Path(path).stem for path in entry.files}
    for path, text in entry.files.items():
        if path.endswith(".py"):
            imported = _imports(text)
            assert not imported & {"activities", "schemas", "ops", "workflows"}
            assert imported & OURS <= own, f"{path} imports a module that {name} does not bring"
    assert yaml.safe_load(entry.files["config.yaml"]) == entry.config


OURS = {path.stem for path in (catalogue.FOLDER / "recipes").glob("*/*.py")}


def _imports(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_trial_changes_a_known_key(name: str) -> None:
    for profile, task in ((_profile(NUMBER), _task()), _text_task()):
        entry = catalogue.entry(name, profile, task)
        assert 4 <= len(entry.trials) <= 10
        allowed = {*entry.config, "note"}  # a tuner may change keys, and add or drop none
        for trial in entry.trials:
            assert trial["note"]
            assert set(trial) <= allowed
            assert any(entry.config.get(key) != value for key, value in trial.items() if key != "note")


def test_columns_that_say_nothing_of_new_rows_are_left_out() -> None:
    columns = (
        NUMBER,
        ColumnProfile(name="id", kind="id", unique=5000),
        ColumnProfile(name="y", kind="number"),
        ColumnProfile(name="fixed", kind="constant"),
        ColumnProfile(name="after", kind="number", in_test=False),
        ColumnProfile(name="shop", kind="category", unique=30, unseen_in_test=1.0),
        ColumnProfile(name="colour", kind="category", unique=3),
    )
    config = catalogue.entry("boosted", _profile(*columns), _task()).config
    assert (config["features_number"], config["features_category"]) == (["x"], ["colour"])


def test_an_id_that_is_a_time_is_a_feature_where_the_task_says_so() -> None:
    when = ColumnProfile(name="id", kind="date")
    for told, wanted in ((True, ["id"]), (False, [])):
        task = _task(id_is_feature=told, split=Split(kind="time", column="id"))
        assert catalogue.entry("boosted", _profile(NUMBER, when), task).config["features_date"] == wanted


def test_parts_are_used_only_if_they_add_up() -> None:
    for notes, wanted in ((("y is the sum of a and b",), ["a", "b"]), ((), [])):
        profile = _profile(NUMBER).model_copy(update={"notes": notes})
        assert catalogue.entry("boosted", profile, _task(train_only=("a", "b"))).config["parts"] == wanted


def test_validation_mirrors_the_split() -> None:
    for kind, column, wanted in (("group", "g", "group"), ("time", "when", "time"), ("random", None, "random")):
        task = _task(split=Split(kind=kind, column=column))
        config = catalogue.entry("linear", _profile(NUMBER), task).config
        assert (config["validation"], config["validation_column"]) == (wanted, column)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("imbalanced classes threshold", "imbalance"),
        ("SMILES molecules", "molecules"),
        ("hour weekday season dates", "time"),
        ("blending weights", "ensembling"),
        ("leakage in validation folds", "validation"),
    ],
)
def test_strategies_are_found_by_words(query: str, first: str) -> None:
    found = [entry for entry in catalogue.search(query, _profile(NUMBER), _task()) if entry.kind == "strategy"]
    assert found[0].name == first
    advice = catalogue.entry(first, _profile(NUMBER), _task())
    assert advice.files[f"{first}.md"].startswith("# ")


def test_an_empty_query_lists_everything() -> None:
    names = {entry.name for entry in catalogue.search("", _profile(NUMBER), _task())}
    assert {*NAMES, "blend", "validation", "text", "tables"} <= names


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        catalogue.entry("nothing", _profile(NUMBER), _task())
