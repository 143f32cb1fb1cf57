"""Scores as the workflow itself asks for them: nothing that was only reported counts."""

from typing import Any

from schemas.candidate import Member, Trial
from schemas.delivery import ScoreRequest
from schemas.event import ScoreRejected, TrialScored
from schemas.metric import Score
from schemas.role import TuneReport
from workflows.attempts import Attempts, GivenUp
from workflows.calls import SCORE
from workflows.record import Record

SAME = 1e-9  # relative; the scorer is deterministic


class Scoring:
    """What was trained or chosen, scored again by the system's own scorer."""

    def __init__(self, record: Record, attempts: Attempts) -> None:
        self._record = record
        self._attempts = attempts

    async def verify(self, report: TuneReport) -> None:
        """Scores the best trial again; only then does it count. After a false claim the next is looked at."""
        claims = [trial for trial in report.trials if not trial.quick and trial.score is not None]
        while claims:
            claimed = _leading(claims)
            score = await self.score(claimed_members(report.candidate, claimed), "single", f"score.{claimed.job}")
            if isinstance(score, Score) and claimed.score is not None and same(score.value, claimed.score.value):
                self._count(report, claimed, score)
                return
            found = score if isinstance(score, str) else f"the scorer finds {score.value}, not {claimed.score}"
            self._record.add(
                ScoreRejected(
                    invocation=report.invocation, candidate=report.candidate, job=claimed.job, why=found[:8_000]
                ),
                tell=True,
            )
            claims.remove(claimed)

    def _count(self, report: TuneReport, trial: Trial, score: Score) -> None:
        self._record.add(
            TrialScored(
                invocation=report.invocation,
                candidate=report.candidate,
                job=trial.job,
                revision=trial.revision,
                score=score,
                seconds=trial.seconds,
                note=trial.note,
            )
        )

    async def score(
        self, members: tuple[Member, ...], method: Any, invocation: str, *, threshold: float | None = None
    ) -> Score | str:
        """The scorer's word on members, or why it has none."""
        task = self._record.state.task
        assert task is not None, "a run is prepared before anything is scored"
        request = ScoreRequest(
            run=self._record.state.spec.run,
            task=task,
            members=members,
            method=method,
            threshold=threshold,
        )
        try:
            return await self._attempts.run(SCORE, request, invocation=invocation, summary=invocation)
        except GivenUp as error:
            return error.why


def claimed_members(candidate: int, trial: Trial) -> tuple[Member, ...]:
    return (Member(candidate=candidate, job=trial.job, revision=trial.revision),)


def same(left: float, right: float) -> bool:
    return abs(left - right) <= SAME * max(abs(left), abs(right), 1.0)


def _leading(trials: list[Trial]) -> Trial:
    best = trials[0]
    for trial in trials[1:]:
        if trial.score is not None and trial.score.beats(best.score):
            best = trial
    return best
