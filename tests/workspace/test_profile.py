"""The profile says what each column is, from the agents' view alone."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from schemas.profile import DataProfile
from tests.workspace import tasks


def profile(given: Path, folder: Path) -> DataProfile:
    layout = Layout(folder)
    layout.folder.mkdir()
    made = prepare(given, layout).profile
    assert DataProfile.model_validate(json.loads(layout.profile.read_text())) == made
    return made


def kinds(made: DataProfile) -> dict[str, str]:
    return {column.name: column.kind for column in made.columns}


def table(rows: int = 500) -> pd.DataFrame:
    random = np.random.default_rng(0)
    words = np.array(["the", "red", "house", "by", "a", "lake", "near", "town"])
    return tasks.numbers(rows).assign(
        city=random.choice(["Rome", "Oslo", "Bonn"], rows),
        built=pd.date_range("1990-01-01", periods=rows).strftime("%d/%m/%Y"),
        words=[" ".join(random.choice(words, 9)) for _ in range(rows)],
        dna=["".join(random.choice(list("ACGT"), 30)) for _ in range(rows)],
        protein=["".join(random.choice(list("ACDEFGHIKLMNPQRSTVWY"), 40)) for _ in range(rows)],
        code=[f"X{random.integers(10**9)}" for _ in range(rows)],
        same="always",
        sparse=np.where(random.random(rows) < 0.7, np.nan, 1.5 + random.random(rows)),
        flag=random.choice([True, False], rows),
    )


def test_columns_are_told_by_their_values(tmp_path: Path) -> None:
    made = profile(tasks.write(tmp_path / "given", table(), target="price"), tmp_path / "run")
    assert kinds(made) == {
        "id": "id",
        "a": "number",
        "b": "number",
        "city": "category",
        "built": "date",
        "words": "text",
        "dna": "sequence",
        "protein": "sequence",
        "code": "id",
        "same": "constant",
        "sparse": "number",
        "flag": "category",
    }
    by_name = {column.name: column for column in made.columns}
    assert (by_name["dna"].alphabet, by_name["protein"].alphabet) == ("dna", "protein")
    assert by_name["sparse"].missing == pytest.approx(0.7, abs=0.06)
    assert any(note.startswith("sparse") for note in made.notes)


def test_molecules_are_sequences(tmp_path: Path) -> None:
    made = profile(tasks.molecules(tmp_path / "given"), tmp_path / "run")
    smiles = next(column for column in made.columns if column.name == "smiles")
    assert (smiles.kind, smiles.alphabet) == ("sequence", "smiles")


def test_questions_are_text(tmp_path: Path) -> None:
    made = profile(tasks.intents(tmp_path / "given"), tmp_path / "run")
    assert kinds(made)["text"] == "text"
    (target,) = made.targets
    assert (target.kind, target.classes) == ("classes", 77)


def test_a_target_that_is_a_sum_is_noticed(tmp_path: Path) -> None:
    made = profile(tasks.bikes(tmp_path / "given"), tmp_path / "run")
    assert made.time_column == "datetime"
    assert made.train_only == ("casual", "registered")
    assert "count is the sum of casual and registered" in made.notes
    (target,) = made.targets
    assert (target.integer, target.nonnegative) == (True, True)


def test_only_rows_of_the_view_are_counted(tmp_path: Path) -> None:
    made = profile(tasks.houses(tmp_path / "given", rows=500), tmp_path / "run")
    assert made.rows == 450


def test_categories_that_only_test_rows_have_are_counted(tmp_path: Path) -> None:
    train = table().assign(city="Rome").drop(columns="built")
    train.loc[::2, "city"] = "Oslo"
    test = train.head(40).drop(columns="price").assign(id=range(1_000, 1_040), city=["Bonn"] * 10 + ["Rome"] * 30)
    made = profile(tasks.write(tmp_path / "given", train, test), tmp_path / "run")
    city = next(column for column in made.columns if column.name == "city")
    assert city.unseen_in_test == 0.25


def test_twenty_thousand_rows_take_little_time(tmp_path: Path) -> None:
    given = tasks.write(tmp_path / "given", table(20_000), target="price")
    started = time.monotonic()
    profile(given, tmp_path / "run")
    assert time.monotonic() - started < 15  # about 2 s alone; the bound leaves room for a busy machine


def test_the_task_is_told_in_its_authors_words(tmp_path: Path) -> None:
    words = "# Prices\n\nPredict what a house costs.\n"
    given = tasks.write(tmp_path / "given", table(), target="price", description=words)
    assert profile(given, tmp_path / "run").description == words
