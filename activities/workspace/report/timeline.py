"""Who worked when: invocations by candidate, jobs by device, and what happened to the run as a whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from activities.workspace.report import words
from activities.workspace.report.facts import Facts
from activities.workspace.report.history import Invocation
from activities.workspace.report.svg import Scale, colour, el, line, svg, text, time_label, time_ticks
from schemas.event import PersonSteered, PhaseEntered, RunExtended, StopRequested
from schemas.job import JobState
from schemas.role import Role

WORD = {Role.SETUP: "setup", Role.DESIGNER: "design", Role.CODER: "code", Role.TUNER: "tune", Role.AGGREGATOR: "blend"}
ROW = 24.0


@dataclass(frozen=True)
class Bar:
    """A stretch of time in a row."""

    start: float
    end: float
    label: str
    said: str
    class_: str
    candidate: int | None = None


@dataclass(frozen=True)
class Lane:
    label: str
    bars: tuple[Bar, ...]
    busy: float | None = None  # share, for a device


@dataclass(frozen=True)
class Idle:
    """Shares of the run's wall time."""

    devices: float  # no job on any device
    everything: float  # neither a job, nor a role, nor a manager's turn


def seconds(facts: Facts, moment: datetime) -> float:
    return (moment - facts.started).total_seconds() if facts.started else 0.0


def span(facts: Facts) -> float:
    return max(1.0, seconds(facts, facts.until)) if facts.until else 1.0


def lanes(facts: Facts) -> list[Lane]:
    """The manager, setup, each candidate, the aggregator; then each device."""
    found = [Lane("Manager", tuple(_turns(facts)))]
    for role, label in ((Role.SETUP, "Setup"), (None, ""), (Role.AGGREGATOR, "Aggregator")):
        if role is None:
            found += [_candidate(facts, line.number) for line in facts.lines]
        elif calls := [i for i in facts.invocations if i.event.role is role]:
            found.append(Lane(label, tuple(_bar(facts, i) for i in calls)))
    devices = sorted({job.device for job in facts.record.jobs if job.device and job.started_at})
    return [lane for lane in found if lane.bars] + [_device(facts, device) for device in devices]


def _turns(facts: Facts) -> Iterable[Bar]:
    for turn in facts.turns:
        end = seconds(facts, turn.at)
        said = f"Turn {turn.event.turn}, {words.plural(len(turn.acts), 'decision')}"
        yield Bar(max(0.0, end - turn.event.spend.model_seconds), end, "", said, "bar turn c0")


def _candidate(facts: Facts, number: int) -> Lane:
    calls = [i for i in facts.invocations if i.event.candidate == number]
    return Lane(f"Candidate {number}", tuple(_bar(facts, i) for i in calls))


def _bar(facts: Facts, call: Invocation) -> Bar:
    start = seconds(facts, call.started)
    end = seconds(facts, call.ended) if call.ended else span(facts)
    role = call.event.role
    said = f"{call.event.invocation}: {call.outcome} after {words.duration(end - start)}"
    for at, failed in call.failures:
        said += f"\nattempt {failed.attempt} failed at {words.clock(seconds(facts, at))}: {failed.error}"
    class_ = f"bar {role.value} {'failed ' if call.outcome == 'failed' else ''}{colour(call.event.candidate)}"
    label = "" if call.failures else WORD.get(role, role.value)  # crosses are drawn there
    return Bar(start, end, label, said, class_, call.event.candidate)


def _device(facts: Facts, device: str) -> Lane:
    jobs = [job for job in facts.record.jobs if job.device == device and job.started_at]
    bars = tuple(_job(facts, job) for job in jobs)
    busy = covered([(bar.start, bar.end) for bar in bars]) / span(facts)
    return Lane(device, bars, min(1.0, busy))


def _job(facts: Facts, job: JobState) -> Bar:
    start = seconds(facts, job.started_at or job.queued_at)
    end = seconds(facts, job.ended_at) if job.ended_at else span(facts)
    owner = facts.owner(job)
    said = f"{job.id}: {job.purpose}, {job.phase} after {words.duration(end - start)}"
    if job.problem:
        said += f"\n{job.problem}"
    failed = "failed " if job.phase == "failed" else ""
    return Bar(start, end, job.purpose, said, f"bar job {failed}{colour(owner)}", owner)


