"""A run's agents as Temporal has them carried out, over HTTP with the strict server."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.models.factory import Models
from activities.roles import RoleActivities
from schemas.base import RunRef
from schemas.role import DesignReport, DesignRequest, ModelChoice
from tests.agent.requests import TASK
from tests.strict.prompt import Json
from tests.strict.raw import use
from tests.strict.record import Asked
from tests.strict.server import StrictServer
from tests.strict.service import Service

CHOICE = ModelChoice(name="claude-opus-5-5", effort="high")
PLAN = "---\napproach: a line\nfamily: linear\n---\n\n## Idea\n\nA line.\n"
REPORT = {"approach": "a line", "family": "linear", "summary": "so"}


def designing(looks: int) -> list[list[Json]]:
    """A designer looks around so many times, and then designs."""
    looking = [[use(f"toolu_{n}", "list_files")] for n in range(looks)]
    wrote = use("toolu_w", "write_file", path="PLAN.md", text=PLAN)
    return [*looking, [wrote, use("toolu_r", "report_design", **REPORT)]]


@dataclass
class Run:
    """One run's folder; its activities share what those of one worker share."""

    folder: Path
    server: StrictServer
    models: Models

    def __post_init__(self) -> None:
        self.roles = RoleActivities(self.folder, (), self.models, sandbox="none")

    @property
    def asked(self) -> list[Asked]:
        return self.server.service.record.asked

    async def design(self, invocation: str = "designer.1.1", **more: Any) -> DesignReport:
        """Of the candidate that the invocation's name says."""
        given = {
            "invocation": invocation,
            "candidate": int(invocation.split(".")[1]),
            "brief": "",
            "run": RunRef(id="run", folder=str(self.folder)),
            "task": TASK,
            "deadline": datetime.now(UTC) + timedelta(minutes=2),
            "model": CHOICE,
        }
        return await ActivityEnvironment().run(self.roles.designer, DesignRequest.model_validate(given | more))


Runs = Callable[[Service], Run]
