"""The charts of scores: intervals side by side, and progress over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from activities.workspace.report import words
from activities.workspace.report.facts import Facts
from activities.workspace.report.history import Training
from activities.workspace.report.svg import (
    Scale,
    colour,
    cut,
    el,
    join,
    line,
    mark,
    padded,
    path,
    svg,
    text,
    tick_label,
    ticks,
    time_label,
    time_ticks,
)
from schemas.event import ChoiceMade
from schemas.metric import Direction, Metric, Score


@dataclass(frozen=True)
class Row:
    """One line of the chart of intervals; candidate 0 is the choice as a whole."""

    label: str
    note: str
    score: Score
    candidate: int


MOST = 20  # candidates with a line of their own among the intervals


def rows(facts: Facts, most: int = MOST) -> list[Row]:
    """So many candidates from the best down, then the choice on `select`, then on `report`."""
    best = [(line.number, line.family or line.approach, line.best.trial.score) for line in facts.lines if line.best]
    scored = [(number, family, score) for number, family, score in best if score]
    sign = -1 if scored and scored[0][2].metric.direction is Direction.HIGHER else 1
    found = [
        Row(f"Candidate {number}", family, score, number)
        for number, family, score in sorted(scored, key=lambda item: sign * item[2].value)[:most]
    ]
    if facts.choice:
        found.append(Row("Choice", "on “select”", facts.choice.score, 0))
    if facts.estimated and facts.estimated.score:
        found.append(Row("Choice", "on “report”", facts.estimated.score, 0))
    return found


def intervals(facts: Facts, width: float, name: str) -> Markup | None:
    """Dot and whiskers for each candidate's best trial and for the choice; None without any score."""
    shown = rows(facts)
    if not shown:
        return None
    left = 190.0 if width > 600 else 112.0
    right = 180.0 if width > 600 else 76.0
    step, top = 34.0, 12.0
    height = top + step * len(shown) + 44
    low, high = domain([row.score for row in shown])
    x = Scale(low, high, left, width - right)
    at = ticks(low, high, 6 if width > 600 else 3)
    bottom = top + step * len(shown)
    grid = [line(x(t), top, x(t), bottom, "grid") for t in at]
    labels = [text(x(t), bottom + 18, tick_label(t, at), "tick", "middle") for t in at]
    drawn = [_interval(row, top + step * (index + 0.5), x, width) for index, row in enumerate(shown)]
    metric = shown[0].score.metric
    caption = text((left + width - right) / 2, bottom + 38, _axis(metric), "axis", "middle")
    said = "; ".join(f"{r.label} {r.note}: {words.value(r.score)}, {words.interval(r.score)}" for r in shown)
    inside = (join(grid), join(labels), join(drawn), caption)
    title = f"{words.metric_name(metric)} with 95 % intervals"
    return svg(name, title, said, *inside, width=width, height=height, class_="chart")


def _interval(row: Row, y: float, x: Scale, width: float) -> Markup:
    score, class_ = row.score, colour(row.candidate)
    said = f"{row.label} {row.note}: {words.value(score)} ({words.interval(score)}), {score.rows:,} rows"
    wide = width > 600
    label = text(0, y - 2 if row.note else y + 4, row.label, "name")
    note = text(0, y + 12, cut(row.note, 30 if wide else 17), "note") if row.note else None
    whisker = line(x.clamp(score.low), y, x.clamp(score.high), y, f"whisker {class_}")
    dot = mark(x.clamp(score.value), y, row.candidate or 1, said, size=5.5)
    if not row.candidate:
        dot = el("circle", el("title", said), cx=x.clamp(score.value), cy=y, r=6.0, class_="mark full c0")
    beyond = " \N{RIGHTWARDS ARROW}" if score.value > x.high else " \N{LEFTWARDS ARROW}" if score.value < x.low else ""
    value = text(width - (104 if wide else 0), y + 4, words.value(score) + beyond, "value", "end")
    span = text(width, y + 4, words.interval(score), "note", "end") if wide else None
    return el("g", label, note, whisker, dot, value, span, data_c=row.candidate or None)


def _axis(metric: Metric) -> str:
    arrow = "→" if metric.direction is Direction.HIGHER else "←"
    return f"{words.metric_name(metric)} ({arrow} {words.direction(metric)})"


