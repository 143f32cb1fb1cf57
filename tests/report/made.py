"""Runs made up for reports: ledgers with a true chain, and what jobs would have left beside them."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.workspace.layout import Layout
from schemas.base import RunRef, digest
from schemas.budget import Budget, Clock, Spend, Usage
from schemas.candidate import Member, Trial
from schemas.decision import Code, Design, Discard, Finish, Parent, Tune, Wait
from schemas.delivery import Estimated, Finding, Prepared, Refitted, Verified
from schemas.event import (
    AttemptFailed,
    CandidateDiscarded,
    ChoiceMade,
    DecisionRefused,
    DeliveryVerified,
    Event,
    InvocationFailed,
    InvocationReported,
    InvocationStarted,
    LedgerEntry,
    ManagerDecided,
    PersonSteered,
    PhaseEntered,
    RefitEnded,
    ReportScored,
    RunEnded,
    RunPaused,
    RunPrepared,
    RunResumed,
    RunStarted,
    ScoreRejected,
    TrialScored,
)
from schemas.job import JobPhase, JobPurpose, JobState, StepState
from schemas.metric import Direction, Metric, Score
from schemas.role import AggregateReport, CodeReport, DesignReport, ModelChoice, Role, SetupReport, TuneReport
from schemas.run import RunSettings, RunSpec
from schemas.task import Split, Task

BEGUN = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
RMSE = Metric(name="rmse", direction=Direction.LOWER, predicts="value")


def score(value: float, *, wide: float = 0.03, rows: int = 902, split: str = "select", metric: Metric = RMSE) -> Score:
    return Score.model_validate(
        {
            "metric": metric,
            "value": value,
            "low": value - wide,
            "high": value + 1.1 * wide,
            "rows": rows,
            "split": split,
        }
    )


@dataclass
class Made:
    """A run being made up: `tell` appends a fact at a second of the run, `job` leaves a job's state behind."""

    layout: Layout
    told: list[tuple[float, Event]] = field(default_factory=list)

    def tell(self, at: float, event: Event) -> None:
        self.told.append((at, event))

    def job(
        self, id: str, begun: float, ended: float, purpose: JobPurpose = "train", device: str = "cpu:0",
        phase: JobPhase = "done",
    ) -> None:  # fmt: skip
        state = JobState(
            id=id,
            purpose=purpose,
            phase=phase,
            device=device,
            queued_at=BEGUN + timedelta(seconds=begun - 1),
            started_at=BEGUN + timedelta(seconds=begun),
            ended_at=BEGUN + timedelta(seconds=ended),
            steps=(StepState(name=purpose, seconds=ended - begun, exit_code=0 if phase == "done" else 1),),
            problem=None if phase == "done" else "ran out of memory",
            sandbox="bubblewrap",
        )
        folder = self.layout.job(id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.json").write_text(state.model_dump_json())

    def metrics(self, job: str, parts: int, last: float, steps: int = 60) -> None:
        for part in range(1, parts + 1):
            out = self.layout.job_out(job, f"fold{part}" if parts > 1 else "select")
            out.mkdir(parents=True)
            lines = [json.dumps(row) for row in _curve(part, last, steps)]
            (out / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 61, "valid_']))

    def save(self) -> Layout:
        self.layout.folder.mkdir(parents=True, exist_ok=True)
        self.layout.ledger.write_text("".join(entry.model_dump_json() + "\n" for entry in self.entries()))
        return self.layout

    def entries(self) -> Iterator[LedgerEntry]:
        previous = "0" * 64
        for seq, (at, event) in enumerate(sorted(self.told, key=lambda told: told[0]), 1):
            moment = BEGUN + timedelta(seconds=at)
            sealed = digest({"seq": seq, "at": moment, "event": event, "previous": previous})
            yield LedgerEntry(seq=seq, at=moment, event=event, previous=previous, digest=sealed)
            previous = sealed


def _curve(part: int, last: float, steps: int) -> Iterator[dict[str, float]]:
    for step in range(1, steps + 1):
        fall = math.exp(-step / (9 + part))
        bump = 0.012 * part * math.sin(step / 7)
        yield {
            "step": step,
            "time": step * 0.4,
            "train_rmse": last * (0.55 + 1.1 * fall),
            "valid_rmse": last * (1 + 0.9 * fall + bump),
        }


def task(**changes: object) -> Task:
    settled = Task(
        name="esol-solubility",
        kind="regression",
        metric=RMSE,
        split=Split(kind="random", folds=5, report=0.1, why="There are fewer than 5,000 labelled rows."),
        train="train.csv",
        test="test.csv",
        sample_submission="sample_submission.csv",
        id="id",
        targets=("solubility",),
        prediction_columns=("id", "solubility"),
        rows=902,
        test_rows=226,
        settled={"target": "the column of the sample submission", "metric": "named in the description: RMSE"},
    )
    return settled.model_copy(update=changes)


def begun(folder: Path, *, settings: RunSettings | None = None) -> Made:
    made = Made(Layout(folder))
    spec = RunSpec(
        run=RunRef(id=folder.name, folder=str(folder)),
        name="esol-solubility",
        settings=settings or RunSettings(),
        budget=Budget(seconds=600.0, agent_calls=40),
    )
    clock = Clock(started=BEGUN, explore_until=BEGUN + timedelta(seconds=450), deadline=BEGUN + timedelta(seconds=600))
    made.tell(0, RunStarted(spec=spec, clock=clock))
    return made


def prepared(made: Made, at: float = 4, *, sandbox: str = "bubblewrap", task_: Task | None = None) -> None:
    made.tell(
        at,
        RunPrepared(
            prepared=Prepared(
                task=task_ or task(),
                data={"train.csv": "5f" * 32, "test.csv": "a1" * 32},
                withheld={"report": 90, "select": 812},
                environment="/environments/9c1f",
                sandbox=sandbox,
                notes=("The column smiles holds SMILES strings.",),
            )
        ),
    )


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
                    "model": self.model.name,
                    "thought": thought,
                    "decisions": decisions,
                    "answers": answers,
                    "spend": self.spend,
                }
            ),
        )


