"""What looking at a table tells: the structured facts that designs rest on."""

from typing import Literal

from pydantic import Field

from schemas.base import Record

ColumnKind = Literal["number", "category", "date", "text", "sequence", "id", "constant"]


class ColumnProfile(Record):
    """One column of the training table.

    `sequence` is a string over a small alphabet without words, such as a SMILES string, a protein or DNA.
    """

    name: str
    kind: ColumnKind
    missing: float = 0.0  # share of rows
    unique: int = 0
    examples: tuple[str, ...] = ()  # up to 3, each cut at 80 characters
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    skew: float | None = None
    mean_length: float | None = None  # characters, for text and sequence
    alphabet: Literal["smiles", "dna", "protein", "other"] | None = None
    in_test: bool = True
    unseen_in_test: float | None = None  # share of test rows whose category never occurs in train


class TargetProfile(Record):
    name: str
    kind: Literal["classes", "number"]
    classes: int | None = None
    smallest_class: int | None = None  # rows
    largest_share: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    skew: float | None = None
    integer: bool = False
    nonnegative: bool = False


class DataProfile(Record):
    """Facts of the training view (never of withheld rows) and of the test inputs."""

    rows: int
    test_rows: int
    columns: tuple[ColumnProfile, ...]
    targets: tuple[TargetProfile, ...]
    train_only: tuple[str, ...] = ()
    duplicates: int = 0
    group_column: str | None = None
    time_column: str | None = None
    files: tuple[str, ...] = ()  # further files of the view, such as pictures; at most 50 names
    notes: tuple[str, ...] = Field(default=(), description="findings in words")
    description: str = Field(default="", description="the task in its author's words, its beginning where it is long")
