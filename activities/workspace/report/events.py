"""What people did, and what went wrong, as lines of a table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from activities.workspace.report import words
from activities.workspace.report.facts import Facts
from activities.workspace.report.history import Act
from activities.workspace.report.svg import cut
from schemas.event import (
    AttemptFailed,
    CandidateDiscarded,
    Event,
    FallbackUsed,
    InvocationFailed,
    LimitReached,
    Overrun,
    PersonSteered,
    RunExtended,
    RunPaused,
    RunResumed,
    ScoreRejected,
    StopRequested,
)
from schemas.role import AnyReport, CodeReport, DesignReport, TuneReport


@dataclass(frozen=True)
class Happening:
    at: datetime
    what: str
    detail: str = ""


def outcome(act: Act) -> str:
    """What came of a decision, in a line."""
    call = act.invocation
    if call is None:
        return ""
    if call.ended is None:
        return f"{call.event.invocation} is still at work."
    took = words.duration((call.ended - call.started).total_seconds())
    tries = f", in attempt {call.report.attempt}" if call.report and call.report.attempt > 1 else ""
    if call.problem:
        return f"Failed after {took}{tries}: {cut(call.problem, 160)}"
    return f"Done after {took}{tries}: {_made(call.report)}"


def _made(report: AnyReport | None) -> str:
    match report:
        case DesignReport():
            return ", ".join(said for said in (report.family, cut(report.approach, 140)) if said) + "."
        case CodeReport():
            return "code that passed its check." if report.check else "code."
        case TuneReport():
            scores = [t.score for t in report.trials if t.job == report.best and t.score]
            trials = words.plural(len(report.trials), "trial")
            return (
                f"{trials}, the best {words.value(scores[0])} ({words.interval(scores[0])})."
                if scores
                else f"{trials}."
            )
    return cut(report.summary, 140) if report else ""


def people(facts: Facts) -> list[Happening]:
    """Everything that a person did to the run."""
    return _told(facts, _person)


def troubles(facts: Facts) -> list[Happening]:
    """Failures, fallbacks, refusals of scores, limits and overruns."""
    return _told(facts, _trouble)


def _told(facts: Facts, tell: Callable[[Event], tuple[str, str] | None]) -> list[Happening]:
    told = ((entry.at, tell(entry.event)) for entry in facts.entries)
    return [Happening(at, *words_) for at, words_ in told if words_]


def _person(event: Event) -> tuple[str, str] | None:
    match event:
        case PersonSteered(note=note):
            return "Steered", note
        case RunPaused(by="person", why=why):
            return "Paused", why
        case RunResumed(by="person"):
            return "Resumed", ""
        case RunExtended(budget=budget, why=why):
            return "Extended", f"{why} (now {words.duration(budget.seconds)} in all)".strip()
        case StopRequested(deliver=deliver, why=why):
            return "Stopped, delivering what was trained" if deliver else "Stopped", why
        case CandidateDiscarded(by="person", candidate=number, why=why):
            return f"Discarded candidate {number}", why
    return None


def _trouble(event: Event) -> tuple[str, str] | None:
    match event:
        case AttemptFailed():
            then = "; another attempt was made" if event.again else ""
            return f"Attempt {event.attempt} of {event.invocation} failed ({event.cause}){then}", _both(event)
        case InvocationFailed(invocation=name, why=why):
            return f"{name} failed", why
        case FallbackUsed(invocation=name, chosen=chosen, used=used, calls=calls, why=why):
            return f"{used} answered {words.plural(calls, 'call')} of {name} in place of {chosen}", why
        case ScoreRejected(job=job, why=why):
            return f"The score of {job} was rejected", why
        case RunPaused(by="system", until_room=None, why=why):
            return "The run paused: a person had to act", why
        case RunPaused(by="system", why=why):
            return "The run paused: little disk was left", why
        case RunResumed(by="system", why=why):
            return "The run went on by itself", why
        case LimitReached(limit=limit, why=why):
            return f"Limit reached: {limit.replace('_', ' ')}", why
        case Overrun(seconds=seconds):
            return "Delivery went on past the deadline", f"by {words.duration(seconds)}"
    return None


def _both(event: AttemptFailed) -> str:
    return f"{event.error}: {event.why}" if event.why and event.why != event.error else event.error
