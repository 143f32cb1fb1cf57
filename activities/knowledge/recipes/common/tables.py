"""Tables of the view: CSV, TSV (also when named .csv), Parquet, and gzip of them."""

import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


def read_table(path: Path) -> pd.DataFrame:
    """Every column as text, so that labels such as `NA` or `01` stay as they were written; empty means missing."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:4] == b"PAR1":
        return _as_text(pd.read_parquet(io.BytesIO(data)))
    first = data.split(b"\n", 1)[0]
    separator = max((",", "\t", ";"), key=lambda mark: first.count(mark.encode()))
    return pd.read_csv(io.BytesIO(data), sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """A Parquet file's typed columns, written as a CSV file would hold them."""
    return pd.DataFrame({name: frame[name].map(_written).fillna("").astype(str) for name in frame.columns})


def _written(value: object) -> str:
    """An integer that is a float only because others of its column are missing is written as an integer."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or value is pd.NaT or value != value else str(value)


@dataclass(frozen=True)
class View:
    """A folder in the task's own layout, with the settled task in `task.json`."""

    folder: Path
    task: dict

    @classmethod
    def open(cls, folder: str) -> "View":
        return cls(Path(folder), task_of(Path(folder)))

    def train(self) -> pd.DataFrame:
        return read_table(self.folder / self.task["train"])

    def test(self) -> pd.DataFrame:
        path = self.folder / (self.task.get("test") or "test.csv")
        if not path.is_file():
            raise SystemExit(f"{path} is not there: put the rows to predict under this name")
        return read_table(path)


def task_of(folder: Path) -> dict:
    """The folder's own `task.json`, else the one of the package that this code was delivered in."""
    here = Path(__file__).resolve().parent
    places = (folder, here, here.parent.parent)  # a blend's members lie in members/K of their package
    for place in places:
        if (place / "task.json").is_file():
            return json.loads((place / "task.json").read_text(encoding="utf-8"))
    raise SystemExit(f"task.json is neither in {folder} nor beside {Path(__file__).name}")
