"""`run` and `check`: what a coder learns of its code before anyone trains it."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from activities.delivery.bundle import (
    DATA,
    OUT,
    REPOSITORY,
    Bundle,
    emptied_step,
    failed_by_itself,
    predict_step,
    train_step,
)
from activities.errors import ToolFailed
from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from activities.tools.curves import curves
from activities.tools.files import mapping
from activities.tools.reading import end_of
from activities.tools.sample import FIT_ROWS, INPUT_ROWS, sample_views, unseen
from activities.workspace import verify
from activities.workspace.predictions import PROBABILITIES, read_classes
from activities.workspace.pretrained import shown
from schemas.job import JobState, Mount, Step
from schemas.task import Task
from schemas.tool import Check, Checked, Ran, Run

TRAIN_SECONDS, PREDICT_SECONDS = 300.0, 180.0
EMPTIED = "inference without its model"
ORIGINAL = "original"
LOG_CHARACTERS = 6_000
NEEDED = ("train.py", "inference.py", "config.yaml")


class Checking:
    """The coder's tools."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[Tool, ...]:
        task = self._bench.task
        network = "the network can be reached" if task.network else "there is no network"
        run = (
            "Runs a command as a job on a copy of the repository, which is its working folder: the data view is at "
            "/data, a folder for output at /out, pretrained weights, where the run has any, at /weights; "
            f"{network}. `python` is the candidates' environment's. `minutes` bounds it (SIGTERM, then a kill). What "
            f"it changes in the copy is not kept; the last {LOG_CHARACTERS} characters of its output come back, and "
            "pictures that it writes to /out can be seen as results/JOB/run/NAME.png. For a look at the data, a "
            "timing, a traceback, a plot; whether the code keeps the contract only `check` says."
        )
        check = (
            "Does on a sample of the data what the system will do at the end: trains with --quick on at most "
            f"{FIT_ROWS} rows (a task that is no table: on all that you see), predicts at most {INPUT_ROWS} other "
            "rows, and again with rows shuffled, fewer rows and new ids, then rows of new combinations (the later half "
            "of the columns from another row, as long as there are two), which must be predicted from their features "
            "like any others, and with the model emptied, which must fail. Inference never has a network. "
            f"Training may take {TRAIN_SECONDS:.0f} s, each prediction {PREDICT_SECONDS:.0f} s. Returns `passed`, a "
            "finding for each part, and where it failed the end of the log. report_code is accepted only after a "
            "check passed on the code as it is."
        )
        return Tool("run", run, Run, self.run), Tool("check", check, Check, self.check)

    async def run(self, given: Run, call: Call) -> Done:
        bench = self._bench
        seconds = 1.0 if bench.started(call.job) else bench.seconds(given.minutes * 60)
        tree = await bench.checkout(await bench.tree(), call.job)
        out = bench.layout.job_out(call.job, "run")
        out.mkdir(parents=True, exist_ok=True)
        mounts = (
            Mount(source=str(tree), target=REPOSITORY, writable=True),
            Mount(source=str(bench.layout.view), target=DATA),
            Mount(source=str(out), target=OUT, writable=True),
        )
        step = Step(name="run", argv=tuple(given.argv), mounts=mounts, workdir=REPOSITORY, seconds=seconds)
        step = shown(step, bench.layout.weights)
        state = await bench.run(call.job, "run", (step,), words=_words("run", call), priority=0)
        ran = Ran(
            job=call.job,
            phase=state.phase,
            seconds=state.seconds,
            problem=state.problem,
            log=end_of(bench.jobs.log(call.job, characters=LOG_CHARACTERS), LOG_CHARACTERS),
            **bench.left(),
        )
        return Done(ran, jobs=(state,))

    async def check(self, _given: Check, call: Call) -> Done:
        bench = self._bench
        if not bench.started(call.job):
            bench.seconds(TRAIN_SECONDS)
        self._complete()
        fit, inputs = await asyncio.to_thread(sample_views, bench.layout, bench.task)
        folder = bench.layout.job(call.job) / "parts"
        views = await asyncio.to_thread(_perturbed, inputs, bench.task, folder / "views")
        tree = await bench.checkout(await bench.tree(), call.job)
        steps = self._steps(tree, fit, inputs, views, folder)
        state = await bench.run(call.job, "check", steps, words=_words("check", call), priority=0)
        problem, findings = await asyncio.to_thread(self._judged, state, inputs, views, folder)
        log = bench.jobs.log(call.job, characters=LOG_CHARACTERS) if problem else ""
        checked = Checked(
            job=call.job,
            passed=problem is None,
            seconds=state.seconds,
            problem=problem,
            findings=findings,
            log=end_of(log, LOG_CHARACTERS),
            **bench.left(),
        )
        return Done(checked, jobs=(state,))

    def _complete(self) -> None:
        worktree = self._bench.worktree
        missing = [name for name in NEEDED if not (worktree / name).is_file()]
        if missing:
            raise ToolFailed(f"the repository lacks {', '.join(missing)}; write them, then check")
        mapping((worktree / "config.yaml").read_text(errors="replace"), "config.yaml")

    def _steps(
        self, tree: Path, fit: Path, inputs: Path, views: Sequence[verify.Perturbed], folder: Path
    ) -> tuple[Step, ...]:
        out = folder / "check" / "out"
        (out / "model").mkdir(parents=True, exist_ok=True)
        train = train_step("train", tree, fit, out, TRAIN_SECONDS, self._bench.layout.weights)
        trained = Bundle(tree, {}, {"": out / "model"})
        asked = [("inference", inputs, folder / ORIGINAL)]
        asked += [(f"inference, {one.name}", one.view, folder / one.view.name) for one in views]
        sealed = unseen(self._bench.layout, self._bench.task)
        predictions = [
            predict_step(name, trained, view, into, PREDICT_SECONDS, sealed=sealed) for name, view, into in asked
        ]
        emptied = emptied_step(EMPTIED, trained, inputs, folder / "emptied", PREDICT_SECONDS)
        return (train.model_copy(update={"argv": (*train.argv, "--quick")}), *predictions, emptied)

    def _judged(
        self, state: JobState, inputs: Path, views: Sequence[verify.Perturbed], folder: Path
    ) -> tuple[str | None, tuple[str, ...]]:
        """What is wrong, if anything is, and each finding in words."""
        if state.phase == "done":
            return "inference wrote predictions with its model emptied: it must use what is in --model", ()
        if not failed_by_itself(state, EMPTIED):
            return state.problem or f"the check {state.phase}", ()
        task, classes = self._bench.task, read_classes(self._bench.layout)
        sealed = unseen(self._bench.layout, task)
        pairs = [(one, folder / one.view.name) for one in views]
        found = [
            verify.check_predictions(folder / ORIGINAL, inputs, task, classes, sealed=sealed),
            *verify.compare(task, classes, inputs, folder / ORIGINAL, pairs, sealed=sealed),
        ]
        words = [f"{'passed' if one.passed else 'FAILED'}: {one.name}. {one.detail}".strip() for one in found]
        words += ["passed: inference fails without its model", *_noted(task, folder)]
        failed = [f"{one.name}: {one.detail}" for one in found if not one.passed]
        return ("; ".join(dict.fromkeys(failed)) or None), tuple(words)


