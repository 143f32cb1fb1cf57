"""The six roles as activities: what a worker registers."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from temporalio import activity

from activities import aggregator, coder, designer, manager, setup, tuner
from activities.agent.doing import Doing
from activities.agent.outages import Outages
from activities.agent.purse import Purses
from activities.agent.tracing import bound
from activities.assignment import Assignment, Equipment, carry_out
from activities.attended import attended
from activities.execution.room import MARK_MB
from activities.host import Host
from activities.models.base import Model
from activities.models.prices import FREE
from activities.models.recorded import kept
from activities.past import Pasts
from activities.workspace.layout import Layout
from schemas.role import (
    AggregateReport,
    AggregateRequest,
    AnyRequest,
    CodeReport,
    CodeRequest,
    DesignReport,
    DesignRequest,
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
        self,
        home: Path,
        devices: tuple[str, ...],
        models: Callable[[str], Model],
        sandbox: str = "auto",
        low_disk_mb: int = MARK_MB,
    ) -> None:
        self._host = Host(home, devices, low_disk_mb)
        self._models = models
        self._sandbox = sandbox
        self._outages = Outages()
        self._pasts = Pasts()
        self._purses = Purses()

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
                return await manager.take_turn(request, self._equipment(request, "none", doing), self._pasts)

    async def _carried_out(self, assignment: Assignment[R]) -> R:
        request = assignment.request
        names = {"run": request.run.id, "role": str(request.role), "invocation": request.invocation}
        with bound(**names, candidate=assignment.candidate, attempt=request.attempt):
            async with attended() as doing:
                return await carry_out(assignment, self._equipment(request, request.sandbox, doing))

    def _equipment(self, request: AnyRequest | ManageRequest, sandbox: str, doing: Doing) -> Equipment:
        chosen = self._sandbox if sandbox == "auto" else sandbox
        layout, choice = Layout.of(request.run), request.model
        return Equipment(
            model=self._model(choice.name, request),
            fallback=self._model(choice.fallback, request) if choice.fallback else None,
            purse=None if choice.name in FREE else self._purses.of(layout.purse, request.caps),
            outages=self._outages,
            jobs=self._host.jobs(request.run, chosen),
            job_limits=self._host.limits(),
            room=self._host.room(request.run).check,
            home=self._host.home,
            devices=self._host.devices,
            sandbox=chosen,
            doing=doing,
        )

    def _model(self, name: str, request: AnyRequest | ManageRequest) -> Model:
        """Recorded, or answered from a record, as the run's settings have it."""
        return kept(self._models(name), request.record, request.replay, Layout.of(request.run))
