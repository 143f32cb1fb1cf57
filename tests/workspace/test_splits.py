"""What holds for one kind of split: which rows may be parted, and which are withheld."""

from pathlib import Path

import pandas as pd

from activities.workspace.parts import estimate_part
from activities.workspace.prepare import prepare
from activities.workspace.tables import read_table
from tests.workspace import tasks
from tests.workspace.prepared import labels_of, new_run, prepare_kind


def test_another_seed_withholds_other_rows(tmp_path: Path) -> None:
    given = tasks.houses(tmp_path / "given")
    drawn = []
    for seed in (0, 1):
        layout = new_run(tmp_path / str(seed))
        prepare(given, layout, seed=seed)
        drawn.append(set(labels_of(estimate_part(layout))["id"]))
    assert drawn[0] != drawn[1]


def test_groups_are_never_parted(tmp_path: Path) -> None:
    made = prepare_kind(tmp_path, "group folds")
    for part in [*made.parts, estimate_part(made.layout)]:
        assert part.inputs is not None
        predicted = set(made.inputs(part.inputs)["patient"])
        assert not predicted & set(read_table(part.fit / "train.csv").rows["patient"])


def test_strata_keep_the_shares_of_the_classes(tmp_path: Path) -> None:
    made = prepare_kind(tmp_path, "stratified folds")
    for part in [*made.parts, estimate_part(made.layout)]:
        shares = labels_of(part)["kind"].value_counts(normalize=True)
        assert shares.min() > 0.3


def test_strata_of_several_targets_are_their_combinations(tmp_path: Path) -> None:
    train = tasks.numbers(400).drop(columns="price")
    train["toxic"], train["rude"] = train.index % 2, (train.index // 2) % 2
    layout = new_run(tmp_path)
    prepare(tasks.write(tmp_path / "given", train, target=["toxic", "rude"], metric="roc_auc"), layout)
    report = labels_of(estimate_part(layout))
    assert report.groupby(["toxic", "rude"]).size().tolist() == [10, 10, 10, 10]


def test_a_class_of_one_row_stays_where_it_can_be_learnt_from(tmp_path: Path) -> None:
    given = tasks.intents(tmp_path / "given")
    path = given / "data" / "train.csv"
    table = pd.read_csv(path)
    table.loc[5, "category"] = "rare"
    table.to_csv(path, index=False)
    layout = new_run(tmp_path)
    prepare(given, layout)
    assert (read_table(layout.view / "train.csv").rows["category"] == "rare").sum() == 1


def test_a_forward_split_never_predicts_the_past(tmp_path: Path) -> None:
    for kind in ("time folds", "time holdout"):
        made = prepare_kind(tmp_path / kind, kind)
        for part in [*made.parts, estimate_part(made.layout)]:
            assert part.inputs is not None
            assert read_table(part.fit / "train.csv").rows["day"].max() < made.inputs(part.inputs)["day"].min()


def test_interleaved_tails_lie_next_to_the_test_blocks(tmp_path: Path) -> None:
    made = prepare_kind(tmp_path, "interleaved time holdout")
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
    made = prepare_kind(tmp_path, "files")
    assert made.made.withheld == {"select": 50, "report": 30}
    assert min(int(one) for one in labels_of(made.parts[0])["id"]) == 10_000
    assert not (made.layout.view / "later.csv").exists()
    assert not (made.layout.view / "last.csv").exists()
