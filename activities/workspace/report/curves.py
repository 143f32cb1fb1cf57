"""Learning curves: one small panel per candidate, of its best trial."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from activities.workspace.layout import Layout
from activities.workspace.report.facts import Facts, Line
from activities.workspace.report.record import Series, read_series
from activities.workspace.report.svg import (
    Scale,
    colour,
    cut,
    line,
    padded,
    path,
    svg,
    text,
    tick_label,
    ticks,
)

MOST_POINTS = 240  # of one drawn series
WIDTH, HEIGHT = 320.0, 220.0


@dataclass(frozen=True)
class Panel:
    """A candidate's curves: the validation series of each part, and the training series of the same quantity."""

    candidate: int
    family: str
    name: str
    valid: tuple[Series, ...]
    train: tuple[Series, ...]


def panels(facts: Facts, layout: Layout, lines: Sequence[Line] | None = None) -> list[Panel]:
    """One for each of the lines (else of all candidates) whose best trial logged a curve."""
    best = [(line, line.best.trial.job) for line in (facts.lines if lines is None else lines) if line.best]
    return [panel for line, job in best if (panel := _panel(facts, layout, line, job))]


def _panel(facts: Facts, layout: Layout, line: Line, job: str) -> Panel | None:
    """The quantity that says most: the task's own metric, else a loss, else whatever has most points."""
    series = [one for one in read_series(layout, job) if len(one.points) > 1]
    if not series:
        return None
    metric = facts.task.metric.name if facts.task else ""
    names = sorted({one.name for one in series}, key=lambda name: (_preference(name, metric), name))
    chosen = names[0]
    partner = "train" + chosen.removeprefix("valid") if chosen.startswith("valid") else None
    return Panel(
        candidate=line.number,
        family=line.family or line.approach,
        name=chosen,
        valid=tuple(one for one in series if one.name == chosen),
        train=tuple(one for one in series if one.name == partner),
    )


def _preference(name: str, metric: str) -> int:
    wanted = (f"valid_{metric}", "valid_loss", metric, "loss", f"train_{metric}", "train_loss")
    if name in wanted:
        return wanted.index(name)
    return 10 if name.startswith("valid") else 20


def draw(panel: Panel, name: str) -> Markup:
    """One panel. Training is dashed, and cut off where it would flatten what is validated."""
    everything = [point for one in (*panel.valid, *panel.train) for point in one.points]
    x = Scale(min(p[0] for p in everything), max(p[0] for p in everything), 52, WIDTH - 8)
    low, high = levels(panel)
    y = Scale(low, high, HEIGHT - 34, 40)
    across, steps = ticks(low, high, 4), ticks(x.low, x.high, 4)
    inside = [
        text(0, 12, f"Candidate {panel.candidate}", "name"),
        text(WIDTH - 8, 12, cut(panel.family, 30), "note", "end"),
        *(line(x.start, y(v), x.end, y(v), "grid") for v in across),
        *(text(46, y(v) + 4, tick_label(v, across), "tick", "end") for v in across),
        *(text(x(v), HEIGHT - 18, tick_label(v, steps), "tick", "middle") for v in steps),
        text(WIDTH - 8, HEIGHT - 3, "step", "tick", "end"),
        text(0, 27, panel.name, "tick"),
        *(_drawn(one, x, y, f"curve train {colour(panel.candidate)}") for one in panel.train),
        *(_drawn(one, x, y, f"curve valid {colour(panel.candidate)}") for one in panel.valid),
    ]
    ends = ", ".join(f"{one.part} from {one.points[0][1]:.4g} to {one.points[-1][1]:.4g}" for one in panel.valid)
    title = f"Learning curves of candidate {panel.candidate}"
    said = f"{panel.name} by step: {ends}"
    return svg(name, title, said, *inside, width=WIDTH, height=HEIGHT, class_="chart panel")


def levels(panel: Panel) -> tuple[float, float]:
    """The range of what is validated, a wild beginning left out."""
    values = sorted(value for one in panel.valid for _, value in one.points)
    low, high = values[int(len(values) * 0.02)], values[min(len(values) - 1, int(len(values) * 0.98))]
    train = [value for one in panel.train for _, value in one.points]
    span = (high - low) or abs(high) or 1.0
    near = [value for value in train if low - 1.5 * span <= value <= high + 0.5 * span]
    return padded([low, high, *near])


def _drawn(series: Series, x: Scale, y: Scale, class_: str) -> Markup:
    stride = max(1, -(-len(series.points) // MOST_POINTS))
    points = [*series.points[::stride], series.points[-1]]
    return path([(x(step), y.clamp(value)) for step, value in points], class_)


def caption(panels: Sequence[Panel]) -> str:
    folds = max((len(panel.valid) for panel in panels), default=0)
    each = f" Each thin line is one of {folds} folds." if folds > 1 else ""
    dashed = " Dashed lines are on the rows trained on." if any(panel.train for panel in panels) else ""
    return f"The best trial of each candidate, as its training code logged it.{each}{dashed}"
