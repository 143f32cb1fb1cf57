"""Tables on disk: CSV, TSV, Parquet, and gzip of them.

Text tables are held as the strings that stand in the file, so that a part of a table is written back character by
character; `typed` gives the values as pandas would read them.
"""

import csv
import gzip
import io
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from activities.errors import BadInput

# what pandas reads as missing by default: candidates will read it the same way
MISSING = frozenset(
    [
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    ]
)
if TYPE_CHECKING:
    Column = pd.Series[Any]
else:
    Column = pd.Series  # not generic at run time
TEXT_ENDINGS = (".csv", ".tsv", ".tab")
PARQUET_ENDINGS = (".parquet", ".pq")
_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Format:
    """How a table is written: a table's parts are written the way the whole was."""

    kind: Literal["text", "parquet"] = "text"
    delimiter: str = ","
    gzipped: bool = False


@dataclass(frozen=True)
class Table:
    """A table as it stands in a file; `rows` are strings for text formats."""

    name: str
    rows: pd.DataFrame
    format: Format = field(default_factory=Format)

    @cached_property
    def typed(self) -> pd.DataFrame:
        """The values: numbers where a whole column is numeric, None or NaN where missing."""
        if self.format.kind == "parquet":
            return self.rows
        return pd.DataFrame({name: typed(self.rows[name]) for name in self.rows.columns}, index=self.rows.index)

    @property
    def columns(self) -> list[str]:
        return [str(name) for name in self.rows.columns]

    def take(self, mask: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> "Table":
        return Table(self.name, self.rows.loc[mask].reset_index(drop=True), self.format)

    def only(self, columns: Sequence[str]) -> "Table":
        return Table(self.name, self.rows[list(columns)], self.format)

    def without(self, columns: Sequence[str]) -> "Table":
        return self.only([name for name in self.columns if name not in set(columns)])

    def with_first(self, name: str, values: Sequence[object]) -> "Table":
        """With one more column, in front."""
        text = self.format.kind == "text"
        column = pd.Series([str(value) if text else value for value in values], index=self.rows.index, name=name)
        return Table(self.name, pd.concat([column, self.rows], axis=1), self.format)


def typed(column: Column) -> Column:
    """A column of strings as numbers if all that is not missing is numeric, else as strings and None."""
    missing = column.isin(MISSING)
    numbers = pd.to_numeric(column.where(~missing), errors="coerce")
    if bool((numbers.isna() == missing).all()) and not bool(missing.all()):
        return numbers
    return column.astype(object).where(~missing, None)


def is_table(path: Path) -> bool:
    return _plain_name(path).endswith(TEXT_ENDINGS + PARQUET_ENDINGS)


def stem(path: Path) -> str:
    """The file's name without its format's endings, in lower case."""
    return _plain_name(path).rsplit(".", 1)[0]


def read_table(path: Path) -> Table:
    """Reads a table; BadInput names the file, and the line where that helps."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    content = _content(path)
    if not content:
        raise BadInput(f"{path} is empty: give a table with a header line and rows")
    gzipped = content[:2] == b"\x1f\x8b"
    if gzipped:
        content = _unzipped(path, content)
    if _plain_name(path).endswith(PARQUET_ENDINGS) or content[:4] == b"PAR1":
        table = Table(path.name, _parquet(path, content), Format("parquet", gzipped=gzipped))
    else:
        table = _text_table(path, content, gzipped)
    if table.rows.empty:
        raise BadInput(f"{path} has a header but no rows")
    return table


def write_table(table: Table, path: Path) -> None:
    """Writes in the table's own format; the same rows give the same bytes."""
    if table.format.kind == "parquet":
        buffer = io.BytesIO()
        table.rows.to_parquet(buffer, index=False)
        content = buffer.getvalue()
    else:
        text = table.rows.to_csv(sep=table.format.delimiter, index=False, lineterminator="\n")
        content = text.encode()
    path.write_bytes(gzip.compress(content, mtime=0) if table.format.gzipped else content)


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


def _unzipped(path: Path, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} is not a whole gzip file ({error}): copy it again") from error


def _parquet(path: Path, content: bytes) -> pd.DataFrame:
    try:
        rows = pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these
        raise BadInput(f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}") from error
    rows.columns = [str(name) for name in rows.columns]
    return rows.reset_index(drop=True)


def _text_table(path: Path, content: bytes, gzipped: bool) -> Table:
    text = _decoded(path, content)
    delimiter, header = _header(path, text)
    try:
        rows = read_texts(io.StringIO(text), delimiter)
    except pd.errors.ParserWarning as error:
        raise BadInput(
            f"{path}, line 2: more fields than the header's {len(header)}: mend the header or the rows"
        ) from error
    except pd.errors.ParserError as error:
        raise BadInput(f"{path}: {str(error).strip()}: mend that line") from error
    return Table(path.name, rows, Format("text", delimiter, gzipped))


def read_texts(source: io.StringIO | Path, delimiter: str = ",") -> pd.DataFrame:
    """A text table as strings; ParserError or ParserWarning where rows have more fields than the header."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # else pandas drops fields, and goes on
        return pd.read_csv(
            source,
            sep=delimiter,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            index_col=False,
            encoding="utf-8-sig",
        )


def _decoded(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise BadInput(f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8: save the file as UTF-8") from error
    if not text.strip():
        raise BadInput(f"{path} is empty: give a table with a header line and rows")
    return text


def _header(path: Path, text: str) -> tuple[str, list[str]]:
    """Delimiter and column names; what the file is called does not decide, for TSV is often named .csv."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    splits = {delimiter: next(csv.reader([first], delimiter=delimiter)) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda one: len(splits[one]))
    names = [name.strip("\r") for name in splits[delimiter]]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadInput(f"{path}: column {repeated[0]!r} occurs more than once in the header: rename one")
    return delimiter, names
