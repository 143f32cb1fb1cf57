"""Predicts the rows of a view: python inference.py --data VIEW --model MODEL --out predictions.csv"""

import argparse
from pathlib import Path

import joblib
import numpy as np

import decide
from tables import View


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--data", "--model", "--out"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    view, out = View.open(arguments.data), Path(arguments.out)
    content = joblib.load(Path(arguments.model) / "model.joblib")
    table = view.test()
    rows = content["columns"].transform(table)
    every = [member.predict(rows) for member in content["members"]]
    outputs = {name: np.mean([found[name] for found in every], axis=0) for name in every[0]}
    out.parent.mkdir(parents=True, exist_ok=True)
    decide.write(content["targets"], table[view.task["id"]], outputs, out)


if __name__ == "__main__":
    main()
