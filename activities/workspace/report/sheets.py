"""The pages of the paper: each a function from facts to figures."""

import textwrap
from collections.abc import Sequence
from functools import cache

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from activities.workspace.layout import Layout
from activities.workspace.report import costs, curves, timeline, verdict, words
from activities.workspace.report.facts import Facts, Line
from activities.workspace.report.history import Turn
from activities.workspace.report.scores import Row, domain, rows
from activities.workspace.report.svg import COLOURS, cut, time_label, time_ticks
from schemas.event import ChoiceMade
from schemas.metric import Score

A4 = (8.27, 11.69)
INK, SOFT, FAINT = "#16191d", "#59616c", "#e3e6ea"
PALETTE = ("#0b6bb5", "#d1541c", "#0a8f6a", "#a0529c", "#b98900", "#3a9bd6", "#8a3b2e", "#5b6776")
MARKERS = ("o", "s", "^", "D", "v", "_")
TONES = {"good": "#0a7d57", "doubtful": "#9a6700", "bad": "#b3261e", "open": "#0b5cad"}
LEADING = 1.3
MOST_ROWS, LINES = 14, 48


def hue(candidate: int | None) -> str:
    return PALETTE[(candidate - 1) % COLOURS] if candidate else INK


def plain(text: str) -> str:
    """Text that matplotlib sets as it stands: no formulas, and a square for what its font lacks."""
    known = _charmap()
    shown = "".join(one if one == "\n" or ord(one) in known else "\N{WHITE SQUARE}" for one in words.clean(text))
    return shown.replace("$", r"\$")


@cache
def _charmap() -> frozenset[int]:
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def summary(facts: Facts) -> Figure:
    """Verdict, score, banners, intervals and progress."""
    sheet, found = Figure(figsize=A4), verdict.verdict(facts)
    sheet.text(0.08, 0.945, plain(cut(facts.name, 46)), fontsize=21, weight="bold", color=INK)
    begun = f", {words.moment(facts.started)}" if facts.started else ""
    sheet.text(0.08, 0.925, plain(f"Run {facts.run}{begun}"), fontsize=8.5, color=SOFT)
    sheet.text(0.08, 0.897, found.word, fontsize=12, weight="bold", color=TONES[found.tone])
    paragraph(sheet, 0.878, [found.sentence], 8.5)
    _figures(sheet, facts)
    notes = [verdict.engine(facts), verdict.sandbox(facts.prepared)[1], verdict.network(facts)]
    notes.append(verdict.refit_note(facts) if facts.choice else "")
    paragraph(sheet, 0.752, [note for note in notes if note], 8.5)
    if shown := rows(facts, MOST_ROWS):
        _intervals(sheet.add_axes((0.27, 0.45, 0.51, 0.19)), shown)
        _progress(sheet.add_axes((0.13, 0.09, 0.79, 0.27)), facts)
    else:
        sheet.text(0.08, 0.55, "No training was scored.", fontsize=10, color=SOFT)
    return sheet


def _figures(sheet: Figure, facts: Facts) -> None:
    score, total = verdict.headline(facts), costs.total(facts)
    time = (facts.until - facts.started).total_seconds() if facts.until and facts.started else 0.0
    under = f"{words.metric_name(score.metric)} on {score.split}, {words.interval(score)}" if score else ""
    select = words.value(facts.choice.score) if facts.choice else "none"
    cells = (
        (words.value(score) if score else "no score", under),
        (select, f"on select, {words.plural(facts.looks + facts.blends_looked_at, 'look')}"),
        (words.duration(time), "of wall time"),
        (words.dollars(total.spend.dollars), words.plural(total.spend.usage.tokens, "token")),
    )
    for left, (big, small) in zip((0.08, 0.42, 0.6, 0.78), cells, strict=True):
        sheet.text(left, 0.815, plain(big), fontsize=15, weight="bold", color=INK)
        sheet.text(left, 0.797, plain(small), fontsize=7.5, color=SOFT)


def paragraph(sheet: Figure, top: float, paragraphs: Sequence[str], size: float) -> float:
    """Sets paragraphs and returns where the next would begin."""
    for paragraph in paragraphs:
        lines = textwrap.wrap(paragraph, 118)[:6]
        sheet.text(0.08, top, plain("\n".join(lines)), fontsize=size, color=INK, va="top", linespacing=1.4)
        top -= 0.0148 * len(lines) + 0.006
    return top


