"""How ids and labels are written and compared: a 1 read as a number and written as `1.0` is still the same class."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from activities.workspace.tables import Column

_POSITIVE = frozenset(["yes", "true", "y", "t", "1", "positive", "pos", "active", "present", "abnormal", "malignant"])
_DATE = re.compile(r"^\s*(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([ T]\d{1,2}:\d{2}.*)?\s*$")


def written(column: Column) -> list[str]:
    """Values as text: whole numbers without a point, times in ISO form, and True and False as pandas writes them."""
    if pd.api.types.is_bool_dtype(column):
        return [str(bool(value)) for value in column]
    if pd.api.types.is_numeric_dtype(column):
        return [_number(float(value)) if not isinstance(value, int) else str(value) for value in column.tolist()]
    texts = [str(value) for value in column.tolist()]
    lowered = {text.lower() for text in texts}
    return [text.lower().capitalize() for text in texts] if lowered <= {"true", "false"} else texts


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def ordered_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels, numbers by size and words by the alphabet; of two, the one that means yes is the second."""
    names = set(labels)
    numbers = [_as_number(name) for name in names]
    if all(number is not None for number in numbers):
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    ordered = sorted(names)
    if len(ordered) == 2 and ordered[0].lower() in _POSITIVE and ordered[1].lower() not in _POSITIVE:
        ordered.reverse()
    return tuple(ordered)


def label_codes(texts: Sequence[str], classes: Sequence[str]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Each text's place in `classes`, or -1; compared as text, then as a number, then without regard to true's case."""
    places = {name: place for place, name in enumerate(classes)}
    return np.array([_place(text, places) for text in texts], dtype=np.int64)


def _place(text: str, places: dict[str, int]) -> int:
    if text in places:
        return places[text]
    number = _as_number(text)
    if number is not None:
        return places.get(_number(number), -1)
    return places.get(text.capitalize(), -1) if text.lower() in ("true", "false") else -1


def _as_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def matched(expected: Sequence[str], found: Sequence[str]) -> list[str]:
    """`found` in the spelling of `expected` where a plain reading of numbers or times explains the difference."""
    if set(found) <= set(expected):
        return list(found)
    for spelling in (_by_number, _by_time):
        wanted = spelling(expected)
        said = spelling(found) if wanted is not None else None
        if wanted is None or said is None:
            continue
        names = dict(zip(wanted, expected, strict=True))
        if len(names) == len(expected):  # else two ids would fall together
            return [names.get(key, text) for key, text in zip(said, found, strict=True)]
    return list(found)


def _by_number(texts: Sequence[str]) -> list[str] | None:
    numbers = [_as_number(text) for text in texts]
    return (
        None
        if any(number is None for number in numbers)
        else [_number(number) for number in numbers if number is not None]
    )


def _by_time(texts: Sequence[str]) -> list[str] | None:
    times = as_times(pd.Series(list(texts), dtype=object))
    return None if times is None else [str(value) for value in times.tolist()]


def as_times(column: Column) -> Column | None:
    """The column as times if its values are written as dates; None if they are not."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.tz_localize(None) if column.dt.tz is not None else column
    if pd.api.types.is_numeric_dtype(column):
        return None
    known = column.dropna().astype(str)
    if known.empty or not known.head(200).str.match(_DATE).all():
        return None
    times = pd.to_datetime(column, errors="coerce", utc=True).dt.tz_localize(None)
    if times.isna().mean() > 0.01 + column.isna().mean():
        times = pd.to_datetime(column, errors="coerce", utc=True, format="mixed").dt.tz_localize(None)
    return times if times.isna().mean() <= 0.01 + column.isna().mean() else None
