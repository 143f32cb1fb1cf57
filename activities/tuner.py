"""The tuner: trains a candidate, and improves it by its config.yaml alone."""

from collections.abc import Sequence

from activities.assignment import Assignment, publish
from activities.tools.base import Tool
from activities.tools.bench import Bench
from activities.tools.files import Configuring, Reading
from activities.tools.reporting import Reporting
from activities.tools.training import Training
from activities.tools.trees import candidate_tree
from activities.tools.trials import trials_of
from schemas.candidate import Trial
from schemas.role import Role, TuneReport, TuneRequest


def assignment(request: TuneRequest) -> Assignment[TuneReport]:
    def unable(why: str) -> TuneReport:
        return TuneReport(
            invocation=request.invocation, attempt=request.attempt, candidate=request.candidate, problem=why
        )

    def tools(bench: Bench) -> Sequence[Tool]:
        def given_up(why: str) -> TuneReport:
            return unable(why).model_copy(update={"trials": trials_of(bench.layout, bench.invocation, bench.done())})

        return (
            *Reading(candidate_tree(bench)).tools(),
            *Configuring(bench.worktree).tools(),
            *Training(bench).tools(),
            *Reporting(bench, request.attempt, given_up).tools(Role.TUNER),
        )

    def cut_short(bench: Bench, why: str) -> TuneReport:
        """What was trained counts: a tuner that ran out of time has tuned, if anything got a score."""
        trials = trials_of(bench.layout, bench.invocation, bench.done())
        best = best_of(trials)
        found = {"best": best.job, "problem": None, "summary": f"Cut short: {why}."} if best else {}
        return unable(why).model_copy(update={"trials": trials, **found})

    async def settled(bench: Bench, report: TuneReport) -> TuneReport:
        """The repository holds the configuration of the best training, be it this invocation's or an older one's."""
        best = next((trial for trial in report.trials if trial.job == report.best), None)
        older = request.card.best
        if best is None or best.score is None or not best.score.beats(older.score if older else None):
            return report.model_copy(update={"revision": request.revision})
        await publish(bench, request.candidate, best.revision)
        return report.model_copy(update={"revision": best.revision})

    return Assignment(request, request.candidate, (request.revision,), tools, unable, settled, cut_short)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The full training with the best score."""
    best: Trial | None = None
    for trial in trials:
        full = trial.score is not None and not trial.quick
        if full and trial.score is not None and trial.score.beats(best.score if best else None):
            best = trial
    return best
