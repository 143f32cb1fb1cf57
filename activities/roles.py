"""The six roles as activities: what a worker registers."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from temporalio import activity

from activities import aggregator, coder, designer, manager, setup, tuner
from activities.agent.doing import Doing
from activities.agent.tracing import bound
from activities.assignment import Assignment, Equipment, carry_out
from activities.attended import attended
from activities.host import Host
from activities.models.base import Model
from schemas.base import RunRef
from schemas.role import (
    AggregateReport,
    AggregateRequest,
    CodeReport,
    CodeRequest,
    DesignReport,
    DesignRequest,
    ModelChoice,
    Report,
    SetupReport,
    SetupRequest,
    TuneReport,
    TuneRequest,
)
from schemas.state import Managed, ManageRequest

R = TypeVar("R", bound=Report)


class RoleActivities:
    """`models` gives the model of a name; `sandbox` is used where a request leaves the choice open."""

    def __init__(
        self, home: Path, devices: tuple[str, ...], models: Callable[[str], Model], sandbox: str = "auto"
    ) -> None:
        self._host = Host(home, devices)
        self._models = models
        self._sandbox = sandbox

    @activity.defn(name="setup")
    async def setup(self, request: SetupRequest) -> SetupReport:
        return await self._carried_out(setup.assignment(request))

    @activity.defn(name="designer")
    async def designer(self, request: DesignRequest) -> DesignReport:
        return await self._carried_out(designer.assignment(request))

    @activity.defn(name="coder")
    async def coder(self, request: CodeRequest) -> CodeReport:
        return await self._carried_out(coder.assignment(request))

    @activity.defn(name="tuner")
    async def tuner(self, request: TuneRequest) -> TuneReport:
        return await self._carried_out(tuner.assignment(request))

    @activity.defn(name="aggregator")
    async def aggregator(self, request: AggregateRequest) -> AggregateReport:
        return await self._carried_out(aggregator.assignment(request))

    @activity.defn(name="manager")
    async def manager(self, request: ManageRequest) -> Managed:
        names = {"run": request.run.id, "role": "manager", "invocation": request.invocation}
        with bound(**names, attempt=request.attempt):
            async with attended() as doing:
                return await manager.take_turn(request, self._equipment(request.run, request.model, "none", doing))

    async def _carried_out(self, assignment: Assignment[R]) -> R:
        request = assignment.request
        names = {"run": request.run.id, "role": str(request.role), "invocation": request.invocation}
        with bound(**names, candidate=assignment.candidate, attempt=request.attempt):
            async with attended() as doing:
                equipment = self._equipment(request.run, request.model, request.sandbox, doing)
                return await carry_out(assignment, equipment)

    def _equipment(self, run: RunRef, choice: ModelChoice, sandbox: str, doing: Doing) -> Equipment:
        chosen = self._sandbox if sandbox == "auto" else sandbox
        return Equipment(
            model=self._models(choice.name),
            jobs=self._host.jobs(run, chosen),
            job_limits=self._host.limits(),
            home=self._host.home,
            devices=self._host.devices,
            sandbox=chosen,
            doing=doing,
        )
