"""Before any agent starts: the task settled, labels withheld, the environment and the sandbox ready."""

import asyncio

from temporalio import activity

from activities.attended import attended
from activities.errors import BadInput
from activities.execution import environments
from activities.execution.sandbox import choose
from activities.heavy import heavy
from activities.host import Host
from activities.models.prices import FREE
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from schemas.delivery import Prepared, PrepareRequest
from schemas.run import RunSpec


class PreparationActivities:
    """On the control queue; needs no device."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @activity.defn(name="prepare")
    async def prepare(self, request: PrepareRequest) -> Prepared:
        layout = Layout.of(request.run)
        async with attended("looking for a sandbox") as doing:
            self._host.room(request.run).check()
            sandbox = await asyncio.to_thread(choose, request.sandbox)
            if sandbox.name == "none" and request.sandbox != "none" and (model := _language_model(layout)):
                raise BadInput(
                    f"no sandbox works here, and {model} would write code that can do whatever this user can: "
                    "`aibuildai doctor` says what to mend; `--sandbox none` starts the run all the same"
                )
            doing.now("waiting for a place to settle the task")
            async with heavy():
                doing.now("settling the task")
                preparation = await asyncio.to_thread(prepare, layout.task, layout, seed=request.seed)
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


def _language_model(layout: Layout) -> str | None:
    """One that a role of this run is, going by what the run was started with."""
    if not layout.spec.is_file():
        return None
    settings = RunSpec.model_validate_json(layout.spec.read_bytes()).settings
    return next((name for name in (settings.model, *settings.models.values()) if name not in FREE), None)
