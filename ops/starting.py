"""Starting a run: everything is checked before anything is started, and what could not start leaves nothing behind."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from opentelemetry import trace
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from activities.confinement import confinement
from activities.errors import BadInput
from activities.execution.room import Room
from activities.sight import out_of_sight, task_out_of_sight
from ops import server, stack, staging, telemetry
from ops.asked import Asked, Spec
from ops.connection import Target, configured, connect_to
from ops.errors import CommandFailed
from ops.runs import WORKFLOW
from ops.settings import Settings, writable_playground
from ops.words import duration
from schemas.run import RunSpec
from workflows.calls import CONTROL


@dataclass(frozen=True)
class Started:
    """A run that goes on by itself from here. `notes` are what a person should know of its workers."""

    spec: RunSpec
    where: Target
    client: Client
    notes: tuple[str, ...] = ()


async def start(settings: Settings, asked: Asked, spec: Spec, playground: Path | None) -> Started:
    """Checks the task, brings up what is down, and starts the workflow."""
    telemetry.trace_if_asked()
    with trace.get_tracer("aibuildai").start_as_current_span("aibuildai run"):
        return await _checked_and_started(settings, asked, spec, playground)


async def _checked_and_started(settings: Settings, asked: Asked, spec: Spec, playground: Path | None) -> Started:
    if not configured():  # elsewhere, it is the workers' hosts that run the code; preparation asks there
        await asyncio.to_thread(confinement, spec.settings)
    sandboxed = spec.settings.sandbox != "none"
    if sandboxed:
        out_of_sight(settings.home, asked.task, asked.data, playground)
    with tempfile.TemporaryDirectory(prefix="aibuildai-") as folder:
        staged = staging.stage(asked, Path(folder) / "task")
        if sandboxed:
            task_out_of_sight(staged.folder)
        staging.check(staged, spec.settings.seed)
        if playground is not None:
            writable_playground(playground.expanduser().absolute())
        _roomy(settings, playground)
        up = await stack.up_for_runs(settings)
        where = up.where
        client = await connect_to(where)
        searchable = where.embedded is not None or await _searchable(client)
        made = staging.place(settings, staged, playground, spec, searchable=searchable)
    try:
        await _start(client, made)
    except RPCError as error:
        staging.unplace(settings, made)
        raise CommandFailed(f"Temporal at {where.address} did not take the run: {error.message}") from error
    except BaseException:  # an interrupt too leaves no folder of a run that does not exist
        staging.unplace(settings, made)
        raise
    return Started(made, where, client, up.notes)


def _roomy(settings: Settings, playground: Path | None) -> None:
    """BadInput where so little disk is left that the run would pause at once."""
    room = Room((settings.home, *((playground.expanduser(),) if playground else ())), settings.low_disk_mb)
    if folder := room.lacking():
        raise BadInput(room.words(folder))


async def _start(client: Client, spec: RunSpec) -> None:
    attributes = _attributes(spec)
    await client.start_workflow(
        WORKFLOW,
        spec,
        id=spec.run.id,
        task_queue=CONTROL,
        static_summary=f"{spec.name}: {spec.settings.candidates} candidates, {duration(spec.budget.seconds)}",
        search_attributes=attributes if spec.search_attributes else None,
        memo={"folder": spec.run.folder, **{str(pair.key.name): str(pair.value) for pair in attributes}},
    )


def _attributes(spec: RunSpec) -> TypedSearchAttributes:
    values = {"AibTask": spec.name[:200], "AibPhase": "PREPARING", "AibPolicy": spec.settings.policy}
    pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in values.items()]
    return TypedSearchAttributes(pairs)


async def _searchable(client: Client) -> bool:
    """Whether runs can carry search attributes here; registers them if that is permitted."""
    try:
        missing = await server.missing_attributes(client)
        if missing:
            await server.register_attributes(client, missing)
    except RPCError:  # their content goes to the memo, as `doctor` explains
        return False
    return True