def _intervals(axes: Axes, shown: list[Row]) -> None:
    low, high = domain([row.score for row in shown])
    for place, row in enumerate(reversed(shown)):
        score, colour = row.score, hue(row.candidate)
        axes.plot([max(low, score.low), min(high, score.high)], [place, place], color=colour, alpha=0.5, lw=1.8)
        marker = MARKERS[(row.candidate - 1) % len(MARKERS)] if row.candidate else "o"
        axes.plot([min(max(score.value, low), high)], [place], marker, color=colour, ms=5.5)
        axes.text(1.03, place, words.value(score), transform=axes.get_yaxis_transform(), fontsize=8, va="center")
    axes.set_yticks(range(len(shown)), [plain(f"{r.label}  {cut(r.note, 16)}") for r in reversed(shown)], fontsize=8)
    axes.set_xlim(low, high)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    metric = shown[0].score.metric
    _dress(axes, f"{words.metric_name(metric)} with 95 % intervals, {words.direction(metric)}", "x")


def _progress(axes: Axes, facts: Facts) -> None:
    whole = timeline.span(facts)
    scored = [(t, t.trial.score) for t in facts.trainings if t.trial.score]
    low, high = domain([score for _, score in scored] or [row.score for row in rows(facts)])
    best: Score | None = None
    steps: list[tuple[float, float]] = []
    for training, score in scored:
        at, value = timeline.seconds(facts, training.at), min(max(score.value, low), high)
        colour, full = hue(training.candidate), training.counts
        if full:
            axes.plot([at, at], [max(low, score.low), min(high, score.high)], color=colour, alpha=0.35, lw=1)
        marker = MARKERS[(training.candidate - 1) % len(MARKERS)]
        face = colour if full else "white"
        axes.plot([at], [value], marker, color=colour, mfc=face, ms=5, zorder=3, clip_on=False)
        if full and score.beats(best):
            best = score
            steps.append((at, value))
    for moment, event in facts.all(ChoiceMade):
        if steps and event.score.beats(best):
            best, at = event.score, timeline.seconds(facts, moment)
            steps.append((at, min(max(best.value, low), high)))
            axes.plot(*[[part] for part in steps[-1]], "o", color=INK, ms=6, zorder=3)
    if steps:
        line = [*steps, (whole, steps[-1][1])]
        axes.step([x for x, _ in line], [y for _, y in line], where="post", color=INK, lw=1.2, zorder=2)
    axes.set_ylim(low, high)
    _time_axis(axes, whole)
    _dress(axes, "Every trial by time; hollow ones do not compete; the line is the best so far", "y")