def covered(stretches: Sequence[tuple[float, float]]) -> float:
    """Seconds covered by at least one stretch."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(stretches):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def idle(facts: Facts) -> Idle:
    rows = lanes(facts)
    jobs = [(bar.start, bar.end) for lane in rows if lane.busy is not None for bar in lane.bars]
    all_ = [(bar.start, bar.end) for lane in rows for bar in lane.bars]
    whole = span(facts)
    return Idle(*(max(0.0, 1 - covered(stretches) / whole) for stretches in (jobs, all_)))


def draw(facts: Facts, width: float, name: str) -> Markup | None:
    rows = lanes(facts)
    if not rows or not facts.started:
        return None
    wide = width > 600
    x = Scale(0, span(facts), 104 if wide else 84, width - (58 if wide else 44))
    top = 46.0
    places = _places(rows, top)
    bottom = places[-1] + ROW
    times = time_ticks(x.high, 8 if wide else 4)
    inside = [
        *(line(x(t), top - 6, x(t), bottom + 2, "grid") for t in times),
        *(text(x(t), bottom + 18, time_label(t, x.high), "tick", "middle") for t in times),
        *_phases(facts, x, bottom),
        *_pauses(facts, x, top, bottom),
        *(_lane(lane, y, x, width) for lane, y in zip(rows, places, strict=True)),
        *_attempts(facts, rows, places, x),
        *_people(facts, x, top, bottom),
    ]
    said = "; ".join(f"{lane.label}: {words.plural(len(lane.bars), 'stretch', 'stretches')}" for lane in rows)
    return svg(name, "Timeline of the run", said, *inside, width=width, height=bottom + 26, class_="chart")


def _places(rows: Sequence[Lane], top: float) -> list[float]:
    """Each lane's y; devices stand apart."""
    places, y, before = [], top, False
    for lane in rows:
        y += 12.0 if lane.busy is not None and not before else 0.0
        before = lane.busy is not None
        places.append(y)
        y += ROW
    return places


def _lane(lane: Lane, y: float, x: Scale, width: float) -> Markup:
    label = text(0, y + 15, lane.label, "name" if lane.busy is None else "note")
    bars = [_drawn(bar, y, x) for bar in lane.bars]
    busy = text(width, y + 15, words.share(lane.busy), "note", "end") if lane.busy is not None else None
    return el("g", label, *bars, busy)


def _drawn(bar: Bar, y: float, x: Scale) -> Markup:
    left, wide = x.clamp(bar.start), max(1.5, x.clamp(bar.end) - x.clamp(bar.start))
    rect = el("rect", x=left, y=y + 3, width=wide, height=ROW - 6, rx=2, class_=bar.class_)
    fits = wide > 6.4 * len(bar.label) + 8
    label = text(left + 5, y + 15.5, bar.label, "inbar") if bar.label and fits else None
    return el("g", el("title", bar.said), rect, label, data_c=bar.candidate)


def _phases(facts: Facts, x: Scale, bottom: float) -> Iterable[Markup]:
    """A phase's name where it begins, unless the next begins before there is room for it."""
    begun = [(x.clamp(seconds(facts, at)), event.phase) for at, event in facts.all(PhaseEntered)]
    ends = [where for where, _ in begun[1:]] + [x.end + 84]
    for (where, phase), end in zip(begun, ends, strict=False):
        if phase in ("DONE", "STOPPED", "FAILED"):
            continue
        yield line(where, 20, where, bottom, "phase")
        if end - where > 84:
            yield text(where + 4, 28, phase.capitalize(), "note")


def _pauses(facts: Facts, x: Scale, top: float, bottom: float) -> Iterable[Markup]:
    for begun, ended, event in facts.pauses:
        left, right = x.clamp(seconds(facts, begun)), x.clamp(seconds(facts, ended))
        said = el("title", f"paused by {event.by}: {event.why}")
        yield el("rect", said, x=left, y=top, width=max(1.0, right - left), height=bottom - top, class_="pause")


def _attempts(facts: Facts, rows: Sequence[Lane], places: Sequence[float], x: Scale) -> Iterable[Markup]:
    """A cross where an attempt failed."""
    row_of = {lane.label: y for lane, y in zip(rows, places, strict=True)}
    for call in facts.invocations:
        label = f"Candidate {call.event.candidate}" if call.event.candidate else call.event.role.value.capitalize()
        for at, failed in call.failures:
            if label in row_of:
                cx, cy = x.clamp(seconds(facts, at)), row_of[label] + ROW / 2
                said = el("title", f"attempt {failed.attempt} of {failed.invocation} failed: {failed.error}")
                cross = f"M{cx - 4:.1f} {cy - 4:.1f}l8 8m0 -8l-8 8"
                yield el("g", said, el("path", d=cross, class_="cross halo"), el("path", d=cross, class_="cross"))


def _people(facts: Facts, x: Scale, top: float, bottom: float) -> Iterable[Markup]:
    """A flag where a person acted."""
    for entry in facts.entries:
        match entry.event:
            case PersonSteered(note=note):
                said = f"steered: {note}"
            case RunExtended(why=why):
                said = f"extended: {why}"
            case StopRequested(why=why):
                said = f"stop asked for: {why}"
            case _:
                continue
        where = x.clamp(seconds(facts, entry.at))
        flag = el("path", d=f"M{where:.1f} {top - 14:.1f}l9 4.5l-9 4.5z", class_="flag")
        yield el("g", el("title", said), line(where, top - 14, where, bottom, "person"), flag)
