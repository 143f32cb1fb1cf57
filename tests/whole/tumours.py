"""scikit-learn's breast cancer data as a task of a user: a description, and files."""

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

DESCRIPTION = """# Tumours

Each row describes the cell nuclei in an image of a breast mass. Predict `diagnosis`, which is `malignant` or `benign`.

Submissions are scored by accuracy.
"""


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labelled rows, and rows to predict with their answers."""
    found = load_breast_cancer(as_frame=True)
    table = found.data.rename(columns=lambda name: name.replace(" ", "_"))
    table.insert(0, "mass", range(1_000, 1_000 + len(table)))
    table["diagnosis"] = [str(found.target_names[value]) for value in found.target]
    labelled, asked = train_test_split(table, test_size=169, stratify=table["diagnosis"], random_state=0)
    return labelled, asked


def write(folder: Path) -> Path:
    data = folder / "data"
    data.mkdir(parents=True)
    labelled, asked = tables()
    labelled.to_csv(data / "train.csv", index=False)
    asked.drop(columns="diagnosis").to_csv(data / "test.csv", index=False)
    asked[["mass"]].assign(diagnosis="benign").to_csv(data / "sample_submission.csv", index=False)
    (folder / "description.md").write_text(DESCRIPTION, encoding="utf-8")
    return folder


def accuracy(submission: Path) -> float:
    """Of predictions for the rows to predict; asserts that there is one for each, in order."""
    _, asked = tables()
    given = pd.read_csv(submission)
    assert list(given.columns) == ["mass", "diagnosis"]
    assert given["mass"].tolist() == asked["mass"].tolist()
    return float((given["diagnosis"].to_numpy() == asked["diagnosis"].to_numpy()).mean())


def majority() -> float:
    """What always saying `benign` comes to."""
    _, asked = tables()
    return float((asked["diagnosis"] == "benign").mean())