def work(facts: Facts, layout: Layout) -> list[Figure]:
    """Candidates with their curves, and who worked when."""
    if not facts.lines:
        return []
    sheet = Figure(figsize=A4)
    sheet.text(0.08, 0.945, "Candidates", fontsize=14, weight="bold", color=INK)
    top = _candidates(sheet, facts)
    fit = 3 * int((top - 0.44) // 0.13)
    _curves(sheet, curves.panels(facts, layout, _foremost(facts))[:fit], top - 0.04, top - 0.47)
    sheet.text(0.08, 0.372, "Timeline", fontsize=14, weight="bold", color=INK)
    _timeline(sheet.add_axes((0.19, 0.08, 0.73, 0.27)), facts)
    return [sheet]


def _foremost(facts: Facts) -> list[Line]:
    """As many candidates as the page holds: those chosen, then the best, in order of their numbers."""
    standing = {row.candidate: place for place, row in enumerate(rows(facts, len(facts.lines)))}
    ranked = sorted(facts.lines, key=lambda line: (line.status != "chosen", standing.get(line.number, 10**6)))
    return sorted(ranked[:MOST_ROWS], key=lambda line: line.number)


def _candidates(sheet: Figure, facts: Facts) -> float:
    top = 0.922
    if len(facts.lines) > MOST_ROWS:
        note = f"{MOST_ROWS} of {len(facts.lines)}; all are in report.html"
        sheet.text(0.92, 0.945, note, fontsize=8, color=SOFT, ha="right")
    for line in _foremost(facts):
        best = line.best.trial.score if line.best else None
        sheet.text(
            0.08,
            top,
            f"{line.number}",
            fontsize=8,
            weight="bold",
            color=hue(line.number),
            va="top",
            linespacing=LEADING,
        )
        about = f"{line.family}: {line.approach}" if line.family else line.approach or "no design"
        why = f" Discarded: {line.discarded}" if line.discarded else ""
        told = textwrap.wrap(plain(about + "." + why), 74)[:2]
        sheet.text(0.11, top, "\n".join(told), fontsize=8, va="top", color=INK, linespacing=LEADING)
        sheet.text(0.66, top, line.status, fontsize=8, va="top", color=SOFT, linespacing=LEADING)
        shown = f"{words.value(best)}  ({words.interval(best)})" if best else "no score"
        sheet.text(0.92, top, shown, fontsize=8, va="top", ha="right", color=INK, linespacing=LEADING)
        top -= 0.0135 * len(told) + 0.011
    return top


def _curves(sheet: Figure, panels: list[curves.Panel], top: float, room: float) -> None:
    columns = 3
    count = max(1, -(-len(panels) // columns))
    height = min(0.15, room / count - 0.06)
    for index, panel in enumerate(panels):
        left, down = 0.11 + 0.285 * (index % columns), top - height - (index // columns) * (height + 0.06)
        axes = sheet.add_axes((left, down, 0.225, height))
        for series, style in ((panel.train, "--"), (panel.valid, "-")):
            for run in (run for one in series for run in one.runs):
                axes.plot([x for x, _ in run], [y for _, y in run], style, color=hue(panel.candidate), lw=0.7)
        axes.set_ylim(*curves.levels(panel))
        _dress(axes, plain(f"Candidate {panel.candidate}, {panel.name}"), "y")


def _timeline(axes: Axes, facts: Facts) -> None:
    lanes = timeline.lanes(facts)
    shades = {"designer": 0.35, "coder": 0.6, "setup": 0.5, "turn": 0.5, "job": 0.75}
    whole = timeline.span(facts)
    for place, lane in enumerate(reversed(lanes)):
        for bar in lane.bars:
            alpha = next((shade for name, shade in shades.items() if name in bar.class_.split()), 0.9)
            width = max(whole / 500, bar.end - bar.start)
            axes.barh(place, width, left=bar.start, height=0.62, color=hue(bar.candidate), alpha=alpha, lw=0)
    for begun, ended, _ in facts.pauses:
        axes.axvspan(timeline.seconds(facts, begun), timeline.seconds(facts, ended), color=SOFT, alpha=0.15, lw=0)
    axes.set_yticks(range(len(lanes)), [plain(lane.label) for lane in reversed(lanes)])
    _time_axis(axes, whole)
    idle = timeline.idle(facts)
    _dress(axes, f"No device worked for {words.share(idle.devices)} of the time", "x")
    axes.tick_params(axis="y", labelsize=min(8.0, 170 / len(lanes)))


def _time_axis(axes: Axes, whole: float) -> None:
    at = time_ticks(whole)
    axes.set_xlim(0, whole)
    axes.set_xticks(at, [time_label(t, whole) for t in at])


def _dress(axes: Axes, title: str, grid: str) -> None:
    axes.set_title(title, fontsize=8.5, color=SOFT, loc="left", pad=7)
    axes.tick_params(labelsize=7.5, length=0, colors=INK)
    axes.set_axisbelow(True)
    if grid == "x":
        axes.xaxis.grid(visible=True, color=FAINT, lw=0.6)
    else:
        axes.yaxis.grid(visible=True, color=FAINT, lw=0.6)
    for side in axes.spines.values():
        side.set_visible(False)


def decisions(facts: Facts) -> list[Figure]:
    """The manager's turns, abridged to one page."""
    lines = [line for turn in facts.turns for line in _turn(facts, turn)]
    if not lines:
        return []
    sheet = Figure(figsize=A4)
    sheet.text(0.08, 0.945, "Decisions, abridged", fontsize=14, weight="bold", color=INK)
    for place, (at, text, colour) in enumerate(lines[:LINES]):
        y = 0.915 - 0.0175 * place
        sheet.text(0.08, y, at, fontsize=7.5, color=SOFT)
        sheet.text(0.15, y, plain(text), fontsize=8, color=colour)
    if len(lines) > LINES:
        more = f"{len(lines) - LINES} more lines are in report.html."
        sheet.text(0.15, 0.915 - 0.0175 * LINES, more, fontsize=8, color=SOFT)
    return [sheet]


def _turn(facts: Facts, turn: Turn) -> list[tuple[str, str, str]]:
    at = words.clock(timeline.seconds(facts, turn.at))
    told = [(at, cut(turn.event.thought, 118), SOFT)] if turn.event.thought else []
    for act in turn.acts:
        number = getattr(act.decision, "candidate", None)
        said = getattr(act.decision, "brief", "") or getattr(act.decision, "why", "")
        name = act.decision.kind.capitalize() + (f" candidate {number}" if number else "")
        came = f" [refused: {act.refused}]" if act.refused is not None else ""
        told.append(("" if told else at, cut(f"{name}: {said}{came}", 112), hue(number)))
    return told
