"""What charts are drawn with: escaped elements, scales, ticks and marks. Colours are the style sheet's."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from activities.workspace.report.words import clean

COLOURS = 8
SHAPES = ("circle", "square", "triangle", "diamond", "drop", "bar")


def el(tag: str, *inside: object, **attributes: object) -> Markup:
    """An element; `class_` is written `class`, `stroke_width` `stroke-width`, numbers short, all text escaped."""
    written = "".join(f' {_name(key)}="{_plain(value)}"' for key, value in attributes.items() if value is not None)
    content = "".join(escape(clean(item) if type(item) is str else item) for item in inside if item is not None)
    return Markup(f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>")  # noqa: S704 - escaped above


def join(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".rstrip("0").rstrip(".")
    return str(escape(clean(str(value))))


def svg(name: str, title: str, description: str, *inside: object, width: float, height: float, class_: str) -> Markup:
    """A chart that says what it is to those who cannot see it. `name` must be unique in the page."""
    return el(
        "svg",
        el("title", title, id=f"{name}-title"),
        el("desc", description, id=f"{name}-desc"),
        *inside,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_=class_,
    )


def text(x: float, y: float, words: object, class_: str = "", anchor: str | None = None, **more: object) -> Markup:
    return el("text", words, x=x, y=y, class_=class_ or None, text_anchor=anchor, **more)


def line(x1: float, y1: float, x2: float, y2: float, class_: str, **more: object) -> Markup:
    return el("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, **more)


def path(points: Sequence[tuple[float, float]], class_: str, **more: object) -> Markup:
    drawn = " ".join(f"{'M' if index == 0 else 'L'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(points))
    return el("path", d=drawn, class_=class_, **more)


def colour(candidate: int | None) -> str:
    """The class of a candidate's colour; 0 belongs to none."""
    return "c0" if not candidate else f"c{(candidate - 1) % COLOURS + 1}"


def mark(x: float, y: float, candidate: int, title: str, *, hollow: bool = False, size: float = 5.0) -> Markup:
    """A candidate's dot: shape and colour both tell whose it is."""
    shape = SHAPES[(candidate - 1) % len(SHAPES)]
    s = size
    outlines = {
        "square": [(-s, -s), (s, -s), (s, s), (-s, s)],
        "triangle": [(0, -1.25 * s), (1.2 * s, 0.9 * s), (-1.2 * s, 0.9 * s)],
        "diamond": [(0, -1.35 * s), (1.35 * s, 0), (0, 1.35 * s), (-1.35 * s, 0)],
        "drop": [(0, 1.25 * s), (1.2 * s, -0.9 * s), (-1.2 * s, -0.9 * s)],
        "bar": [(-1.3 * s, -0.6 * s), (1.3 * s, -0.6 * s), (1.3 * s, 0.6 * s), (-1.3 * s, 0.6 * s)],
    }
    class_ = f"mark {'hollow' if hollow else 'full'} {colour(candidate)}"
    if shape == "circle":
        return el("circle", el("title", title), cx=x, cy=y, r=s, class_=class_, data_c=candidate)
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in outlines[shape])
    return el("polygon", el("title", title), points=points, class_=class_, data_c=candidate)


def key(candidate: int) -> Markup:
    """A candidate's mark alone, for tables and legends."""
    shape = mark(7, 7, candidate, f"candidate {candidate}", size=4.6)
    return el("svg", shape, viewBox="0 0 14 14", width="14", height="14", class_="key", aria_hidden="true")


@dataclass(frozen=True)
class Scale:
    """Values onto pixels, straight."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)

    def clamp(self, value: float) -> float:
        return self(min(max(value, self.low), self.high))


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """The values' range with some air; never empty."""
    low, high = min(values), max(values)
    air = (high - low) * share or abs(high) * 0.05 or 0.5
    return low - air, high + air


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers inside the range, at most so many and one more."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    rough = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_label(value: float, among: Sequence[float]) -> str:
    """As many places as the steps between ticks need."""
    if abs(value) >= 1e6:
        return f"{value:.3g}"
    step = min((b - a for a, b in pairwise(among)), default=abs(value) or 1.0)
    places = next((n for n in range(7) if abs(round(step, n) - step) < step * 1e-6), 6)
    return f"{value:,.{places}f}".replace("-", "\N{MINUS SIGN}")


def time_ticks(seconds: float, most: int = 8) -> list[float]:
    """Round times from 0."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
    step = next((s for s in steps if seconds / s <= most), 86400 * math.ceil(seconds / 86400 / most))
    return [float(index * step) for index in range(math.floor(seconds / step) + 1)]


def time_label(value: float, longest: float) -> str:
    if longest >= 2 * 3600:
        return f"{value / 3600:g} h"
    if longest >= 120:
        return f"{value / 60:g} min"
    return f"{value:g} s"


def cut(words: str, most: int) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= most else flat[: max(1, most - 1)].rstrip() + "…"
