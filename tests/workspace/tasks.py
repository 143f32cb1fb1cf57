"""Task folders of known shape, written in milliseconds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml


def write(
    folder: Path,
    train: pd.DataFrame | None = None,
    test: pd.DataFrame | None = None,
    sample: pd.DataFrame | None = None,
    /,
    *,
    description: str = "# A task\n",
    **keys: Any,
) -> Path:
    """A task folder with these tables; `keys` make its task.yaml."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "description.md").write_text(description, encoding="utf-8")
    for name, table in (("train", train), ("test", test), ("sample_submission", sample)):
        if table is not None:
            table.to_csv(folder / "data" / f"{name}.csv", index=False)
    if keys:
        (folder / "task.yaml").write_text(yaml.safe_dump(keys), encoding="utf-8")
    return folder


def numbers(rows: int, *, start: int = 0, seed: int = 0) -> pd.DataFrame:
    """id, two features, and a target that depends on them."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=rows), random.integers(0, 5, size=rows)
    return pd.DataFrame({"id": range(start, start + rows), "a": a.round(4), "b": b, "price": (a * 2 + b + 10).round(3)})


def houses(folder: Path, rows: int = 400, tests: int = 60, **keys: Any) -> Path:
    """A regression task with a test file and a sample submission."""
    test = numbers(tests, start=rows, seed=1).drop(columns="price")
    sample = pd.DataFrame({"id": test["id"], "price": 0.0})
    return write(folder, numbers(rows), test, sample, **keys)


def flowers(folder: Path, rows: int = 400, classes: tuple[str, ...] = ("rose", "lily", "iris"), **keys: Any) -> Path:
    """A classification task with a test file and a sample submission of labels."""
    train = numbers(rows).rename(columns={"price": "kind"})
    train["kind"] = [classes[row % len(classes)] for row in range(rows)]
    test = numbers(40, start=rows, seed=1).drop(columns="price")
    return write(folder, train, test, pd.DataFrame({"id": test["id"], "kind": classes[0]}), **keys)


def patients(folder: Path, rows: int = 600, **keys: Any) -> Path:
    """Ten visits per patient; the test file has other patients."""
    train, test = numbers(rows), numbers(100, start=rows, seed=1).drop(columns="price")
    train["patient"] = [f"p{row // 10}" for row in range(rows)]
    test["patient"] = [f"q{row // 10}" for row in range(100)]
    return write(folder, train, test, pd.DataFrame({"id": test["id"], "price": 0.0}), **keys)


def sales(folder: Path, days: int = 600, **keys: Any) -> Path:
    """A row a day; the test days come after all labelled ones."""
    table = numbers(days + 50)
    table["day"] = pd.date_range("2020-01-01", periods=days + 50).strftime("%Y-%m-%d")
    train, test = table.head(days), table.tail(50).drop(columns="price")
    return write(folder, train, test, pd.DataFrame({"id": test["id"], "price": 0.0}), **keys)


def bikes(folder: Path, months: int = 24, hours: int = 12, **keys: Any) -> Path:
    """Hourly rows; of every month the days from the 20th on are the test rows, and the time is the id."""
    times = pd.date_range("2011-01-01", periods=months * 31 * 24, freq="h")
    times = times[(times.year - 2011) * 12 + times.month <= months]
    times = times[times.hour < hours]
    random = np.random.default_rng(0)
    casual, registered = random.integers(0, 40, len(times)), random.integers(0, 200, len(times))
    table = pd.DataFrame(
        {
            "datetime": times.strftime("%Y-%m-%d %H:%M:%S"),
            "season": (times.month - 1) // 3 + 1,
            "holiday": (times.day_of_year % 50 == 0).astype(int),
            "temp": random.normal(20, 8, len(times)).round(2),
            "casual": casual,
            "registered": registered,
            "count": casual + registered,
        }
    )
    late = times.day > 19
    test = table[late].drop(columns=["casual", "registered", "count"])
    sample = pd.DataFrame({"datetime": test["datetime"], "count": 0})
    words = "# Bikes\n\nPredict `count`.\n\nMetric: root mean squared logarithmic error (RMSLE), lower is better.\n"
    return write(folder, table[~late], test, sample, description=words, **keys)


def intents(folder: Path, rows: int = 6_000, classes: int = 77) -> Path:
    """Short questions of many classes."""
    random = np.random.default_rng(0)
    words = np.array(["where", "is", "my", "card", "why", "was", "i", "charged", "twice", "how", "do", "top", "up"])
    texts = [" ".join(random.choice(words, 7)) for _ in range(rows + 300)]
    labels = [f"intent_{random.integers(classes)}" if row >= classes else f"intent_{row}" for row in range(rows)]
    train = pd.DataFrame({"id": range(rows), "text": texts[:rows], "category": labels})
    test = pd.DataFrame({"id": range(100_000, 100_300), "text": texts[rows:]})
    sample = pd.DataFrame({"id": test["id"], "category": "intent_1"})
    return write(folder, train, test, sample, description="# Intents\n\nMetric: accuracy, higher is better.\n")


def molecules(folder: Path, rows: int = 900) -> Path:
    """Molecules as SMILES strings, with test ids that go before the labelled ones."""
    random = np.random.default_rng(0)
    pieces = np.array(["C", "CC", "c1ccccc1", "C(=O)O", "N", "Cl", "C(C)C", "OC", "[nH]", "C#N"])
    smiles = ["C" + "".join(random.choice(pieces, 6)) for _ in range(rows + 200)]
    table = pd.DataFrame({"id": range(rows + 200), "weight": random.normal(200, 60, rows + 200).round(3)})
    table["log_solubility"] = random.normal(-3, 2, rows + 200).round(2)
    table["smiles"] = smiles
    train, test = table.iloc[200:], table.iloc[:200].drop(columns="log_solubility")
    sample = pd.DataFrame({"id": test["id"], "log_solubility": 0.0})
    words = "# Solubility\n\nMetric: root mean squared error, lower is better.\n"
    return write(folder, train, test, sample, description=words)
