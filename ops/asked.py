"""What a person asks for with `run`."""

from dataclasses import dataclass
from pathlib import Path

from schemas.budget import Budget
from schemas.run import RunSettings


@dataclass(frozen=True)
class Asked:
    """What to build from: a task folder, or AIBuildAI's own flags, or both, where the flags win."""

    task: Path | None = None
    name: str | None = None
    data: Path | None = None
    instruction: str | None = None  # text, or @file


@dataclass(frozen=True)
class Spec:
    """How to build: settings and limits."""

    settings: RunSettings
    budget: Budget
