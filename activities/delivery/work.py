"""Estimate, refit and final check, as jobs that every attempt finds again by their ids."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from activities.delivery.bundle import (
    Bundle,
    bundle,
    clear,
    emptied_step,
    failed_by_itself,
    predict_step,
    seconds_until,
    train_step,
    trained_model,
    training_job,
    unfit,
)
from activities.errors import ToolFailed
from activities.execution.base import Jobs
from activities.workspace.blend import blend_files
from activities.workspace.layout import Layout
from activities.workspace.parts import Part, estimate_part, final_part, select_parts
from activities.workspace.predictions import Classes, read_classes
from activities.workspace.ranks import select_scales
from activities.workspace.repository import Repository
from activities.workspace.scorer import score_members
from activities.workspace.verify import Perturbed, check_predictions, compare, input_ids, perturbed
from schemas.candidate import Member
from schemas.delivery import DeliveryRequest, Estimated, Finding, Refitted, Verified
from schemas.job import JobPurpose, JobSpec, JobState, Limits, Step

INFERENCE_SECONDS = 3_600.0
AS_SCORED = "blend as scored"
NEEDS_MODEL = "needs its model"


class Deliverer:
    """Carries out one delivery request with the jobs of its run."""

    def __init__(self, request: DeliveryRequest, jobs: Jobs, limits: Limits) -> None:
        self._request = request
        self._jobs = jobs
        self._limits = limits
        self._layout = Layout.of(request.run)

    async def estimate(self) -> Estimated:
        """Scores the choice on `report`, once. Where folds were used, the members are trained for it first."""
        part = estimate_part(self._layout)
        trains = self._request.task.split.folds is not None
        if not trains and part.inputs is None:
            return Estimated()
        states = await self._each([await self._estimate_job(member, part, trains) for member in self._request.members])
        seconds = sum(state.seconds for state in states)
        problem = _problem(states)
        if problem is not None or part.inputs is None:
            return Estimated(job_seconds=seconds, problem=problem)
        members = [
            member.model_copy(update={"job": training_job(self._request, "estimate", member)})
            for member in self._request.members
        ]
        try:
            score = await score_members(
                self._layout,
                self._request.task,
                members,
                self._request.method,
                split="report",
                threshold=self._request.threshold,
                trials=self._request.members,
            )
        except ToolFailed as error:
            return Estimated(job_seconds=seconds, problem=str(error))
        return Estimated(score=score, job_seconds=seconds)

    async def refit(self) -> Refitted:
        """Trains every member on all labelled rows, with the configuration that was chosen."""
        part = final_part(self._layout)
        states = await self._each([await self._refit_job(member, part) for member in self._request.members])
        problem = _problem(states)
        return Refitted(done=problem is None, job_seconds=sum(state.seconds for state in states), problem=problem)

    async def verify(self) -> Verified:
        """Runs the final inference and its variations, and checks that what is delivered is a model."""
        parts = await bundle(self._request)
        if (problem := await asyncio.to_thread(unfit, parts, self._limits)) is not None:
            return Verified(passed=False, problem=problem)
        part = final_part(self._layout)
        inputs, real = (part.inputs, True) if part.inputs is not None else (self._any_inputs(), False)
        name = "refitted" if self._request.refitted else "chosen"
        folder = self._layout.folder / "delivery" / self._request.invocation / name
        views = folder / f"views.a{self._request.attempt}"  # a job of an earlier attempt may still read its own
        variations = await asyncio.to_thread(perturbed, inputs, self._request.task, clear(views))
        job = f"{self._request.invocation}.verify" + (".refitted" if self._request.refitted else "")
        steps = self._prediction_steps(parts, inputs, variations, folder, sealed=not real)
        state, empty = await asyncio.gather(self._run(job, "verify", steps), self._emptied(parts, inputs, folder, job))
        if (problem := _problem([state])) is not None:
            return Verified(passed=False, problem=problem, job_seconds=state.seconds)
        findings = (*await asyncio.to_thread(self._compared, inputs, variations, folder), empty)
        passed = all(finding.passed for finding in findings)
        submission = folder / "original" / "predictions.csv"
        return Verified(
            passed=passed,
            findings=findings,
            submission=str(submission) if real else None,
            rows=_rows(submission) if passed else 0,
            job_seconds=state.seconds,
        )

    # --- jobs -------------------------------------------------------------------------------------------------

    async def _estimate_job(self, member: Member, part: Part, trains: bool) -> tuple[str, JobPurpose, tuple[Step, ...]]:
        job = training_job(self._request, "estimate", member)
        tree = await self._checkout(member, job)
        out = self._layout.job_out(job, "estimate")
        seconds = seconds_until(self._request.deadline)
        steps = [train_step("train", tree, part.fit, out, seconds, self._layout.weights)] if trains else []
        if part.inputs is not None:
            model = trained_model(self._request.model_copy(update={"refitted": False}), member)
            if trains:
                model.mkdir(parents=True, exist_ok=True)  # a mount needs its source before the step that fills it
            single = Bundle(tree, {}, {"": model})
            predictions = self._layout.job_predictions(job, "estimate")
            steps.append(predict_step("predict", single, part.inputs, predictions, seconds, sealed=True))
        return job, "fit" if trains else "predict", tuple(steps)

    async def _refit_job(self, member: Member, part: Part) -> tuple[str, JobPurpose, tuple[Step, ...]]:
        job = training_job(self._request, "refit", member)
        tree = await self._checkout(member, job)
        out, seconds = self._layout.job_out(job, "final"), seconds_until(self._request.deadline)
        return job, "refit", (train_step("train", tree, part.fit, out, seconds, self._layout.weights),)

    async def _checkout(self, member: Member, job: str) -> Path:
        tree = self._layout.job_tree(job)
        if not tree.exists():
            await Repository(self._layout.git_dir).refresh(member.revision, tree)  # whole or not at all
        return tree

    async def _each(self, work: Sequence[tuple[str, JobPurpose, tuple[Step, ...]]]) -> list[JobState]:
        return list(await asyncio.gather(*(self._run(job, purpose, steps) for job, purpose, steps in work)))

    async def _run(self, job: str, purpose: JobPurpose, steps: tuple[Step, ...]) -> JobState:
        """Starts the job or finds it, and waits for its end."""
        spec = JobSpec(
            purpose=purpose,
            steps=steps,
            environment=self._request.environment,
            limits=self._limits,
            network=self._request.task.network,
            deadline=self._request.deadline,
        )
        state = await self._jobs.start(spec, id=job)
        while not state.ended:
            state = await self._jobs.wait(job, until=self._request.deadline)
            if not state.ended:
                state = await self._jobs.stop(job)
        return state

    # --- the final check --------------------------------------------------------------------------------------

    def _prediction_steps(
        self, parts: Bundle, inputs: Path, variations: Sequence[Perturbed], folder: Path, *, sealed: bool
    ) -> tuple[Step, ...]:
        views = {"original": inputs, **{view.name: view.view for view in variations}}
        runs = [(name, parts, view) for name, view in views.items()]
        for number, code in parts.member_code.items():
            runs.append((f"member {number}", Bundle(code, {}, {"": parts.models[str(number)]}), inputs))
        return tuple(
            predict_step(name, part, view, folder / name, INFERENCE_SECONDS, sealed=sealed) for name, part, view in runs
        )

    def _compared(self, inputs: Path, variations: Sequence[Perturbed], folder: Path) -> list[Finding]:
        classes, task = read_classes(self._layout), self._request.task
        again = [(view, folder / view.name) for view in variations]
        form = check_predictions(folder / "original", inputs, task, classes)
        if not form.passed:
            return [form]
        if self._request.method != "single":
            try:
                again.append((self._as_scored(inputs, folder, classes), folder / AS_SCORED))
            except ToolFailed as error:
                return [form, Finding(name=AS_SCORED, passed=False, detail=str(error))]
        return [form, *compare(task, classes, inputs, folder / "original", again)]

    def _as_scored(self, inputs: Path, folder: Path, classes: Classes) -> Perturbed:
        """The members' own predictions, blended as the scorer blends: what was scored is what must be delivered."""
        task, members, method = self._request.task, self._request.members, self._request.method
        ids = input_ids(inputs, task)
        blend_files(
            task,
            [folder / f"member {member.candidate}" for member in members],
            [member.weight for member in members],
            method,
            ids,
            classes,
            folder / AS_SCORED,
            scales=select_scales(self._layout, task, members, classes) if method == "rank" else (),
            threshold=self._request.threshold,
        )
        return Perturbed(AS_SCORED, inputs, {one: one for one in ids})

    async def _emptied(self, parts: Bundle, inputs: Path, folder: Path, job: str) -> Finding:
        """With the models gone, inference must fail: else it holds predictions, or trains anew."""
        step = emptied_step("emptied", parts, inputs, folder / "emptied", INFERENCE_SECONDS)
        state = await self._run(f"{job}.emptied", "verify", (step,))
        if failed_by_itself(state, step.name):
            return Finding(name=NEEDS_MODEL, passed=True, detail="inference fails without its model, as it must")
        if state.phase == "done":
            return Finding(name=NEEDS_MODEL, passed=False, detail="inference succeeded without its model")
        unknown = f"whether inference fails without its model was not seen: {state.problem or state.phase}"
        return Finding(name=NEEDS_MODEL, passed=False, detail=unknown)

    def _any_inputs(self) -> Path:
        """Rows to try the model on where the task has no test inputs."""
        part = estimate_part(self._layout)
        if part.inputs is not None:
            return part.inputs
        inputs = select_parts(self._layout, self._request.task)[0].inputs
        assert inputs is not None, "select always has inputs"
        return inputs


def _problem(states: Sequence[JobState]) -> str | None:
    failed = [f"{state.id}: {state.problem or state.phase}" for state in states if state.phase != "done"]
    return "; ".join(failed)[:8_000] or None


def _rows(predictions: Path) -> int:
    with predictions.open() as lines:
        return max(sum(1 for line in lines if line.strip()) - 1, 0)
