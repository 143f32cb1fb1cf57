"""From raw columns to typed ones. Row-wise: what a row becomes depends on that row and on the training rows alone."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse

import sequences

MISSING = {"", "na", "nan", "null", "none", "n/a", "nat", "<na>"}


@dataclass(frozen=True)
class Rows:
    """Typed columns of some rows.

    `numbers` are floats with NaN for missing; `categories` are codes, 0 for missing or never seen, with `sizes` the
    number of codes; `texts` are strings by column; `counts` is a sparse matrix of how often parts occur in sequences.
    """

    numbers: pd.DataFrame
    categories: pd.DataFrame
    sizes: dict[str, int]
    texts: dict[str, np.ndarray]
    counts: sparse.csr_matrix
    waves: pd.DataFrame = field(default_factory=pd.DataFrame)  # sine and cosine of times, for models that are not trees

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, index: np.ndarray) -> "Rows":
        return replace(
            self,
            numbers=self.numbers.iloc[index],
            categories=self.categories.iloc[index],
            texts={name: column[index] for name, column in self.texts.items()},
            counts=self.counts[index],
            waves=self.waves.iloc[index],
        )


class Columns:
    """Learns from the training rows what categories there are, when time begins, and which parts sequences have."""

    def __init__(self, config: dict) -> None:
        self.config = config
        self.vocabularies: dict[str, dict[str, int]] = {}
        self.dates: dict[str, DateColumn] = {}
        self.parts: dict[str, sequences.SequenceColumn] = {}

    def fit(self, table: pd.DataFrame) -> "Columns":
        for name in self.config["features_category"]:
            frequent = _category(table[name]).value_counts()
            kept = [value for value, rows in frequent.items() if value and rows >= 2][:5000]
            self.vocabularies[name] = {value: code for code, value in enumerate(kept, start=1)}
        for name in self.config["features_date"]:
            self.dates[name] = DateColumn().fit(table[name])
        for name in self.config["features_sequence"]:
            alphabet = self.config.get("alphabets", {}).get(name, "other")
            self.parts[name] = sequences.SequenceColumn(alphabet, self.config).fit(table[name])
        return self

    def transform(self, table: pd.DataFrame) -> Rows:
        numbers: dict[str, np.ndarray] = {name: _number(table[name]) for name in self.config["features_number"]}
        waves: dict[str, np.ndarray] = {}
        for name, date in self.dates.items():
            numbers |= {f"{name}_{part}": values for part, values in date.parts(table[name]).items()}
            waves |= {f"{name}_{part}": values for part, values in date.waves(table[name]).items()}
        texts = {name: table[name].astype(str).to_numpy(object) for name in self.config["features_text"]}
        for name, values in texts.items():
            numbers |= {f"{name}_{part}": found for part, found in _text_facts(values).items()}
        counts = []
        for name, part in self.parts.items():
            facts, found = part.transform(table[name])
            numbers |= {f"{name}_{fact}": values for fact, values in facts.items()}
            counts.append(found)
        codes = {name: _codes(table[name], known) for name, known in self.vocabularies.items()}
        index = pd.RangeIndex(len(table))
        return Rows(
            numbers=pd.DataFrame(numbers, index=index, dtype=float),
            categories=pd.DataFrame(codes, index=index, dtype=np.int32),
            sizes={name: len(known) + 1 for name, known in self.vocabularies.items()},
            texts=texts,
            counts=sparse.hstack(counts, format="csr") if counts else sparse.csr_matrix((len(table), 0)),
            waves=pd.DataFrame(waves, index=index, dtype=float),
        )


def _number(column: pd.Series) -> np.ndarray:
    plain = column.str.strip().str.lower().replace({"true": "1", "false": "0", "yes": "1", "no": "0"})
    numbers = pd.to_numeric(plain, errors="coerce").to_numpy(float, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _category(column: pd.Series) -> pd.Series:
    plain = column.str.strip()
    return plain.where(~plain.str.lower().isin(MISSING), "")


def _codes(column: pd.Series, known: dict[str, int]) -> np.ndarray:
    return _category(column).map(known).fillna(0).to_numpy(np.int32)


def _text_facts(values: np.ndarray) -> dict[str, np.ndarray]:
    """What is cheap to count in a text, and lost in a bag of words."""
    return {
        "characters": np.array([len(text) for text in values], float),
        "words": np.array([len(text.split()) for text in values], float),
        "capitals": np.array([sum(c.isupper() for c in text) / max(len(text), 1) for text in values]),
        "digits": np.array([sum(c.isdigit() for c in text) / max(len(text), 1) for text in values]),
        "marks": np.array([text.count("!") + text.count("?") for text in values], float),
    }


class DateColumn:
    """Calendar parts that vary in training, and the days since its first row."""

    def fit(self, column: pd.Series) -> "DateColumn":
        numbers = pd.to_numeric(column, errors="coerce")
        size = numbers.abs().median() if numbers.notna().mean() > 0.5 else 0
        self.unit = "ms" if size > 1e11 else "s" if size > 1e8 else None  # since 1970, where dates are numbers
        times = self._times(column)
        self.origin = times.min() if times.notna().any() else pd.Timestamp(0, tz="UTC")
        every = _calendar(times, self.origin)
        self.names = [name for name, values in every.items() if len(np.unique(values[~np.isnan(values)])) > 1]
        return self

    def parts(self, column: pd.Series) -> dict[str, np.ndarray]:
        every = _calendar(self._times(column), self.origin)
        return {name: every[name] for name in self.names}

    def waves(self, column: pd.Series) -> dict[str, np.ndarray]:
        """Each cycle as sine and cosine of its first harmonics, 0 where the date is missing."""
        every, found = self.parts(column), {}
        for name, length, harmonics in (("hour", 24, 4), ("weekday", 7, 2), ("dayofyear", 365.25, 3), ("month", 12, 1)):
            for times in range(1, harmonics + 1) if name in every else ():
                angle = 2 * np.pi * times * np.nan_to_num(every[name]) / length
                found[f"{name}_sin{times}"], found[f"{name}_cos{times}"] = np.sin(angle), np.cos(angle)
        return found

    def _times(self, column: pd.Series) -> pd.Series:
        if self.unit:
            return pd.to_datetime(pd.to_numeric(column, errors="coerce"), unit=self.unit, utc=True, errors="coerce")
        return pd.to_datetime(column, errors="coerce", format="mixed", utc=True)


def _calendar(times: pd.Series, origin: pd.Timestamp) -> dict[str, np.ndarray]:
    date = times.dt
    elapsed = (times - origin).dt.total_seconds() / 86400
    found = {
        "year": date.year,
        "month": date.month,
        "day": date.day,
        "weekday": date.weekday,
        "hour": date.hour + date.minute / 60,
        "dayofyear": date.dayofyear,
        "monthindex": date.year * 12 + date.month,
        "weekend": (date.weekday >= 5).astype(float).where(times.notna()),
        "elapsed": elapsed,
    }
    return {name: np.asarray(values, dtype=float) for name, values in found.items()}