def whole(folder: Path, *, hostile: str = "", cast_model: str = "playbook", sandbox: str = "bubblewrap") -> Layout:
    """Four candidates, one drawn from two others; a failed attempt, a refusal, a steer, a pause, a blend."""
    made = begun(folder, settings=RunSettings(model=cast_model))
    made.tell(0.1, PhaseEntered(phase="PREPARING"))
    prepared(made, sandbox=sandbox)
    spend = Spend(usage=Usage(input_tokens=9000, output_tokens=700), dollars=None, model_calls=6, model_seconds=4.0)
    cast = Cast(made, ModelChoice(name=cast_model), spend if cast_model != "playbook" else Cast(made).spend)
    cast.start(5, "setup.1", Role.SETUP)
    setup = SetupReport(
        invocation="setup.1", summary="Everything needed is there.", environment="9c1f", spend=cast.spend
    )
    made.tell(12, InvocationReported(invocation="setup.1", report=setup))
    made.tell(12.1, PhaseEntered(phase="EXPLORING"))
    _explore(cast, hostile)
    _deliver(cast)
    return made.save()


def _explore(cast: Cast, hostile: str) -> None:
    made = cast.made
    cast.turn(
        13, 1, "Three different families first." + hostile,
        Design(candidate=1, brief="Boosted trees on descriptors of the molecule." + hostile),
        Design(candidate=2, brief="A linear model on character n-grams."),
        Design(candidate=3, brief="A small network on the characters."),
    )  # fmt: skip
    one = cast.design(13.2, 19, 1, 1, "boosted trees", "LightGBM on counted fragments" + hostile, answer="use1.0")
    two = cast.design(13.3, 20, 2, 2, "linear", "Ridge on character n-grams", answer="use1.1")
    cast.design(13.4, 22, 3, 3, "network", "Convolutions over characters", answer="use1.2")
    cast.turn(23, 2, "All three are different enough.", *(Code(candidate=n, brief="As designed.") for n in (1, 2, 3)))
    cast.code(23.5, 48, 4, 1, answer="use2.0")
    cast.code(24, 44, 5, 2, answer="use2.1")
    cast.start(24.5, "coder.3.6", Role.CODER, 3, answer="use2.2")
    lost = "the worker's heartbeat stopped"
    made.tell(41, AttemptFailed(invocation="coder.3.6", attempt=1, cause="platform", error=lost, again=True))
    report = CodeReport(invocation="coder.3.6", attempt=2, candidate=3, revision="06c" * 13 + "c", summary="Done.")
    made.tell(66, InvocationReported(invocation="coder.3.6", report=report))
    cast.turn(
        49, 3, "", Tune(candidate=1, minutes=2, brief="Learning rate, then leaves."), Wait(why="coder 3 still works")
    )
    cast.turn(
        50,
        4,
        "Candidate 2 is ready.",
        Tune(candidate=2, minutes=1, brief="The penalty."),
        Tune(candidate=2, minutes=1, brief="Once more."),
    )
    again = Tune(candidate=2, minutes=1, brief="Once more.")
    made.tell(50.1, DecisionRefused(turn=4, decision=again, answer="use4.1", why="tuner.2.8 is at work on it"))
    made.tell(100, PersonSteered(note="Molecular weight matters; use it." + hostile))
    cast.tune(
        50.5,
        118,
        8,
        2,
        [(0.78, True, "quick look"), (0.742, False, "penalty 1"), (0.711, False, "penalty 10")],
        answer="use4.0",
    )
    cast.tune(
        49.5,
        172,
        7,
        1,
        [
            (0.80, True, "quick look"),
            (0.662, False, "as designed"),
            (0.655, False, "slower, longer"),
            (0.669, False, "fewer leaves"),
        ],
        answer="use3.0",
    )
    made.tell(180, RunPaused(by="person", why="another job needs the machine"))
    made.tell(214, RunResumed())
    parents = (Parent(candidate=1, revision=one), Parent(candidate=2, revision=two))
    cast.turn(
        215,
        5,
        "The network next; and a revision of 1 with the n-grams of 2.",
        Tune(candidate=3, minutes=1, brief="Epochs."),
        Design(candidate=4, brief="Trees on both.", parents=parents),
    )
    cast.design(
        215.5,
        223,
        10,
        4,
        "boosted trees",
        "LightGBM on fragments and the linear model's output",
        answer="use5.1",
        parents=((1, one), (2, two)),
    )
    cast.tune(
        216, 268, 9, 3, [(1.9, True, "quick look"), (None, False, "wider"), (0.94, False, "narrower")], answer="use5.0"
    )
    made.tell(269, ScoreRejected(invocation="tuner.3.9", candidate=3, job="tuner.3.9.t0", why="No such predictions."))
    cast.turn(
        270,
        6,
        "",
        Discard(candidate=3, why="Far behind, and its curve is flat."),
        Code(candidate=4, brief="As designed."),
    )
    made.tell(270.1, CandidateDiscarded(candidate=3, why="Far behind, and its curve is flat."))
    cast.code(270.5, 300, 11, 4, answer="use6.1")
    cast.turn(301, 7, "", Tune(candidate=4, minutes=2, brief="As candidate 1 was."))
    cast.tune(301.5, 402, 12, 4, [(0.631, False, "as candidate 1"), (0.622, False, "more rounds")], answer="use7.0")
    cast.turn(403, 8, "A blend of 1, 2 and 4 should do better than any.", Finish(why="What is left would not pay."))


