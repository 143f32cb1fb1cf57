"""The state is a fold of events."""

import pytest

from schemas.budget import Spend, Usage
from schemas.candidate import Candidate
from schemas.event import (
    CandidateDiscarded,
    InvocationFailed,
    InvocationReported,
    LimitReached,
    PhaseEntered,
    RunEnded,
    RunExtended,
    RunPaused,
    RunResumed,
    TrialScored,
)
from schemas.role import AggregateReport, CodeReport, DesignReport, Role, TuneReport
from tests.workflows.facts import START, flight, folded, prepared, score, started, trial
from workflows import fold, ledger


def designed(number: int = 1) -> tuple:
    report = DesignReport(
        invocation=f"designer.{number}.1", candidate=number, revision="r1", approach="LightGBM", family="boosted trees"
    )
    return flight(Role.DESIGNER, number), InvocationReported(invocation=report.invocation, report=report)


def coded(number: int = 1) -> tuple:
    report = CodeReport(invocation=f"coder.{number}.1", candidate=number, revision="r2", check="j1")
    return flight(Role.CODER, number), InvocationReported(invocation=report.invocation, report=report)


def scored(job: str, value: float, number: int = 1) -> TrialScored:
    return TrialScored(
        invocation=f"tuner.{number}.1", candidate=number, job=job, revision="r3", score=score(value), seconds=60.0
    )


def tuned(job: str, value: float, number: int = 1) -> InvocationReported:
    report = TuneReport(invocation=f"tuner.{number}.1", candidate=number, trials=(trial(job, value),), best=job)
    return InvocationReported(invocation=report.invocation, report=report)


def test_a_candidate_is_designed_then_coded_then_trained() -> None:
    assert folded(prepared(), *designed()).candidates[1].status == "designed"
    assert folded(prepared(), *designed(), *coded()).candidates[1].status == "coded"
    state = folded(prepared(), *designed(), *coded(), flight(Role.TUNER, 1), scored("j2", 0.5), tuned("j2", 0.5))
    known = state.candidates[1]
    assert (known.status, known.designs, known.codes, known.tunes, known.trials) == ("trained", 1, 1, 1, 1)
    assert known.best is not None
    assert known.best.job == "j2"
    assert state.in_flight == {}


def test_what_failed_last_is_known_until_it_is_made_good() -> None:
    report = CodeReport(invocation="coder.1.1", candidate=1, problem="no such library")
    failed = (flight(Role.CODER, 1), InvocationReported(invocation="coder.1.1", report=report))
    known = folded(prepared(), *designed(), *failed).candidates[1]
    assert (known.failures, known.stumbled, known.last) == (1, "coder", "no such library")
    mended = folded(prepared(), *designed(), *failed, *coded()).candidates[1]
    assert (mended.failures, mended.stumbled) == (0, "")


def test_a_claimed_score_does_not_count_until_the_scorer_has_confirmed_it() -> None:
    state = folded(prepared(), *designed(), *coded(), flight(Role.TUNER, 1), tuned("j2", 0.5))
    assert state.candidates[1].best is None
    assert state.best is None


def test_only_a_better_score_replaces_the_best_and_a_tune_without_one_is_stale() -> None:
    first = (*designed(), *coded(), flight(Role.TUNER, 1), scored("j2", 0.5), tuned("j2", 0.5))
    worse = folded(prepared(), *first, scored("j3", 0.6), tuned("j3", 0.6)).candidates[1]
    assert worse.best is not None
    assert (worse.best.job, worse.stale) == ("j2", 1)
    better = folded(prepared(), *first, scored("j3", 0.4), tuned("j3", 0.4)).candidates[1]
    assert better.best is not None
    assert (better.best.job, better.stale) == ("j3", 0)


def test_lower_is_better_for_rmse_when_the_leader_is_named() -> None:
    state = folded(prepared(), *designed(1), *designed(2), scored("a", 0.5, 1), scored("b", 0.4, 2))
    assert state.best is not None
    assert state.best.number == 2


def test_a_discarded_candidate_keeps_its_results_and_stays_discarded() -> None:
    gone = CandidateDiscarded(candidate=1, why="beaten")
    state = folded(prepared(), *designed(), *coded(), scored("j2", 0.5), gone, *designed(), tuned("j2", 0.5))
    assert state.candidates[1].status == "discarded"
    assert state.candidates[1].best is not None


def test_failures_in_a_row_are_counted_and_forgotten_after_a_success() -> None:
    failed = InvocationFailed(invocation="coder.1.1", role=Role.CODER, candidate=1, why="no")
    assert folded(prepared(), *designed(), failed, failed).candidates[1].failures == 2
    assert folded(prepared(), *designed(), failed, failed, *coded()).candidates[1].failures == 0


def test_spend_is_summed_by_role_and_an_unknown_price_stays_unknown() -> None:
    def report(dollars: float | None) -> InvocationReported:
        spend = Spend(usage=Usage(input_tokens=10), dollars=dollars, model_calls=1)
        return InvocationReported(
            invocation="designer.1.1", report=DesignReport(invocation="designer.1.1", candidate=1, spend=spend)
        )

    state = folded(prepared(), flight(Role.DESIGNER, 1), report(0.25), report(0.5))
    assert state.spend.dollars == pytest.approx(0.75)
    assert state.spend_by_role[Role.DESIGNER].usage.input_tokens == 20
    assert folded(prepared(), flight(Role.DESIGNER, 1), report(0.25), report(None)).spend.dollars is None


def test_pause_lies_over_the_phase_and_extension_lifts_limits() -> None:
    paused = folded(prepared(), PhaseEntered(phase="EXPLORING"), RunPaused(by="person", why="lunch"))
    assert (paused.phase, paused.paused, paused.pause_why) == ("EXPLORING", "person", "lunch")
    assert folded(prepared(), RunPaused(by="person"), RunResumed()).paused is None
    clock, budget = started(90).clock, started(90).spec.budget
    longer = folded(prepared(), LimitReached(limit="explore_until"), RunExtended(clock=clock, budget=budget))
    assert (longer.limits, longer.clock.deadline) == ((), clock.deadline)


def test_an_ended_run_has_nothing_in_flight() -> None:
    state = folded(prepared(), flight(Role.TUNER, 1), RunEnded(phase="STOPPED", why="enough"))
    assert (state.phase, state.in_flight, state.why) == ("STOPPED", {}, "enough")
    assert state.ended is not None


def test_a_ledger_that_does_not_begin_with_the_start_is_refused() -> None:
    entry = ledger.entry(RunResumed(), seq=1, at=START, previous=ledger.GENESIS)
    with pytest.raises(ValueError, match="run_started"):
        fold.begin(entry)


def test_the_state_survives_json_which_is_how_it_crosses_executions() -> None:
    state = folded(prepared(), *designed(), *coded(), scored("j2", 0.5))
    assert type(state).model_validate_json(state.model_dump_json()) == state
    assert isinstance(state.candidates[1], Candidate)


def test_what_the_aggregator_compared_counts_as_looks_at_select() -> None:
    report = AggregateReport(invocation="aggregator.9", looks=6)
    seen = (*designed(), *coded(), flight(Role.TUNER, 1), scored("j2", 0.5), tuned("j2", 0.5))
    state = folded(prepared(), *seen, InvocationReported(invocation="aggregator.9", report=report))
    assert state.select_looks == 7
