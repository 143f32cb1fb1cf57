"""Events in a line each, for people who watch or look back."""

from typing import assert_never

from ops.spending import paid
from ops.words import duration, money, score
from schemas.budget import Budget, Spend
from schemas.decision import Code, Decision, Design, Discard, Finish, Tune, Wait
from schemas.event import (
    AttemptFailed,
    CandidateDiscarded,
    ChoiceMade,
    Continued,
    DecisionRefused,
    DeliveryVerified,
    Event,
    FallbackUsed,
    InvocationFailed,
    InvocationReported,
    InvocationStarted,
    LedgerEntry,
    LimitReached,
    ManagerDecided,
    Overrun,
    PersonSteered,
    PhaseEntered,
    RefitEnded,
    ReportScored,
    RunEnded,
    RunExtended,
    RunPaused,
    RunPrepared,
    RunResumed,
    RunStarted,
    ScoreRejected,
    StopRequested,
    TrialScored,
)
from schemas.role import AnyReport, CodeReport, DesignReport, TuneReport

MOST = 240  # characters of a line while one watches; `history` gives all


def line(entry: LedgerEntry, most: int = MOST) -> str:
    """The time of day, and what happened."""
    return f"{entry.at.astimezone():%H:%M:%S}  {_short(tell(entry.event), most)}"


def tell(event: Event) -> str:  # one case per event
    """What happened, with its reason."""
    match event:
        case RunStarted(spec=spec):
            return f"run {spec.run.id} started, {duration(spec.budget.seconds)} in all"
        case RunPrepared(prepared=prepared):
            task, rows = prepared.task, prepared.task.rows
            return f"prepared: {rows} labelled rows, {task.metric.name}, {task.metric.direction} is better"
        case PhaseEntered():
            return _because(event.phase, event.why)
        case ManagerDecided():
            decided = "; ".join(decision(one) for one in event.decisions) or "nothing now"
            return _because(f"manager, turn {event.turn}: {decided}{_cost(event.spend)}", event.thought)
        case DecisionRefused():
            return _because(f"refused: {decision(event.decision)}", event.why)
        case InvocationStarted():
            return _because(f"{event.invocation} started", event.brief)
        case AttemptFailed():
            then = ", another attempt follows" if event.again else ""
            return _because(
                f"{event.invocation}: attempt {event.attempt} failed ({event.cause}{then})", event.why or event.error
            )
        case InvocationReported(report=report):
            return _reported(report)
        case InvocationFailed():
            return _because(f"{event.invocation} failed{_cost(event.spend)}", event.why)
        case TrialScored():
            return _because(f"candidate {event.candidate} scored {score(event.score)}", event.note)
        case ScoreRejected():
            return _because(f"the score of {event.job} does not count", event.why)
        case FallbackUsed():
            return _because(
                f"{event.invocation}: {event.used} answered {event.calls} times for {event.chosen}", event.why
            )
        case CandidateDiscarded():
            return _because(f"candidate {event.candidate} discarded by the {event.by}", event.why)
        case _:
            return _of_the_run(event)


def _of_the_run(
    event: PersonSteered
    | RunPaused
    | RunResumed
    | RunExtended
    | StopRequested
    | LimitReached
    | ChoiceMade
    | ReportScored
    | RefitEnded
    | DeliveryVerified
    | Overrun
    | RunEnded
    | Continued,
) -> str:
    match event:
        case PersonSteered():
            return f"a person says: {event.note}"
        case RunPaused():
            return _because(f"paused by {'a person' if event.by == 'person' else 'the system'}", event.why)
        case RunResumed():
            return "resumed" if event.by == "person" else _because("goes on by itself", event.why)
        case RunExtended():
            return _because(f"extended: now {_limits(event.budget)} in all", event.why)
        case StopRequested():
            return _because("stop asked for" + (", delivering what is trained" if event.deliver else ""), event.why)
        case LimitReached():
            return _because(f"limit reached: {event.limit}", event.why)
        case ChoiceMade(report=report):
            members = ", ".join(str(member.candidate) for member in report.members)
            return f"chosen: {report.method} of candidate {members}, {score(event.score)} on select"
        case ReportScored(estimated=estimated):
            found = f"last estimate: {score(estimated.score)} on report" if estimated.score else "no last estimate"
            return _because(found, estimated.problem or "")
        case RefitEnded(refitted=refitted):
            return _because("trained again on all rows" if refitted.done else "not refitted", refitted.problem or "")
        case DeliveryVerified(verified=verified):
            failed = [finding.name for finding in verified.findings if not finding.passed]
            return _because("verified" if verified.passed else "not verified", verified.problem or ", ".join(failed))
        case Overrun():
            return f"delivery goes on {duration(event.seconds)} past the deadline"
        case RunEnded():
            return _because(event.phase, event.why)
        case Continued():
            return f"goes on in execution {event.epoch + 1} of its workflow"
        case _:
            assert_never(event)


def decision(one: Decision) -> str:
    """A decision in words."""
    match one:
        case Design():
            drawn = ", ".join(str(parent.candidate) for parent in one.parents)
            return f"design candidate {one.candidate}" + (f" from {drawn}" if drawn else "")
        case Code():
            return f"code candidate {one.candidate}"
        case Tune():
            return f"tune candidate {one.candidate} for {one.minutes:g} min"
        case Discard():
            return f"discard candidate {one.candidate} ({one.why})"
        case Wait():
            return "wait"
        case Finish():
            return f"finish ({one.why})"
        case _:
            assert_never(one)


def _reported(report: AnyReport) -> str:
    if report.problem:
        return _because(f"{report.invocation} could not do it{_cost(report.spend)}", report.problem)
    match report:
        case DesignReport():
            what = f"{report.family}: {report.approach}"
        case CodeReport():
            what = "code that passed its check" if report.check else "code"
        case TuneReport():
            best = next((trial.score for trial in report.trials if trial.job == report.best), None)
            what = f"{len(report.trials)} trainings" + (f", best {score(best)}" if best else "")
        case _:
            what = report.summary
    return f"{report.invocation} reported: {what}{_cost(report.spend)}"


def _cost(spend: Spend) -> str:
    """In brackets; nothing of what no language model had a part in."""
    return f" ({cost})" if (cost := paid(spend)) else ""


def _because(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what


def _short(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _limits(budget: Budget) -> str:
    words = [duration(budget.seconds)]
    words += [money(budget.dollars)] if budget.dollars is not None else []
    words += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    words += [f"{budget.agent_calls:,} agent calls"] if budget.agent_calls is not None else []
    return ", ".join(words)
