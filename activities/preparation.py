"""Before any agent starts: the task settled, labels withheld, the environment and the sandbox ready."""

import asyncio

from temporalio import activity

from activities.attended import attended
from activities.confinement import confinement
from activities.execution import environments
from activities.heavy import heavy
from activities.host import Host
from activities.sight import task_out_of_sight
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from schemas.delivery import Prepared, PrepareRequest
from schemas.run import RunSettings, RunSpec


class PreparationActivities:
    """On the control queue; needs no device."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @activity.defn(name="prepare")
    async def prepare(self, request: PrepareRequest) -> Prepared:
        layout = Layout.of(request.run)
        async with attended("looking for a sandbox") as doing:
            self._host.room(request.run).check()
            sandbox = await asyncio.to_thread(confinement, _settings(request))
            if sandbox.name != "none":  # asked again: this host may show other folders than the one it was started from
                await asyncio.to_thread(task_out_of_sight, layout.task)
            doing.now("waiting for a place to settle the task")
            async with heavy():
                doing.now("settling the task")
                preparation = await asyncio.to_thread(
                    prepare, layout.task, layout, seed=request.seed, attempt=request.attempt
                )
            doing.now("making the candidates' environment")
            environment = await asyncio.to_thread(environments.base, self._host.home)
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


def _settings(request: PrepareRequest) -> RunSettings:
    """What the run was started with, as far as its folder says."""
    spec = Layout.of(request.run).spec
    known = RunSpec.model_validate_json(spec.read_bytes()).settings if spec.is_file() else RunSettings()
    return known.model_copy(update={"sandbox": request.sandbox})
