"""Whole made-up runs: one with everything in it, some that ended early, one that is large."""

import json
from pathlib import Path

from activities.workspace.layout import Layout
from schemas.budget import Spend, Usage
from schemas.candidate import Member, Trial
from schemas.decision import Code, Design, Discard, Finish, Parent, Tune, Wait
from schemas.delivery import Estimated, Finding, Refitted, Verified
from schemas.event import (
    AttemptFailed,
    CandidateDiscarded,
    ChoiceMade,
    DecisionRefused,
    DeliveryVerified,
    InvocationFailed,
    InvocationReported,
    ManagerDecided,
    PersonSteered,
    PhaseEntered,
    RefitEnded,
    ReportScored,
    RunEnded,
    RunPaused,
    RunResumed,
    ScoreRejected,
)
from schemas.role import AggregateReport, CodeReport, ModelChoice, Role, SetupReport
from schemas.run import RunSettings
from schemas.task import Split
from tests.report.cast import Cast
from tests.report.made import Made, begun, prepared, score, task


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
    trees, linear = _begin(cast, hostile)
    _train(cast, hostile)
    _combine(cast, trees, linear)
    _deliver(cast)
    return made.save()


def _begin(cast: Cast, hostile: str) -> tuple[str, str]:
    """Three candidates are designed and coded, one of them in a second attempt. The first two's revisions."""
    made = cast.made
    cast.turn(
        13, 1, "Three different families first." + hostile,
        Design(candidate=1, brief="Boosted trees on descriptors of the molecule." + hostile),
        Design(candidate=2, brief="A linear model on character n-grams."),
        Design(candidate=3, brief="A small network on the characters."),
    )  # fmt: skip
    trees = cast.design(13.2, 19, 1, 1, "boosted trees", "LightGBM on counted fragments" + hostile, answer="use1.0")
    linear = cast.design(13.3, 20, 2, 2, "linear", "Ridge on character n-grams", answer="use1.1")
    cast.design(13.4, 22, 3, 3, "network", "Convolutions over characters", answer="use1.2")
    cast.turn(23, 2, "All three are different enough.", *(Code(candidate=n, brief="As designed.") for n in (1, 2, 3)))
    cast.code(23.5, 48, 4, 1, answer="use2.0")
    cast.code(24, 44, 5, 2, answer="use2.1")
    cast.start(24.5, "coder.3.6", Role.CODER, 3, answer="use2.2")
    lost = "the worker's heartbeat stopped"
    made.tell(41, AttemptFailed(invocation="coder.3.6", attempt=1, cause="platform", error=lost, again=True))
    report = CodeReport(invocation="coder.3.6", attempt=2, candidate=3, revision="06c" * 13 + "c", summary="Done.")
    made.tell(66, InvocationReported(invocation="coder.3.6", report=report))
    return trees, linear


def _train(cast: Cast, hostile: str) -> None:
    """Two are tuned, while a decision is refused, a person speaks, and the run is paused."""
    made = cast.made
    cast.turn(
        49, 3, "", Tune(candidate=1, minutes=2, brief="Learning rate, then leaves."), Wait(why="coder 3 still works")
    )
    cast.turn(
        50, 4, "Candidate 2 is ready.",
        Tune(candidate=2, minutes=1, brief="The penalty."),
        Tune(candidate=2, minutes=1, brief="Once more."),
    )  # fmt: skip
    again = Tune(candidate=2, minutes=1, brief="Once more.")
    made.tell(50.1, DecisionRefused(turn=4, decision=again, answer="use4.1", why="tuner.2.8 is at work on it"))
    made.tell(100, PersonSteered(note="Molecular weight matters; use it." + hostile))
    cast.tune(
        50.5, 118, 8, 2, [(0.78, True, "quick look"), (0.742, False, "penalty 1"), (0.711, False, "penalty 10")],
        answer="use4.0",
    )  # fmt: skip
    cast.tune(
        49.5, 172, 7, 1,
        [(0.80, True, "quick look"), (0.662, False, "as designed"), (0.655, False, "slower"), (0.669, False, "less")],
        answer="use3.0",
    )  # fmt: skip
    made.tell(180, RunPaused(by="person", why="another job needs the machine"))
    made.tell(214, RunResumed())


def _combine(cast: Cast, trees: str, linear: str) -> None:
    """The third is tuned and discarded; the first two become the parents of a fourth."""
    made = cast.made
    parents = (Parent(candidate=1, revision=trees), Parent(candidate=2, revision=linear))
    cast.turn(
        215, 5, "The network next; and a revision of 1 with the n-grams of 2.",
        Tune(candidate=3, minutes=1, brief="Epochs."),
        Design(candidate=4, brief="Trees on both.", parents=parents),
    )  # fmt: skip
    cast.design(
        215.5, 223, 10, 4, "boosted trees", "LightGBM on fragments and the linear model's output",
        answer="use5.1", parents=((1, trees), (2, linear)),
    )  # fmt: skip
    cast.tune(
        216, 268, 9, 3, [(1.9, True, "quick look"), (None, False, "wider"), (0.94, False, "narrower")], answer="use5.0"
    )
    why = "The scorer finds 0.702."
    made.tell(171, ScoreRejected(invocation="tuner.1.7", candidate=1, job="tuner.1.7.t4", why=why))
    cast.turn(
        270, 6, "",
        Discard(candidate=3, why="Far behind, and its curve is flat."), Code(candidate=4, brief="As designed."),
    )  # fmt: skip
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


