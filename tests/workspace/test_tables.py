"""Tables are read in every format, and written back as they were."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from activities.workspace.tables import read_table, write_table


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'id,text\n007,"a, b"\n008,"two\nlines"\n'),
        ("a.tsv", b"id\ttext\n007\ta, b\n008\tNA\n"),
        ("tabs.csv", b"id\ttext\n007\ta, b\n008\tNA\n"),
        ("semicolons.csv", b"id;text\n007;1,5\n008;2,5\n"),
        ("one.csv", b"id\n007\n008\n"),
        ("empty.csv", b"id,text\n007,\n008,1.10\n"),
    ],
)
def test_text_tables_come_back_byte_for_byte(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    table = read_table(tmp_path / name)
    assert table.rows["id"].tolist() == ["007", "008"]
    write_table(table, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


def test_gzip_is_read_and_written_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,a\n1,2\n"))
    table = read_table(tmp_path / "a.csv.gz")
    for name in ("one", "two"):
        write_table(table, tmp_path / name)
    assert gzip.decompress((tmp_path / "one").read_bytes()) == b"id,a\n1,2\n"
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "when": pd.to_datetime(["2020-01-01", "2020-01-02"]), "x": [0.5, None]})
    frame.to_parquet(tmp_path / "a.parquet")
    write_table(read_table(tmp_path / "a.parquet"), tmp_path / "b.parquet")
    assert pd.read_parquet(tmp_path / "b.parquet").dtypes.tolist() == frame.dtypes.tolist()


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfid,a\r\n1,2\r\n")
    table = read_table(tmp_path / "a.csv")
    assert table.columns == ["id", "a"]
    assert table.rows["a"].tolist() == ["2"]


def test_values_are_those_that_pandas_would_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,gaps,words,mixed\n1,1.5,a,1\n2,NA,,x\n")
    table = read_table(tmp_path / "a.csv")
    plain = pd.read_csv(tmp_path / "a.csv")
    assert table.typed["n"].tolist() == plain["n"].tolist()
    assert np.allclose(table.typed["gaps"].to_numpy(dtype=float), plain["gaps"], equal_nan=True)
    assert table.typed["words"].isna().tolist() == [False, True]
    assert table.typed["mixed"].tolist() == ["1", "x"]
