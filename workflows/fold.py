"""The state as a fold of events: pure, total over the closed union of events, and nothing else changes state."""

from datetime import datetime
from typing import assert_never

from schemas.budget import Spend
from schemas.candidate import Candidate, Trial
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
from schemas.role import AggregateReport, AnyReport, CodeReport, DesignReport, Role, SetupReport, TuneReport
from schemas.state import InFlight, RunState


def begin(entry: LedgerEntry) -> RunState:
    """The state after the first event of a run."""
    if not isinstance(entry.event, RunStarted):
        raise ValueError(f"a ledger begins with run_started, not {entry.event.kind}")
    event = entry.event
    return RunState(spec=event.spec, clock=event.clock, budget=event.spec.budget, seq=entry.seq, head=entry.digest)


def apply(state: RunState, entry: LedgerEntry) -> RunState:
    """The state after one more event."""
    changed = _apply(state, entry.event, entry.at)
    return changed.model_copy(update={"seq": entry.seq, "head": entry.digest})


def _apply(state: RunState, event: Event, at: datetime) -> RunState:  # one case per event
    match event:
        case (
            RunStarted()
            | AttemptFailed()
            | DecisionRefused()
            | PersonSteered()
            | ScoreRejected()
            | FallbackUsed()
            | Overrun()
        ):
            return state
        case Continued():
            return _set(state, spec=state.spec.model_copy(update={"epoch": event.epoch}))
        case RunPrepared(prepared=prepared):
            return _set(state, task=prepared.task, environment=prepared.environment, sandbox=prepared.sandbox)
        case PhaseEntered():
            why = event.why if event.phase == "AGGREGATING" else state.finish
            return _set(state, phase=event.phase, finish=why)
        case ManagerDecided():
            return _spent(_set(state, turns=event.turn), Role.MANAGER, event.spend)
        case InvocationStarted():
            return _started(state, event, at)
        case InvocationReported(report=report):
            flight = state.in_flight.get(event.invocation)
            return _reported(_landed(state, event.invocation), report, flight.candidate if flight else None)
        case InvocationFailed():
            return _failed(_landed(state, event.invocation), event)
        case TrialScored():
            return _scored(state, event)
        case CandidateDiscarded():
            return _candidate(state, event.candidate, status="discarded", last=event.why)
        case RunPaused():
            return _set(state, paused=event.by, pause_why=event.why, until_room=event.until_room)
        case RunResumed():
            return _set(state, paused=None, pause_why="", until_room=None)
        case RunExtended():
            return _set(state, clock=event.clock, budget=event.budget, limits=())
        case StopRequested():
            now = state.stop == "now" or not event.deliver  # a stop at once is never taken back
            return _set(state, stop="now" if now else "deliver", why=event.why, paused=None, pause_why="")
        case LimitReached():
            return _set(state, limits=(*state.limits, event.limit))
        case ChoiceMade():
            return _set(state, choice=event, refitted=False)
        case ReportScored(estimated=estimated):
            return _worked(_set(state, report_score=estimated.score), estimated.job_seconds)
        case RefitEnded(refitted=refitted):
            return _worked(state, refitted.job_seconds)
        case DeliveryVerified(verified=verified):
            settled = _set(state, verified=verified.passed, refitted=event.refitted, submission=verified.submission)
            return _worked(settled, verified.job_seconds)
        case RunEnded():
            return _set(state, phase=event.phase, ended=at, why=event.why, paused=None, in_flight={})
        case _:
            assert_never(event)


def _set(state: RunState, **changes: object) -> RunState:
    return state.model_copy(update=changes)


def _candidate(state: RunState, number: int, **changes: object) -> RunState:
    known = state.candidates.get(number) or Candidate(number=number)
    return _set(state, candidates={**state.candidates, number: known.model_copy(update=changes)})


def _started(state: RunState, event: InvocationStarted, at: datetime) -> RunState:
    flight = InFlight(
        invocation=event.invocation, role=event.role, candidate=event.candidate, started=at, deadline=event.deadline
    )
    state = _set(state, in_flight={**state.in_flight, event.invocation: flight}, invocations=state.invocations + 1)
    if event.candidate is None:
        return state
    known = state.candidates.get(event.candidate) or Candidate(number=event.candidate)
    return _candidate(state, event.candidate, parents=event.parents or known.parents)


