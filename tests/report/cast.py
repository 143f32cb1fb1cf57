"""The roles of a made-up run, in shorthand."""

import math
from dataclasses import dataclass, field
from datetime import timedelta

from schemas.budget import Spend
from schemas.candidate import Trial
from schemas.event import (
    InvocationReported,
    InvocationStarted,
    ManagerDecided,
    TrialScored,
)
from schemas.role import CodeReport, DesignReport, ModelChoice, Role, TuneReport
from tests.report.made import BEGUN, Made, score


@dataclass
class Cast:
    """Shorthand for invocations of one made-up run."""

    made: Made
    model: ModelChoice = field(default_factory=ModelChoice)
    spend: Spend = field(default_factory=lambda: Spend(model_calls=6, model_seconds=0.4))

    def start(self, at: float, name: str, role: Role, candidate: int | None = None, **more: object) -> None:
        self.made.tell(
            at,
            InvocationStarted.model_validate(
                {
                    "invocation": name,
                    "role": role,
                    "model": self.model,
                    "candidate": candidate,
                    "deadline": BEGUN + timedelta(seconds=600),
                    **more,
                }
            ),
        )

    def design(
        self, begun: float, ended: float, n: int, number: int, family: str, approach: str, **more: object
    ) -> str:
        name, revision = f"designer.{number}.{n}", f"{n:02d}d" * 13 + "d"
        self.start(begun, name, Role.DESIGNER, number, **more)
        report = DesignReport(
            invocation=name, candidate=number, revision=revision, approach=approach, family=family,
            summary=f"{approach}. The target is close to normal, so no transform.", spend=self.spend, turns=4,
        )  # fmt: skip
        self.made.tell(ended, InvocationReported(invocation=name, report=report))
        return revision

    def code(self, begun: float, ended: float, n: int, number: int, **more: object) -> str:
        name, revision = f"coder.{number}.{n}", f"{n:02d}c" * 13 + "c"
        self.start(begun, name, Role.CODER, number, **more)
        self.made.job(f"{name}.check", begun + 2, ended - 1, "check", f"cpu:{number % 2}")
        report = CodeReport(
            invocation=name, candidate=number, revision=revision, check=f"{name}.check",
            summary="train.py and inference.py written; the check passed.", spend=self.spend, turns=7,
        )  # fmt: skip
        self.made.tell(ended, InvocationReported(invocation=name, report=report))
        return revision

    def tune(
        self, begun: float, ended: float, n: int, number: int, values: list[tuple[float | None, bool, str]],
        **more: object,
    ) -> list[str]:  # fmt: skip
        """Trials at equal times: (value or None if it failed, quick, note)."""
        name = f"tuner.{number}.{n}"
        self.start(begun, name, Role.TUNER, number, **more)
        step = (ended - begun - 2) / len(values)
        trials = []
        for index, (value, quick, note) in enumerate(values):
            job, start = f"{name}.t{index + 1}", begun + 1 + index * step
            self.made.job(job, start, start + 0.94 * step, "train", f"cpu:{number % 2}", "done" if value else "failed")
            if value:
                self.made.metrics(job, 1 if quick else 5, value)
            trials.append(
                Trial(
                    job=job, revision=f"{n:02d}{index:02d}" * 10, score=score(value) if value else None, quick=quick,
                    seconds=0.94 * step, note=note, problem=None if value else "ran out of memory",
                )
            )  # fmt: skip
        full = [trial for trial in trials if trial.score and not trial.quick]
        best = min(full, key=lambda trial: trial.score.value if trial.score else math.inf, default=None)
        if best and best.score:
            self.made.tell(
                ended - 0.5,
                TrialScored(
                    invocation=name, candidate=number, job=best.job, revision=best.revision, score=best.score,
                    seconds=best.seconds, note=best.note,
                ),
            )  # fmt: skip
        report = TuneReport(
            invocation=name, candidate=number, revision=best.revision if best else None, trials=tuple(trials),
            best=best.job if best else None, summary="The learning rate mattered most.", turns=9,
            spend=self.spend + Spend(jobs=len(values), job_seconds=ended - begun),
        )  # fmt: skip
        self.made.tell(ended, InvocationReported(invocation=name, report=report))
        return [trial.job for trial in trials]

    def turn(self, at: float, n: int, thought: str, *decisions: object) -> None:
        answers = tuple(f"use{n}.{index}" for index in range(len(decisions)))
        self.made.tell(
            at,
            ManagerDecided.model_validate(
                {
                    "turn": n,
                    "invocation": f"manager.{n}",
                    "policy": "agent",
                    "thought": thought,
                    "decisions": decisions,
                    "answers": answers,
                    "spend": self.spend,
                }
            ),
        )
