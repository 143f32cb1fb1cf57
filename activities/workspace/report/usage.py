"""What jobs took of the machine, as their supervisors sampled it. Of what was not sampled, nothing is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from activities.workspace.report import words
from activities.workspace.report.facts import Facts
from schemas.job import JobState, StepState, Use

MOMENT = 1e-6  # seconds that a step counts at least


@dataclass(frozen=True)
class Taken:
    """Means over the time that was sampled, and peaks in MB; None where nothing is known."""

    cores: float | None = None
    memory: float | None = None
    gpu: float | None = None  # per cent
    gpu_memory: float | None = None


@dataclass(frozen=True)
class Row:
    """The jobs of one candidate, of none, or all."""

    who: str
    candidate: int | None
    jobs: int
    seconds: float
    taken: Taken


def taken(jobs: Iterable[JobState]) -> Taken:
    """By these jobs; each step counts by its time."""
    steps = [step for job in jobs for step in job.steps]
    seen = [step for step in steps if step.limited_by != "container"]  # only its client was looked at
    memory = [step.peak_memory_mb for step in seen if step.peak_memory_mb]
    return Taken(
        cores=_mean([(step.seconds, step.use.cores) for step in seen if step.use]),
        memory=max(memory, default=None),
        gpu=_mean([(step.seconds, use.gpu_percent) for step, use in _used(steps) if use.gpu_percent is not None]),
        gpu_memory=max((use.peak_gpu_memory_mb for _, use in _used(steps) if use.peak_gpu_memory_mb), default=None),
    )


def by_job(facts: Facts) -> dict[str, Taken]:
    return {job.id: taken([job]) for job in facts.record.jobs}


def rows(facts: Facts) -> list[Row]:
    """By candidate, then jobs that were no single one's, then all; none where no job was sampled."""
    jobs = [job for job in facts.record.jobs if taken([job]) != Taken()]
    by_owner: dict[int | None, list[JobState]] = {}
    for job in jobs:
        by_owner.setdefault(facts.owner(job), []).append(job)
    owned = [_row(str(number), number, by_owner[number]) for number in sorted(filter(None, by_owner))]
    others = [_row("no single one", None, by_owner[None])] if None in by_owner else []
    return [*owned, *others, _row("all", None, jobs)] if jobs else []


def sentence(facts: Facts) -> str:
    """All of it in one; empty where nothing is known."""
    every = taken(facts.record.jobs)
    parts = [
        f"worked on {every.cores:.1f} cores on average" if every.cores is not None else "",
        f"took up to {words.memory(every.memory)} of memory" if every.memory is not None else "",
        f"kept their GPUs {every.gpu:.0f} % busy" if every.gpu is not None else "",
        f"took up to {words.memory(every.gpu_memory)} of GPU memory" if every.gpu_memory is not None else "",
    ]
    *others, last = [part for part in parts if part] or [""]
    return f"Jobs {', '.join(others)}{' and ' if others else ''}{last}." if last else ""


def _row(who: str, candidate: int | None, jobs: Sequence[JobState]) -> Row:
    return Row(who, candidate, len(jobs), sum(job.seconds for job in jobs), taken(jobs))


def _used(steps: Iterable[StepState]) -> list[tuple[StepState, Use]]:
    return [(step, step.use) for step in steps if step.use]


def _mean(values: Sequence[tuple[float, float]]) -> float | None:
    """Weighed by seconds."""
    if not values:
        return None
    weights = [max(seconds, MOMENT) for seconds, _ in values]
    return sum(weight * value for weight, (_, value) in zip(weights, values, strict=True)) / sum(weights)