def begun_only(folder: Path) -> Layout:
    """A run that was stopped before its data was looked at."""
    made = begun(folder)
    made.tell(1, RunEnded(phase="STOPPED", why="Wrong file."))
    return made.save()


def nothing(folder: Path) -> Layout:
    """A run's folder before its first fact."""
    folder.mkdir()
    return Layout(folder)


def delivered_alone(folder: Path, *, problem: str | None = None) -> Layout:
    """One candidate, no rows withheld for `report`, no refit; with a problem, the final check did not pass."""
    made = begun(folder)
    prepared(made, task_=task(split=Split(kind="time", column="day", report=0.0), rows=9000))
    cast = Cast(made)
    cast.design(13, 19, 1, 1, "linear", "Ridge on everything")
    cast.code(20, 40, 2, 1)
    job = cast.tune(41, 90, 3, 1, [(0.71, False, "as designed")])[0]
    members = (Member(candidate=1, job=job, revision="03" * 20),)
    made.tell(91, ChoiceMade(report=AggregateReport(invocation="aggregator.4", members=members), score=score(0.71)))
    made.tell(92, ReportScored(estimated=Estimated()))
    made.tell(99, DeliveryVerified(verified=Verified(passed=problem is None, problem=problem)))
    made.tell(100, RunEnded(phase="DONE"))
    return made.save()


def second_choice(folder: Path) -> Layout:
    """A blend that failed its check, and the single model that took its place."""
    made = begun(folder)
    prepared(made)
    cast = Cast(made)
    jobs = []
    for number in (1, 2):
        cast.design(13, 19, number, number, "linear", "Ridge")
        jobs += cast.tune(41 + number, 90, 3 + number, number, [(0.7 + number / 100, False, "as designed")])
    blend = tuple(Member(candidate=n, job=jobs[n - 1], revision="a" * 40) for n in (1, 2))
    made.tell(91, ChoiceMade(report=AggregateReport(invocation="x", members=blend, method="mean"), score=score(0.69)))
    made.tell(92, ReportScored(estimated=Estimated(score=score(0.70, split="report"))))
    made.tell(93, DeliveryVerified(verified=Verified(passed=False, problem="rows depend on each other")))
    made.tell(94, ChoiceMade(report=AggregateReport(invocation="workflow", members=blend[:1]), score=score(0.71)))
    made.tell(95, ReportScored(estimated=Estimated(score=score(0.73, split="report"))))
    made.tell(96, DeliveryVerified(verified=Verified(passed=True)))
    made.tell(97, RunEnded(phase="DONE"))
    return made.save()


def large(folder: Path, candidates: int = 40, rounds: int = 6) -> Layout:
    """A day's run: many candidates, each tuned again and again."""
    made = begun(folder)
    prepared(made)
    cast = Cast(made)
    for number in range(1, candidates + 1):
        at = 20 + 2000.0 * number
        cast.design(at, at + 30, number, number, f"family {number % 5}", f"Approach {number}")
        for turn in range(rounds):
            value = 0.9 - 0.002 * number - 0.01 * turn
            cast.tune(at + 50 + 300 * turn, at + 340 + 300 * turn, number * 10 + turn, number, [(value, False, "on")])
    made.tell(86_300, RunEnded(phase="STOPPED", why="Enough."))
    return made.save()


def named(folder: Path, name: str) -> Layout:
    made = begun(folder)
    prepared(made, task_=task(name=name))
    return made.save()


def greedy(folder: Path) -> Layout:
    """A policy that is no model: its decisions have no tool uses to answer."""
    made = begun(folder)
    prepared(made)
    decisions = (Design(candidate=1, brief="Trees."), Wait(why="One at a time."))
    made.tell(10, ManagerDecided(turn=1, policy="greedy", decisions=decisions))
    Cast(made).design(11, 14, 1, 1, "boosted trees", "LightGBM")
    return made.save()


def left_behind(layout: Layout, job: str, *, candidate: int, value: float) -> None:
    """A training of a tuner that never reported: its job and its trial.json are all there is."""
    Made(layout).job(job, 440, 445)
    trial = Trial(job=job, revision="e" * 40, score=score(value), seconds=5)
    layout.trial(job).write_text(json.dumps({"candidate": candidate, "trial": trial.model_dump(mode="json")}))
