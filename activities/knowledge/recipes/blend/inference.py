"""Blends trained members: python inference.py --data VIEW --model MODEL --out predictions.csv

`blend.json` beside this file names the method and the members: {"method": "mean", "members": [{"candidate": 1,
"weight": 0.6}, ...]}. The code of member K lies in members/K, its model in MODEL/K. Each member predicts in a process
and a folder of its own; then predictions are joined: `mean` of numbers or probabilities, `rank` (mean of rank shares),
or `vote` of labels. With `mean` of two labels, `threshold` is the probability of the second from which on it is said.
Ranks are places among what a member predicted when it was scored, which `ranks.json` holds: of each row by itself.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--data", "--model", "--out"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    blend = json.loads((HERE / "blend.json").read_text(encoding="utf-8"))
    told = [place / "task.json" for place in (Path(arguments.data), HERE)]  # a view's own, else the package's
    task = json.loads(next(path for path in told if path.is_file()).read_text(encoding="utf-8"))
    members = blend["members"]
    weights = np.array([float(member["weight"]) for member in members])
    out = Path(arguments.out).resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        numbers = [int(member["candidate"]) for member in members]
        with ThreadPoolExecutor(2) as pool:
            folders = list(pool.map(lambda number: predict(number, arguments, Path(folder) / str(number)), numbers))
        shares = weights / weights.sum()
        if blend["method"] == "rank":
            join_ranks(folders, numbers, shares, task, out)
        else:
            join(folders, shares, blend["method"], blend.get("threshold"), task, out)


def predict(number: int, arguments: argparse.Namespace, folder: Path) -> Path:
    """One member's predictions, in a folder of its own; a member that fails ends the blend, with its own words."""
    folder.mkdir()
    code = HERE / "members" / str(number)
    command = [sys.executable, "inference.py", "--data", str(Path(arguments.data).resolve())]
    command += ["--model", str(Path(arguments.model).resolve() / str(number)), "--out", str(folder / "predictions.csv")]
    done = subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"member {number} failed:\n{done.stderr[-4000:]}")
    return folder


def join_ranks(folders: list[Path], members: list[int], shares: np.ndarray, task: dict, out: Path) -> None:
    """Of probabilities: each by its place in the member's own scale, rising with it."""
    scales = json.loads((HERE / "ranks.json").read_text(encoding="utf-8"))
    names = list(task["prediction_columns"])[1:]
    tables = [read(folder / "predictions.csv") for folder in folders]
    joined, found = tables[0].copy(), np.zeros((len(tables[0]), len(names)))
    for share, member, table in zip(shares, members, tables, strict=True):
        for place, name in enumerate(names):
            found[:, place] += share * np.interp(table[name].to_numpy(float), *scales[str(member)][name])
    if len(task["targets"]) == 1 and len(names) == 2:
        found[:, 0] = 1 - found[:, 1]
    elif len(task["targets"]) == 1 and len(names) > 2:
        found = found / found.sum(axis=1, keepdims=True)
    joined[names] = found
    joined[list(task["prediction_columns"])].to_csv(out, index=False)


def join(folders: list[Path], shares: np.ndarray, method: str, threshold: float | None, task: dict, out: Path) -> None:
    tables = [read(folder / "predictions.csv") for folder in folders]
    labels = task["metric"]["predicts"] == "label"
    names = list(task["prediction_columns"])[1:]
    joined = tables[0].copy()
    if labels and method == "mean":
        probabilities = mean([read(folder / "probabilities.csv") for folder in folders], shares)
        joined[names[0]] = label(probabilities, threshold, task)
        probabilities.to_csv(out.parent / "probabilities.csv", index=False)
    elif labels:
        for name in names:
            joined[name] = vote([table[name] for table in tables], shares)
    else:
        values = [table[names].to_numpy(float) for table in tables]
        found = sum(share * value for share, value in zip(shares, values, strict=True))
        for place, name in enumerate(names):
            joined[name] = found[:, place]
    joined[list(task["prediction_columns"])].to_csv(out, index=False)


def read(path: Path) -> pd.DataFrame:
    """As text, so that ids and labels stay as they were written."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def mean(tables: list[pd.DataFrame], shares: np.ndarray) -> pd.DataFrame:
    """The weighted mean of tables that have the same columns, perhaps in another order."""
    names = list(tables[0].columns)
    found = sum(share * table[names[1:]].to_numpy(float) for share, table in zip(shares, tables, strict=True))
    return pd.concat([tables[0][names[:1]], pd.DataFrame(found, columns=names[1:])], axis=1)


def label(probabilities: pd.DataFrame, threshold: float | None, task: dict) -> np.ndarray:
    """The likeliest class; with a threshold, the second of two from there on."""
    numbers = probabilities.iloc[:, 1:].to_numpy(float)
    names = np.array(probabilities.columns[1:], object)
    if threshold is None:
        return names[numbers.argmax(axis=1)]
    first, second = task["classes"]
    return np.where(numbers[:, list(names).index(second)] >= threshold, second, first)


def vote(columns: list[pd.Series], shares: np.ndarray) -> np.ndarray:
    """The label with most weight behind it; in a tie that of the member named first."""
    classes = sorted({label for column in columns for label in column})
    votes = np.zeros((len(columns[0]), len(classes)))
    for place, (column, share) in enumerate(zip(columns, shares, strict=True)):
        codes = column.map({label: code for code, label in enumerate(classes)}).to_numpy(int)
        votes[np.arange(len(codes)), codes] += share - place * 1e-9
    return np.array(classes, object)[votes.argmax(axis=1)]


if __name__ == "__main__":
    main()
