"""The report as one offline page: sections from templates, charts as inline SVG."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from activities.workspace.layout import Layout
from activities.workspace.report import ancestry, bills, costs, curves, scores, svg, timeline, usage, verdict, words
from activities.workspace.report.events import outcome, people, troubles
from activities.workspace.report.facts import Facts

WIDE, NARROW = 960.0, 440.0
MOST_CALLS = 3_000  # that are listed one by one
HIGHLIGHTED = 24  # candidates that can be picked out by a click; more would fill the page with chips


def templates(*, autoescape: bool) -> Environment:
    loader = PackageLoader("activities.workspace.report", "templates")
    made = Environment(loader=loader, autoescape=autoescape, undefined=StrictUndefined)  # noqa: S701 - off for Markdown
    made.trim_blocks = made.lstrip_blocks = True
    made.finalize = _printed
    made.filters.update(
        value=words.value,
        interval=words.interval,
        metric=words.metric_name,
        direction=words.direction,
        duration=words.duration,
        moment=words.moment,
        dollars=words.dollars,
        cost=words.cost,
        share=words.share,
        memory=words.memory,
        thousands=words.count,
        plural=words.plural,
        cut=svg.cut,
    )
    return made


def _printed(value: object) -> object:
    """Every value on its way into a page; what is marked up already was cleaned piece by piece."""
    return words.clean(value) if type(value) is str else value


def page(facts: Facts, layout: Layout) -> str:
    """The whole HTML. Nothing in it can run or fetch anything: its own policy forbids both."""
    environment = templates(autoescape=True)
    shown = curves.panels(facts, layout)
    context = {
        "facts": facts,
        "verdict": verdict.verdict(facts),
        "headline": verdict.headline(facts),
        "engine": verdict.engine(facts),
        "sandbox": verdict.sandbox(facts.prepared),
        "network": verdict.network(facts),
        "delivered": verdict.delivered(facts),
        "looks_note": verdict.looks_note(facts),
        "refit_note": verdict.refit_note(facts),
        "charts": _charts(facts),
        "panels": [curves.draw(panel, f"curve-{panel.candidate}") for panel in shown],
        "panels_caption": curves.caption(shown),
        "best_shown": scores.MOST if sum(1 for line in facts.lines if line.best) > scores.MOST else None,
        "idle": timeline.idle(facts),
        "costs": costs.costs(facts),
        "total": costs.total(facts),
        "limits": costs.limits(facts),
        "usage": usage.rows(facts),
        "taken": usage.by_job(facts),
        "bills": bills,
        "most_calls": MOST_CALLS,
        "spoken": not costs.no_language_model(facts),
        "web": verdict.web(facts),
        "outcome": outcome,
        "people": people(facts),
        "troubles": troubles(facts),
        "split": words.split(facts.task.split) if facts.task else "",
        "since": partial(_since, facts),
        "colour": svg.colour,
        "key": svg.key,
        "highlighted": [line.number for line in facts.lines][:HIGHLIGHTED] if len(facts.lines) > 1 else [],
        "style": Markup(environment.get_template("style.css").render()),  # noqa: S704 - our own file
    }
    return environment.get_template("report.html").render(context)


def _charts(facts: Facts) -> dict[str, Markup]:
    draw: dict[str, Callable[[Facts, float, str], Markup | None]] = {
        "intervals": scores.intervals,
        "progress": scores.progress,
        "ancestry": ancestry.draw,
        "timeline": timeline.draw,
    }
    return {name: _both(partial(function, facts), name) for name, function in draw.items()}


def _both(draw: Callable[[float, str], Markup | None], name: str) -> Markup:
    """A chart for wide pages and one for narrow ones: a picture that only shrinks cannot be read on a phone."""
    wide, narrow = draw(WIDE, f"{name}-wide"), draw(NARROW, f"{name}-narrow")
    if wide is None or narrow is None:
        return Markup("")
    return svg.el("div", wide, class_="wide") + svg.el("div", narrow, class_="narrow")


def _since(facts: Facts, moment: datetime) -> str:
    return words.clock(timeline.seconds(facts, moment))
