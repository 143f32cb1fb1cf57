"""A prepared task whose jobs predict what a test says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from activities.workspace.layout import Layout
from activities.workspace.parts import BLOCK, Part, estimate_part, select_parts
from activities.workspace.prepare import prepare
from activities.workspace.scoring import ScorerReply, ScorerRequest, answer
from schemas.candidate import Member
from schemas.task import Task

Frame = pd.DataFrame
Make = Callable[[Frame], Frame]


class Scene:
    """A prepared task, and jobs whose predictions a test makes from the labels."""

    def __init__(self, folder: Path, given: Path) -> None:
        self.layout = Layout(folder / "run")
        self.layout.folder.mkdir(parents=True)
        self.layout.task.symlink_to(given)
        self.task: Task = prepare(given, self.layout).task

    @property
    def parts(self) -> list[Part]:
        report = estimate_part(self.layout)
        return [*select_parts(self.layout, self.task), *([report] if report.labels else [])]

    def predict(self, job: str, make: Make, *, probabilities: Make | None = None, parts: int | None = None) -> Member:
        for part in self.parts[:parts]:
            assert part.labels is not None
            labels = pd.read_parquet(part.labels).drop(columns=BLOCK)
            folder = self.layout.job_predictions(job, part.name)
            folder.mkdir(parents=True)
            make(labels).to_csv(folder / "predictions.csv", index=False)
            if probabilities is not None:
                probabilities(labels).to_csv(folder / "probabilities.csv", index=False)
        return Member(candidate=1, job=job, revision="r")

    def reply(self, *members: Member, method: Any = "single", **more: Any) -> ScorerReply:
        request = ScorerRequest(folder=str(self.layout.folder), task=self.task, members=members, method=method, **more)
        return answer(request)

    def value(self, *members: Member, **more: Any) -> float:
        reply = self.reply(*members, **more)
        assert reply.evaluated is not None, reply.problem
        return reply.evaluated.score.value

    def problem(self, *members: Member, **more: Any) -> str:
        problem = self.reply(*members, **more).problem
        assert problem is not None
        return problem


def off_by(shift: float) -> Make:
    return lambda labels: labels.assign(price=labels["price"] + shift)


def shares(labels: Frame, classes: tuple[str, ...], right: float) -> Frame:
    rest = (1 - right) / (len(classes) - 1)
    columns = {name: np.where(labels["kind"] == name, right, rest) for name in classes}
    return pd.DataFrame({"id": labels["id"], **columns})