def _deliver(cast: Cast) -> None:
    made = cast.made
    made.tell(403.2, PhaseEntered(phase="AGGREGATING", why="What is left would not pay."))
    cast.start(403.5, "aggregator.13", Role.AGGREGATOR)
    members = (
        Member(candidate=4, job="tuner.4.12.t2", revision="1201" * 10, weight=0.6),
        Member(candidate=2, job="tuner.2.8.t3", revision="0802" * 10, weight=0.4),
    )
    report = AggregateReport(
        invocation="aggregator.13", members=members, method="mean", revision="13a" * 13 + "a", claim=score(0.604),
        summary="Candidate 1 adds nothing beside 4.", spend=cast.spend,
    )  # fmt: skip
    made.tell(431, InvocationReported(invocation="aggregator.13", report=report))
    made.tell(432, ChoiceMade(report=report, score=score(0.604)))
    made.job("estimate", 433, 455, "train")
    made.tell(
        456, ReportScored(estimated=Estimated(score=score(0.617, wide=0.08, rows=90, split="report"), job_seconds=22))
    )
    made.job("refit", 457, 490, "refit")
    made.tell(491, RefitEnded(refitted=Refitted(done=True, job_seconds=33)))
    made.job("verify", 492, 500, "verify")
    findings = (
        Finding(name="rows shuffled", passed=True, detail="226 predictions are the same."),
        Finding(name="fewer rows", passed=True),
        Finding(name="without weights", passed=True, detail="Inference failed, as it must."),
    )
    verified = Verified(passed=True, findings=findings, submission="output/submission.csv", rows=226, job_seconds=8)
    made.tell(501, DeliveryVerified(verified=verified, refitted=True))
    made.tell(502, RunEnded(phase="DONE"))


def failed_early(folder: Path) -> Layout:
    """A run whose setup failed: no candidate, no score, no split to speak of."""
    made = begun(folder)
    prepared(made)
    cast = Cast(made)
    cast.start(5, "setup.1", Role.SETUP)
    made.tell(9, InvocationFailed(invocation="setup.1", role=Role.SETUP, why="The environment could not be made."))
    made.tell(10, RunEnded(phase="FAILED", why="No candidate could be begun."))
    return made.save()