def _landed(state: RunState, invocation: str) -> RunState:
    return _set(state, in_flight={name: flight for name, flight in state.in_flight.items() if name != invocation})


def _spent(state: RunState, role: Role, spend: Spend) -> RunState:
    by_role = {**state.spend_by_role, role: state.spend_by_role.get(role, Spend()) + spend}
    return _set(state, spend=state.spend + spend, spend_by_role=by_role)


def _worked(state: RunState, seconds: float) -> RunState:
    """Delivery's own jobs belong to no role."""
    return _set(state, spend=state.spend + Spend(jobs=1 if seconds else 0, job_seconds=seconds))


def _reported(state: RunState, report: AnyReport, candidate: int | None) -> RunState:
    state = _spent(state, report.role, report.spend)
    last = report.problem or report.summary
    match report:
        case SetupReport():
            return _provided(state, report, candidate)
        case DesignReport(problem=None):
            return _designed(state, report, last)
        case CodeReport(problem=None):
            known = state.candidates[report.candidate]
            status = "trained" if known.best else "coded"
            return _candidate(
                state,
                known.number,
                status=_kept(known, status),
                revision=report.revision,
                codes=known.codes + 1,
                failures=0,
                stumbled="",
                last=last,
            )
        case TuneReport():
            return _tuned(state, report, last)
        case DesignReport() | CodeReport():
            return _stumbled(state, report.candidate, report.role, last)
        case AggregateReport():
            return _set(state, select_looks=state.select_looks + report.looks)
        case _:
            assert_never(report)


def _provided(state: RunState, report: SetupReport, candidate: int | None) -> RunState:
    """What a setup left; where a candidate's design asked for it and did not get it, the candidate has failed."""
    weights = {one.name: one for one in (*state.weights, *report.weights)}
    state = _set(state, environment=report.environment or state.environment, weights=tuple(weights.values()))
    if report.problem is None or candidate is None:
        return state
    return _stumbled(state, candidate, report.role, report.problem)


def _designed(state: RunState, report: DesignReport, last: str) -> RunState:
    known = state.candidates[report.candidate]
    return _candidate(
        state,
        known.number,
        status=_kept(known, "designed"),
        revision=report.revision,
        designs=known.designs + 1,
        approach=report.approach,
        family=report.family,
        failures=0,
        stumbled="",
        last=last,
    )


def _tuned(state: RunState, report: TuneReport, last: str) -> RunState:
    """Its best trial was scored, and counted, just before."""
    known = state.candidates[report.candidate]
    improved = known.best is not None and known.best.job in {trial.job for trial in report.trials}
    looks = len([trial for trial in report.trials if trial.score is not None])
    state = _candidate(
        state,
        known.number,
        tunes=known.tunes + 1,
        trials=known.trials + len(report.trials),
        stale=0 if improved else known.stale + 1,
        failures=0 if looks else known.failures + 1,
        stumbled="" if looks else report.role.value,
        last=last,
        revision=report.revision or known.revision,
        training_seconds=known.training_seconds + sum(trial.seconds for trial in report.trials),
    )
    return _set(state, select_looks=state.select_looks + looks)


def _scored(state: RunState, event: TrialScored) -> RunState:
    """Only here does a score begin to count."""
    known = state.candidates[event.candidate]
    if not event.score.beats(known.best.score if known.best else None):
        return state
    best = Trial(job=event.job, revision=event.revision, score=event.score, seconds=event.seconds, note=event.note)
    return _candidate(state, known.number, best=best, status=_kept(known, "trained"))


def _failed(state: RunState, event: InvocationFailed) -> RunState:
    state = _spent(state, event.role, event.spend)
    return state if event.candidate is None else _stumbled(state, event.candidate, event.role, event.why)


def _stumbled(state: RunState, number: int, role: Role, why: str) -> RunState:
    known = state.candidates[number]
    return _candidate(state, number, failures=known.failures + 1, stumbled=role.value, last=why)


def _kept(known: Candidate, status: str) -> str:
    """What was discarded stays so, whatever still comes back from it."""
    return "discarded" if known.status == "discarded" else status
