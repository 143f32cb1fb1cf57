"""Before any agent starts: the task settled, labels withheld, the environment and the sandbox ready."""

import asyncio

from temporalio import activity

from activities.attended import attended
from activities.execution import environments
from activities.execution.sandbox import choose
from activities.host import Host
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from schemas.delivery import Prepared, PrepareRequest


class PreparationActivities:
    """On the control queue; needs no device."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @activity.defn(name="prepare")
    async def prepare(self, request: PrepareRequest) -> Prepared:
        layout = Layout.of(request.run)
        async with attended("settling the task") as doing:
            preparation = await asyncio.to_thread(prepare, layout.task, layout, seed=request.seed)
            doing.now("making the candidates' environment")
            environment = await asyncio.to_thread(environments.base, self._host.home)
            sandbox = await asyncio.to_thread(choose, request.sandbox)
        notes = [note[:400] for note in preparation.notes]
        if sandbox.name == "none":
            notes.append("There is NO SANDBOX: generated code can read and write whatever this user can.")
        return Prepared(
            task=preparation.task,
            data=preparation.data,
            withheld=preparation.withheld,
            environment=str(environment),
            sandbox=sandbox.name,
            notes=tuple(notes),
        )
