"""A candidate as the run's state knows it, its trials, and its place in a final choice."""

from typing import Literal

from schemas.base import Record, Short, Text
from schemas.metric import Score


class Trial(Record):
    """One training of a candidate. `score` is the scorer's; a `quick` trial is an early signal and never competes."""

    job: str
    revision: str  # commit that was trained, its config.yaml included
    score: Score | None = None
    quick: bool = False
    seconds: float = 0.0
    note: Short = ""  # what was changed, and why
    problem: Short | None = None


class Candidate(Record):
    """One line of work. `best` is its best verified full trial."""

    number: int
    approach: Short = ""
    family: Short = ""
    status: Literal["new", "designed", "coded", "trained", "discarded"] = "new"
    parents: tuple[tuple[int, str], ...] = ()  # (candidate, revision)
    revision: str | None = None
    best: Trial | None = None
    trials: int = 0
    designs: int = 0
    codes: int = 0
    tunes: int = 0
    failures: int = 0  # in a row
    stumbled: Short = ""  # the role that failed last, while that has not been made good
    stale: int = 0  # tunes in a row that did not improve it
    training_seconds: float = 0.0
    last: Text = ""  # the last report's summary or problem


class Member(Record):
    """A trained candidate in a final choice, with its weight."""

    candidate: int
    job: str
    revision: str
    weight: float = 1.0
