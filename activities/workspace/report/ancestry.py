"""Where candidates come from: each a track of revisions, drawn from its parents."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from markupsafe import Markup

from activities.workspace.report import words
from activities.workspace.report.facts import Facts
from activities.workspace.report.history import Invocation
from activities.workspace.report.svg import colour, cut, el, line, mark, svg, text
from schemas.role import CodeReport, DesignReport, TuneReport

TRACK, LEFT, TOP = 46.0, 108.0, 26.0
MOST = 80  # steps, beyond which only designs and last steps are drawn


@dataclass(frozen=True)
class Node:
    """A design, the code written to it, or a training of it; `revisions` are the commits it stands for."""

    at: datetime
    candidate: int
    kind: str
    said: str
    revisions: frozenset[str]
    parents: tuple[tuple[int, str], ...] = ()
    label: str = ""
    failed: bool = field(default=False)


def nodes(facts: Facts) -> list[Node]:
    """Steps of all candidates in order of time; what failed is a step as well."""
    found = [node for call in facts.invocations if call.ended for node in _nodes(call, call.ended)]
    found.sort(key=lambda node: node.at)
    return found if len(found) <= MOST else _abridged(found)


def _abridged(found: list[Node]) -> list[Node]:
    """Of a long run: every design, and each candidate's last step, to which the revisions between are added."""
    last = {node.candidate: node for node in found if not node.failed}
    kept = [node for node in found if node.kind == "designer" or node is last.get(node.candidate)]
    between = {n: frozenset().union(*(node.revisions for node in found if node.candidate == n)) for n in last}
    return [
        replace(node, revisions=node.revisions | between[node.candidate]) if node is last.get(node.candidate) else node
        for node in kept
    ]


def _nodes(call: Invocation, ended: datetime) -> Iterator[Node]:
    number = call.event.candidate
    if number is None:
        return
    if call.problem is not None:
        kind = call.event.role.value
        yield Node(ended, number, kind, f"{call.event.invocation} failed: {call.problem}", frozenset(), failed=True)
        return
    match call.report:
        case DesignReport() as report:
            said, parents = f"Design: {report.approach}", call.event.parents
            yield Node(ended, number, "designer", said, _revisions(report.revision), parents)
        case CodeReport() as report:
            yield Node(ended, number, "coder", f"Code: {cut(report.summary, 160)}", _revisions(report.revision))
        case TuneReport() as report:
            yield _tuned(report, ended)


def _tuned(report: TuneReport, ended: datetime) -> Node:
    best = next((trial for trial in report.trials if trial.job == report.best), None)
    score = words.value(best.score) if best and best.score else ""
    revisions = _revisions(report.revision, *(trial.revision for trial in report.trials))
    said = f"Tuning: {words.plural(len(report.trials), 'trial')}" + (f", best {score}" if score else "")
    return Node(ended, report.candidate, "tuner", said, revisions, label=score)


def _revisions(*found: str | None) -> frozenset[str]:
    return frozenset(revision for revision in found if revision)


def draw(facts: Facts, width: float, name: str) -> Markup | None:
    """None where no candidate got as far as a design."""
    shown = nodes(facts)
    if not shown:
        return None
    gap = max(30.0, (width - LEFT - 70) / max(1, len(shown) - 1)) if width > 600 else 34.0
    gap = min(gap, 92.0)
    wide = max(width, LEFT + gap * (len(shown) - 1) + 76)
    rows = {number: TOP + TRACK * index for index, number in enumerate(sorted({node.candidate for node in shown}))}
    spots = [(LEFT + gap * index, rows[node.candidate]) for index, node in enumerate(shown)]
    inside = (*_tracks(facts, shown, spots, rows), *_links(shown, spots), *_steps(shown, spots))
    said = "; ".join(_said(facts, number) for number in rows)
    height = TOP + TRACK * len(rows)
    return svg(name, "Ancestry of candidates", said, *inside, width=wide, height=height, class_="chart tracks")


def _said(facts: Facts, number: int) -> str:
    line = next(one for one in facts.lines if one.number == number)
    parents = ", ".join(f"candidate {parent}" for parent, _ in line.parents)
    return f"Candidate {number}: {line.family or line.approach}, {line.status}" + (
        f", drawn from {parents}" if parents else ""
    )


def _tracks(
    facts: Facts, shown: list[Node], spots: list[tuple[float, float]], rows: dict[int, float]
) -> Iterator[Markup]:
    for number, y in rows.items():
        mine = [x for (x, _), node in zip(spots, shown, strict=True) if node.candidate == number]
        line_ = next(one for one in facts.lines if one.number == number)
        dropped = " dropped" if line_.status == "discarded" else ""
        yield el(
            "g",
            text(0, y - 2, f"Candidate {number}", "name"),
            text(0, y + 12, line_.status, "note"),
            line(min(mine), y, max(mine), y, f"track {colour(number)}{dropped}"),
            data_c=number,
        )


def _links(shown: list[Node], spots: list[tuple[float, float]]) -> Iterator[Markup]:
    """A curve from the revision drawn on, or from the candidate's last step before, to the design."""
    for index, node in enumerate(shown):
        for parent, revision in node.parents:
            source = _source(shown[:index], parent, revision)
            if source is not None and spots[source][1] != spots[index][1]:
                (x1, y1), (x2, y2) = spots[source], spots[index]
                bend = (x1 + x2) / 2
                curve = f"M{x1:.1f} {y1:.1f}C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
                said = f"candidate {node.candidate} draws on candidate {parent} at {revision[:10]}"
                yield el("path", el("title", said), d=curve, class_=f"link {colour(parent)}", data_c=node.candidate)


def _source(before: list[Node], parent: int, revision: str) -> int | None:
    exact = [i for i, node in enumerate(before) if node.candidate == parent and revision in node.revisions]
    known = [i for i, node in enumerate(before) if node.candidate == parent and not node.failed]
    found = exact or known
    return found[-1] if found else None


def _steps(shown: list[Node], spots: list[tuple[float, float]]) -> Iterator[Markup]:
    for node, (x, y) in zip(shown, spots, strict=True):
        said = el("title", f"Candidate {node.candidate}. {node.said}")
        if node.failed:
            cross = f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10"
            yield el("g", said, el("path", d=cross, class_="cross halo"), el("path", d=cross, class_="cross"))
        elif node.kind == "tuner":
            label = text(x, y - 11, node.label, "tick", "middle") if node.label else None
            dot = mark(x, y, node.candidate, f"Candidate {node.candidate}. {node.said}", size=5.5)
            yield el("g", dot, label, data_c=node.candidate)
        else:
            class_ = f"step {node.kind} {colour(node.candidate)}"
            yield el("circle", said, cx=x, cy=y, r=4.5, class_=class_, data_c=node.candidate)
