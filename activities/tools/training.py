"""`train`: the repository as it stands is trained, predicts rows withheld for `select`, and is scored by the system."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from activities.delivery.bundle import Bundle, predict_step, train_step
from activities.errors import ToolFailed
from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from activities.tools.curves import curves, latest
from activities.tools.reading import end_of
from activities.tools.trials import TrialFile, find_trial, write_trial
from activities.workspace.parts import Part, select_parts
from activities.workspace.scorer import score_members
from schemas.candidate import Member, Trial
from schemas.job import JobState, Step
from schemas.metric import Score
from schemas.tool import Train, Trained

LEAST_SECONDS = 5.0
SHARE = 0.85  # of the time that is left; predictions and their scoring take the rest
PREDICT_SECONDS = 900.0  # of one part at most
LOG_OF_SUCCESS, LOG_OF_FAILURE = 2_000, 6_000  # characters


class Training:
    """The tuner's tool."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[Tool, ...]:
        folds = self._bench.task.split.folds
        parts = f"{folds} times, once for each fold, `minutes` for all together" if folds else "at most `minutes`"
        what = (
            f"Trains the repository as it stands with its config.yaml ({parts}; at the end of its time train.py gets "
            "SIGTERM and is killed some seconds later), lets it predict rows that you cannot see, and returns the "
            "system's score with its 95 % interval, the learning curves (first, last and best value of each, and at "
            "which step), the end of the log and what is left. It waits for a free device first. With `quick`, "
            f"train.py gets --quick{' on one fold' if folds else ''}: an early signal in little time, which never "
            f"competes. `minutes` is cut to {SHARE:.0%} of the time left; the rest is for predictions."
        )
        return (Tool("train", what, Train, self.train),)

    async def train(self, given: Train, call: Call) -> Done:
        bench = self._bench
        parts = select_parts(bench.layout, bench.task)[: 1 if given.quick else None]
        known = find_trial(bench.layout, call.job)
        seconds = self._seconds(given, again=known is not None) / len(parts)
        found = known or await self._begin(given, call.job)
        tree = await bench.checkout(found.trial.revision, call.job)
        shutil.copyfile(tree / "config.yaml", bench.layout.job_config(call.job))
        steps = [step for part in parts for step in self._steps(call.job, part, tree, seconds, given)]
        state = await bench.run(
            call.job,
            "train",
            steps,
            words=self._words(call, parts),
            devices=given.devices,
            device_memory_mb=given.gpu_memory_mb,
        )
        score, problem = await self._scored(found, parts, state)
        spent = sum(step.seconds for step in state.steps if step.name.startswith("train"))
        trial = found.trial.model_copy(update={"score": score, "seconds": spent, "problem": problem and problem[:400]})
        write_trial(bench.layout, found.model_copy(update={"trial": trial}))
        return Done(self._trained(trial, state, problem, parts), jobs=(state,))

    def _seconds(self, given: Train, *, again: bool) -> float:
        """For training, all parts together; a share of what is left is kept for predictions."""
        bench = self._bench
        left = bench.limits.seconds_left * SHARE
        if left < LEAST_SECONDS and not again:  # a job that was begun is looked for even now: it may have ended
            raise ToolFailed(f"{max(left, 0):.0f} s are left, too few to train: report what you have")
        return max(min(given.minutes * 60, bench.training_seconds or left, left), LEAST_SECONDS)

    async def _begin(self, given: Train, job: str) -> TrialFile:
        """What is to be trained is named on disk before the job starts: a repeated call trains nothing else."""
        bench = self._bench
        for name in ("train.py", "inference.py", "config.yaml"):
            if not (bench.worktree / name).is_file():
                raise ToolFailed(f"the repository has no {name}, so it cannot be trained: report this as a problem")
        if bench.devices and given.devices > len(bench.devices):
            raise ToolFailed(f"{given.devices} devices are asked for, and there are {', '.join(bench.devices)}")
        tree = await bench.tree()
        revision = await bench.repository.commit(tree, bench.parents, f"{job}: {given.note or 'training'}")
        trial = Trial(job=job, revision=revision, quick=given.quick, note=given.note)
        file = TrialFile(candidate=bench.candidate or 0, trial=trial, tree=tree)
        write_trial(bench.layout, file)
        return file

    def _steps(self, job: str, part: Part, tree: Path, seconds: float, given: Train) -> tuple[Step, ...]:
        layout = self._bench.layout
        assert part.inputs is not None, "every part of select has inputs"
        out = layout.job_out(job, part.name)
        (out / "model").mkdir(parents=True, exist_ok=True)  # the mount of the next step needs its source
        train = train_step(f"train {part.name}", tree, part.fit, out, seconds, layout.weights)
        train = train.model_copy(update={"spread": given.devices > 1})
        if given.quick:
            train = train.model_copy(update={"argv": (*train.argv, "--quick")})
        predictions = layout.job_predictions(job, part.name)
        trained = Bundle(tree, {}, {"": out / "model"})
        limit = min(PREDICT_SECONDS, max(seconds, 60.0))
        return train, predict_step(f"predict {part.name}", trained, part.inputs, predictions, limit, sealed=True)

    async def _scored(self, file: TrialFile, parts: Sequence[Part], state: JobState) -> tuple[Score | None, str | None]:
        if state.phase != "done":
            return None, state.problem or f"the training {state.phase}"
        bench, trial = self._bench, file.trial
        member = Member(candidate=file.candidate, job=trial.job, revision=trial.revision)
        part = parts[0].name if trial.quick else None
        try:
            return await score_members(bench.layout, bench.task, [member], "single", job_part=part), None
        except ToolFailed as error:
            return None, str(error)

    def _trained(self, trial: Trial, state: JobState, problem: str | None, parts: Sequence[Part]) -> Trained:
        bench = self._bench
        log = bench.jobs.log(trial.job, characters=LOG_OF_FAILURE)
        return Trained(
            job=trial.job,
            phase=state.phase,
            revision=trial.revision,
            seconds=trial.seconds,
            score=trial.score,
            problem=problem,
            curves=curves(bench.layout.job_out(trial.job, parts[0].name)),
            log=end_of(log, LOG_OF_FAILURE if problem else LOG_OF_SUCCESS),
            **bench.left(),
        )

    def _words(self, call: Call, parts: Sequence[Part]) -> Callable[[], str]:
        """For people: `train j3, 42 s, valid_rmse 0.31`."""
        began = time.monotonic()
        outs = [self._bench.layout.job_out(call.job, part.name) for part in parts]

        def words() -> str:
            started = [out for out in outs if (out / "metrics.jsonl").is_file()]
            facts = [f"train j{call.number}", f"{time.monotonic() - began:.0f} s"]
            return ", ".join(filter(None, [*facts, latest(started[-1]) if started else ""]))

        return words
