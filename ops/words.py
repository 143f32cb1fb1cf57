"""Words for people: nearest names, durations, money, scores."""

import difflib
from collections.abc import Iterable

from schemas.metric import Score


def nearest(word: str, known: Iterable[str]) -> str:
    """'did you mean ...?' for a misspelt word, or all that is known where nothing is near."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    return "did you mean " + " or ".join(close) + "?" if close else "known are " + ", ".join(names)


def duration(seconds: float) -> str:
    """48 s, 12 min 5 s, 3 h 20 min."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"


def money(dollars: float | None) -> str:
    """Dollars, where they are known: unknown is not zero."""
    return "unknown cost" if dollars is None else f"${dollars:.2f}"


def score(value: Score | None) -> str:
    """0.4041 [0.3932, 0.4150]."""
    return f"{value.value:.4g} [{value.low:.4g}, {value.high:.4g}]" if value else ""


def size(count: int) -> str:
    """Bytes of disk."""
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