def _noted(task: Task, folder: Path) -> Iterator[str]:
    """What no check asks for, and others will miss."""
    names = ", ".join(curve.name for curve in curves(folder / "check" / "out"))
    if names:
        yield f"noted: metrics.jsonl tells of {names}"
    else:
        yield "noted: train.py wrote nothing to metrics.jsonl, so nobody will see how a training goes"
    alone = task.metric.predicts == "label" and len(task.targets) == 1
    if alone and not (folder / ORIGINAL / PROBABILITIES).is_file():
        yield "noted: there is no probabilities.csv beside the labels, so a blend can only take votes of this candidate"


def _perturbed(inputs: Path, task: Task, folder: Path) -> tuple[verify.Perturbed, ...]:
    """The views, made whole or not at all; in a repeated call the same ones, which a job may be reading."""
    draft = folder.with_name(f".{folder.name}.{uuid4().hex}")
    draft.mkdir(parents=True)
    made = verify.perturbed(inputs, task, draft)
    if folder.exists():
        shutil.rmtree(draft)
    else:
        draft.rename(folder)
    return tuple(replace(one, view=folder / one.view.name) for one in made)


def _words(name: str, call: Call) -> Callable[[], str]:
    began = time.monotonic()
    return lambda: f"{name} j{call.number}, {time.monotonic() - began:.0f} s"
