"""Learning curves: one small panel per candidate, of its best trial."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from activities.workspace.layout import Layout
from activities.workspace.report.facts import Facts, Line
from activities.workspace.report.record import Series, read_series
from activities.workspace.report.svg import (
    Scale,
    colour,
    cut,
    el,
    line,
    padded,
    path,
    svg,
    text,
    tick_label,
    ticks,
)

MOST_POINTS = 240  # of one drawn line
LONG = 6  # points that make a curve, rather than a few results
FEW = 6  # lines that can be told apart
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
    """The quantity that says most: a long series before a short one, then the task's own metric, then a loss."""
    series = [one for one in read_series(layout, job) if one.longest > 1]
    if not series:
        return None
    metric = facts.task.metric.name if facts.task else ""
    chosen = min(series, key=lambda one: (one.longest < LONG, _preference(one.name, metric), -one.longest)).name
    partner = "train" + chosen.removeprefix("valid") if chosen.startswith("valid") else None
    return Panel(
        candidate=line.number,
        family=line.family or line.approach,
        name=chosen,
        valid=tuple(one for one in series if one.name == chosen),
        train=tuple(one for one in series if one.name == partner),
    )


def _preference(name: str, metric: str) -> int:
    """Any other of what is validated stands behind a loss, and before what is trained on."""
    wanted = (f"valid_{metric}", "valid_loss", metric)
    if name in wanted:
        return wanted.index(name)
    return 10 if name.startswith("valid") else 20


def draw(panel: Panel, name: str) -> Markup:
    """One panel. Training is dashed, and cut off where it would flatten what is validated."""
    everything = [point for one in (*panel.valid, *panel.train) for run in one.runs for point in run]
    many = " many" if sum(len(one.runs) for one in panel.valid) > FEW else ""
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
        *_drawn(panel.train, x, y, f"curve train {colour(panel.candidate)}{many}"),
        *_drawn(panel.valid, x, y, f"curve valid {colour(panel.candidate)}{many}"),
    ]
    ends = ", ".join(f"{one.part} from {one.runs[0][0][1]:.4g} to {one.runs[0][-1][1]:.4g}" for one in panel.valid)
    title = f"Learning curves of candidate {panel.candidate}"
    said = f"{panel.name} by step: {ends}"
    return svg(name, title, said, *inside, width=WIDTH, height=HEIGHT, class_="chart panel")


def levels(panel: Panel) -> tuple[float, float]:
    """The range of what is validated, a wild beginning left out."""
    values = sorted(value for one in panel.valid for run in one.runs for _, value in run)
    low, high = values[int(len(values) * 0.02)], values[min(len(values) - 1, int(len(values) * 0.98))]
    train = [value for one in panel.train for run in one.runs for _, value in run]
    span = (high - low) or abs(high) or 1.0
    near = [value for value in train if low - 1.5 * span <= value <= high + 0.5 * span]
    return padded([low, high, *near])


def _drawn(series: Sequence[Series], x: Scale, y: Scale, class_: str) -> Iterator[Markup]:
    for run in (run for one in series for run in one.runs if len(run) > 1):
        stride = max(1, -(-len(run) // MOST_POINTS))
        points = [(x(step), y.clamp(value)) for step, value in (*run[::stride], run[-1])]
        yield path(points, class_)
        if len(run) < LONG:  # results rather than a curve
            yield from (el("circle", cx=px, cy=py, r=2.6, class_=f"mark full {class_.split()[2]}") for px, py in points)


def caption(panels: Sequence[Panel]) -> str:
    fits = max((sum(len(one.runs) for one in panel.valid) for panel in panels), default=0)
    each = " Each line is one fit, on a fold of “select” or a fold within the training." if fits > 1 else ""
    dashed = " Dashed lines are on the rows trained on." if any(panel.train for panel in panels) else ""
    return f"The best trial of each candidate, as its training code logged it.{each}{dashed}"