def domain(scores: Sequence[Score]) -> tuple[float, float]:
    """The range to show: all of it, unless one failure would squash what matters to a dot."""
    metric = scores[0].metric
    sign = 1 if metric.direction is Direction.LOWER else -1
    ordered = sorted(sign * score.value for score in scores)
    best, middle = ordered[0], ordered[len(ordered) // 2]
    widest = max(abs(score.high - score.low) for score in scores if sign * score.value <= middle)
    worst = best + max(4 * (middle - best), 4 * widest)
    kept = [score for score in scores if sign * score.value <= worst] if worst > best else list(scores)
    return padded([edge for score in kept for edge in (score.low, score.high, score.value)])


def progress(facts: Facts, width: float, name: str) -> Markup | None:
    """Every scored trial at its time, quick ones hollow, and the best so far as steps; None without any."""
    trials = [training for training in facts.trainings if training.trial.score]
    if not trials or not facts.started or not facts.until:
        return None
    plot = _Plot(facts, trials, facts.started, facts.until, width)
    inside = (*plot.frame(), *plot.bands(), plot.steps(), *plot.whiskers(), *plot.dots(), *plot.finish())
    best = facts.leader.best.trial.score if facts.leader and facts.leader.best else None
    said = (
        f"{len(trials)} scored trials of {len({t.candidate for t in trials})} candidates over {plot.span:.0f} seconds."
    )
    if best:
        said += f" Best: {words.value(best)}, candidate {facts.leader.number if facts.leader else ''}."
    return svg(name, "Score progress over time", said, *inside, width=width, height=plot.height, class_="chart")


class _Plot:
    """The frame and scales of the progress chart."""

    def __init__(self, facts: Facts, trials: list[Training], start: datetime, until: datetime, width: float) -> None:
        self.facts, self.trials, self.width = facts, trials, width
        self.height = 380.0 if width > 600 else 330.0
        self.start = start
        self.span = max(1.0, (until - start).total_seconds())
        scores = [training.trial.score for training in trials if training.trial.score]
        extra = [facts.choice.score] if facts.choice else []
        low, high = domain([*scores, *extra])
        self.metric = scores[0].metric
        self.bottom = self.height - 46
        self.x = Scale(0, self.span, 58, width - 18)
        self.y = Scale(low, high, self.bottom, 26)

    def at(self, moment: datetime) -> float:
        return self.x.clamp((moment - self.start).total_seconds())

    def frame(self) -> list[Markup]:
        levels = ticks(self.y.low, self.y.high, 6)
        times = time_ticks(self.span, 8 if self.width > 600 else 5)
        return [
            *(line(self.x.start, self.y(v), self.x.end, self.y(v), "grid") for v in levels),
            *(text(self.x.start - 8, self.y(v) + 4, tick_label(v, levels), "tick", "end") for v in levels),
            *(line(self.x(t), self.bottom, self.x(t), self.bottom + 5, "rule") for t in times),
            *(text(self.x(t), self.bottom + 20, time_label(t, self.span), "tick", "middle") for t in times),
            text(0, 12, f"{words.metric_name(self.metric)}, {words.direction(self.metric)}", "axis"),
            text(self.x.end, self.height - 6, "time into the run", "axis", "end"),
        ]

    def bands(self) -> list[Markup]:
        """Pauses as grey bands."""
        return [
            el(
                "rect",
                el("title", f"paused by {event.by}: {event.why}"),
                x=self.at(begun),
                y=26,
                width=max(1.0, self.at(ended) - self.at(begun)),
                height=self.bottom - 26,
                class_="pause",
            )
            for begun, ended, event in self.facts.pauses
        ]

    def steps(self) -> Markup:
        points: list[tuple[float, float]] = []
        best: Score | None = None
        for training in self.trials:
            score = training.trial.score
            if training.counts and score and score.beats(best):
                x, y = self.at(training.at), self.y.clamp(score.value)
                points += [(x, points[-1][1]), (x, y)] if points else [(x, y)]
                best = score
        for at, event in self.facts.all(ChoiceMade):
            if points and event.score.beats(best):
                x, y = self.at(at), self.y.clamp(event.score.value)
                points, best = [*points, (x, points[-1][1]), (x, y)], event.score
        return path([*points, (self.x.end, points[-1][1])], "best") if points else Markup("")

    def whiskers(self) -> list[Markup]:
        return [
            line(
                self.at(training.at),
                self.y.clamp(score.low),
                self.at(training.at),
                self.y.clamp(score.high),
                f"whisker thin {colour(training.candidate)}",
                data_c=training.candidate,
            )
            for training in self.trials
            if (score := training.trial.score) and training.counts
        ]

    def dots(self) -> list[Markup]:
        return [self._dot(training) for training in self.trials]

    def _dot(self, training: Training) -> Markup:
        score = training.trial.score
        assert score
        kind = "quick trial" if training.trial.quick else "trial"
        said = f"Candidate {training.candidate}, {kind}: {words.value(score)} ({words.interval(score)})"
        if training.trial.note:
            said += f"\n{training.trial.note}"
        if training.rejected:
            said += f"\nDoes not count: {training.rejected}"
        x, y = self.at(training.at), self.y.clamp(score.value)
        dot = mark(x, y, training.candidate, said, hollow=not training.counts)
        if self.y.low <= score.value <= self.y.high:
            return dot
        arrow = "\N{UPWARDS ARROW}" if score.value > self.y.high else "\N{DOWNWARDS ARROW}"
        beyond = text(x + 10, y + 4, f"{words.value(score)} {arrow}", "tick", data_c=training.candidate)
        return el("g", dot, beyond)

    def finish(self) -> list[Markup]:
        """The choice's score on `select`, where a blend made it another than the best trial's."""
        choice = self.facts.choice
        if not choice or len(choice.report.members) < 2:
            return []
        when = self.facts.all(ChoiceMade)[-1][0]
        x, y = self.at(when), self.y.clamp(choice.score.value)
        said = f"Blend: {words.value(choice.score)} ({words.interval(choice.score)})"
        star = el("circle", el("title", said), cx=x, cy=y, r=6.5, class_="mark full c0")
        return [star, text(x - 11, y + 4, "blend", "name", "end")]
