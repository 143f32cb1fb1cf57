"""What is to be delivered, as jobs see it: code at /repository, and the members' trained models at /model."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from activities.execution.room import size_mb
from activities.workspace.layout import Layout
from activities.workspace.pretrained import shown
from activities.workspace.repository import Repository
from schemas.candidate import Member
from schemas.delivery import DeliveryRequest
from schemas.job import JobState, Limits, Mount, Step

REPOSITORY, DATA, OUT, MODEL, PREDICTIONS = "/repository", "/data", "/out", "/model", "/predictions"


def training_job(request: DeliveryRequest, purpose: str, member: Member) -> str:
    """The id of the job that trains a member for delivery; the same in every attempt."""
    return f"{request.invocation}.{purpose}.c{member.candidate}"


def trained_model(request: DeliveryRequest, member: Member) -> Path:
    """Where a member's model lies: refitted, from the estimate's training (folds), or from its trial (holdout)."""
    layout = Layout.of(request.run)
    if request.refitted:
        return layout.job_out(training_job(request, "refit", member), "final") / "model"
    if request.task.split.folds:
        return layout.job_out(training_job(request, "estimate", member), "estimate") / "model"
    return layout.job_out(member.job, "select") / "model"


@dataclass(frozen=True)
class Bundle:
    """Code folder, and model folder by its name below /model (an empty name is /model itself)."""

    code: Path
    member_code: Mapping[int, Path]
    models: Mapping[str, Path]

    def model_mounts(self, emptied: Path | None = None) -> tuple[Mount, ...]:
        """The models; or, with `emptied`, nothing but empty folders in their places."""
        return tuple(
            Mount(source=str(emptied or path), target=f"{MODEL}/{name}".rstrip("/"))
            for name, path in self.models.items()
        )


async def bundle(request: DeliveryRequest, name: str = "code") -> Bundle:
    """Checks the code out, a blend's with its members' below `members/`; each attempt has a folder of its own."""
    layout = Layout.of(request.run)
    repository = Repository(layout.git_dir)
    code = layout.folder / "delivery" / request.invocation / f"{name}.a{request.attempt}"
    if request.method == "single":
        member = request.members[0]
        await repository.checkout(member.revision, code)
        return Bundle(code, {}, {"": trained_model(request, member)})
    assert request.revision is not None, "a blend has a revision of the aggregator's repository"
    await repository.checkout(request.revision, code)
    member_code = {}
    for member in request.members:
        folder = code / "members" / str(member.candidate)
        await repository.checkout(member.revision, folder)
        member_code[member.candidate] = folder
    return Bundle(code, member_code, {str(m.candidate): trained_model(request, m) for m in request.members})


def unfit(parts: Bundle, limits: Limits) -> str | None:
    """Which model, if any, cannot be packaged: a copy has no holes, and a job's disk is counted without them."""
    for name, folder in parts.models.items():
        model = f"the model of candidate {name}" if name else "the model"
        if not folder.is_dir():
            return f"{model} is no folder: train.py must write its files into the folder model below --out"
        if (size := size_mb([folder])) > limits.disk_mb:
            return (
                f"{model} has {size:,.0f} MB in its files, and {limits.disk_mb:,} MB is the limit: it must hold only "
                "what inference needs, and no files with holes"
            )
    return None


def predict_step(name: str, parts: Bundle, inputs: Path, predictions: Path, seconds: float, *, sealed: bool) -> Step:
    """Inference over the rows of `inputs`, into an emptied folder `predictions`."""
    return _inference(name, parts.code, parts.model_mounts(), inputs, predictions, seconds, sealed=sealed)


def emptied_step(name: str, parts: Bundle, inputs: Path, folder: Path, seconds: float) -> Step:
    """The same with every model emptied: it must not succeed."""
    empty = folder / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    return _inference(name, parts.code, parts.model_mounts(empty), inputs, folder / "predictions", seconds, sealed=True)


def failed_by_itself(state: JobState, name: str) -> bool:
    """True if all went well up to that step, which then ended of its own accord: a time-out proves nothing."""
    last = state.steps[-1] if state.steps else None
    return state.phase == "failed" and last is not None and last.name == name and last.exit_code is not None


def _inference(
    name: str, code: Path, models: tuple[Mount, ...], inputs: Path, predictions: Path, seconds: float, *, sealed: bool
) -> Step:
    predictions.mkdir(parents=True, exist_ok=True)
    return Step(
        name=name,
        argv=(
            *("python", "inference.py", "--data", DATA),
            *("--model", MODEL, "--out", f"{PREDICTIONS}/predictions.csv"),
        ),
        mounts=(
            Mount(source=str(code), target=REPOSITORY),
            Mount(source=str(inputs), target=DATA),
            Mount(source=str(predictions), target=PREDICTIONS, writable=True),
            *models,
        ),
        workdir=REPOSITORY,
        seconds=seconds,
        expect=(str(predictions / "predictions.csv"),),
        sealed=sealed,
        offline=True,  # else it could fetch its predictions
    )


def train_step(name: str, code: Path, view: Path, out: Path, seconds: float, weights: Path) -> Step:
    """Training on a view, from pretrained weights where the run has any; the model must be there afterwards."""
    out.mkdir(parents=True, exist_ok=True)
    step = Step(
        name=name,
        argv=("python", "train.py", "--config", "config.yaml", "--data", DATA, "--out", OUT),
        mounts=(
            Mount(source=str(code), target=REPOSITORY),
            Mount(source=str(view), target=DATA),
            Mount(source=str(out), target=OUT, writable=True),
        ),
        workdir=REPOSITORY,
        seconds=seconds,
        expect=(str(out / "model"),),
    )
    return shown(step, weights)


def seconds_until(deadline: datetime) -> float:
    return max((deadline - datetime.now(UTC)).total_seconds(), 1.0)


def clear(folder: Path) -> Path:
    """An empty folder, whatever an attempt that was cut off had left there."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder
