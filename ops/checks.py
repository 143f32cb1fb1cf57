"""What `doctor` looks at: each check says that all is well, or what to do."""

import asyncio
import importlib.metadata
import platform
import sys
from collections.abc import Awaitable, Callable
from typing import Literal

from temporalio.client import Client
from temporalio.service import RPCError

from activities.errors import BadInput
from activities.execution.room import Room, free_mb
from ops import server, workers
from ops.connection import Target, configured, connect_to, read_server, target
from ops.errors import CommandFailed
from ops.settings import Settings, writable
from schemas.base import Record

LEAST_DISK_MB = 5_000


class Check(Record):
    """One line of `doctor`. `warn` is what one can work with; `advice` says what to do."""

    name: str
    level: Literal["ok", "warn", "bad"]
    detail: str
    advice: str = ""


def ok(name: str, detail: str) -> Check:
    return Check(name=name, level="ok", detail=detail)


def warn(name: str, detail: str, advice: str) -> Check:
    return Check(name=name, level="warn", detail=detail, advice=advice)


def bad(name: str, detail: str, advice: str) -> Check:
    return Check(name=name, level="bad", detail=detail, advice=advice)


async def all_checks(settings: Settings) -> list[Check]:
    """Every check, in the order in which one would mend things."""
    local = [python(), home(settings), disk(settings), *(await asyncio.to_thread(machine, settings))]
    return [*local, *(await asyncio.to_thread(models, settings)), *(await temporal(settings))]


def python() -> Check:
    version = platform.python_version()
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return bad("python", version, "install with Python 3.11, 3.12 or 3.13")
    return ok("python", f"{version}, temporalio {importlib.metadata.version('temporalio')}")


def home(settings: Settings) -> Check:
    try:
        writable(settings)
    except BadInput as error:
        return bad("home", str(settings.home), str(error))
    return ok("home", str(settings.home))


def disk(settings: Settings) -> Check:
    room = Room((settings.home,), settings.low_disk_mb)
    free = free_mb(settings.home)
    detail = f"{free / 1000:.1f} GB free at {settings.home}"
    if room.lacking():
        return bad("disk", detail, room.words(settings.home))
    if free < LEAST_DISK_MB:
        advice = f"make room: runs pause below {settings.low_disk_mb:,} MB, and {LEAST_DISK_MB:,} MB are a good start"
        return warn("disk", detail, advice)
    return ok("disk", detail)


def machine(settings: Settings) -> list[Check]:
    """Sandbox, devices, the candidates' environment, torch: imported here, as they load what nothing else needs."""
    from ops.machine import checks

    return checks(settings)


def models(settings: Settings) -> list[Check]:
    """Keys, the server that answers, prices: imported here, since these checks are made of those above."""
    from ops.modelchecks import checks

    return checks(settings)


async def temporal(settings: Settings) -> list[Check]:
    """Server, workers and search attributes."""
    where, absent = _where(settings)
    if where is None:
        return [absent]
    try:
        client = await connect_to(where)
    except CommandFailed as error:
        return [bad("server", where.address, str(error))]
    kind = "embedded" if where.embedded else f"configured, namespace {where.namespace}"
    reached = ok("server", f"{where.address}, {kind}" + (f", UI {where.ui}" if where.ui else ""))
    return [reached, *[await _polled(client, queue) for queue in workers.QUEUES], await _attributes(client)]


def _where(settings: Settings) -> tuple[Target | None, Check]:
    try:
        where = target(settings)
    except BadInput as error:
        return None, bad("server", "configuration", str(error))
    last = read_server(settings) if not configured() else None
    detail = "the embedded server was stopped, or ended" if last else "the embedded server was not started yet"
    return where, warn("server", detail, "`aibuildai up` starts it; so does `aibuildai run`")


async def _asked(name: str, ask: Callable[[], Awaitable[Check]]) -> Check:
    try:
        return await ask()
    except RPCError as error:
        return bad(name, f"Temporal refuses to say: {error.message}", "ask whoever runs it for permission")


async def _polled(client: Client, queue: str) -> Check:
    async def ask() -> Check:
        found = await workers.pollers(client, queue)
        if not found:
            return warn(f"worker {queue}", "nobody polls it", "`aibuildai up` starts one")
        return ok(f"worker {queue}", ", ".join(sorted(found)))

    return await _asked(f"worker {queue}", ask)


async def _attributes(client: Client) -> Check:
    name = "search attributes"

    async def ask() -> Check:
        missing = await server.missing_attributes(client)
        if not missing:
            return ok(name, ", ".join(server.SEARCH_ATTRIBUTES))
        try:
            await server.register_attributes(client, missing)
        except RPCError as error:
            words = " ".join(f"--name {one} --type {server.SEARCH_ATTRIBUTES[one]}" for one in missing)
            return warn(
                name,
                f"{', '.join(missing)} are missing, and may not be registered from here ({error.message})",
                f"`temporal operator search-attribute create {words}`; until then their content goes to the memo",
            )
        return ok(name, f"registered {', '.join(missing)}")

    return await _asked(name, ask)
