"""The client of the Temporal that is used: the standard client configuration's, else the embedded server's."""

from dataclasses import dataclass
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig

from activities.errors import BadInput
from ops import telemetry
from ops.errors import CommandFailed
from ops.processes import Process, read_record
from ops.settings import Settings
from schemas.base import Record

CLOUD = ".tmprl.cloud"
CLOUD_API = ".api.temporal.io"


class ServerRecord(Record):
    """The embedded server, as HOME/server.json holds it."""

    process: Process
    port: int
    ui_port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.ui_port}"


@dataclass(frozen=True)
class Target:
    """A Temporal to connect to. `embedded` is set where it is this installation's own server."""

    options: dict[str, Any]
    ui: str | None
    embedded: ServerRecord | None

    @property
    def address(self) -> str:
        return str(self.options["target_host"])

    @property
    def namespace(self) -> str:
        return str(self.options.get("namespace", "default"))

    def url(self, run: str) -> str | None:
        """The run's page in Temporal's UI, where its address is known."""
        return f"{self.ui}/namespaces/{self.namespace}/workflows/{run}" if self.ui else None


def configured() -> dict[str, Any]:
    """What the standard client configuration says: TEMPORAL_* variables and profiles; empty if nothing was given."""
    try:
        options: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        raise BadInput(f"Temporal's client configuration (TEMPORAL_* variables, profiles) is wrong: {error}") from error
    return {"target_host": "localhost:7233", **options} if options else {}


def read_server(settings: Settings) -> ServerRecord | None:
    """The embedded server that was last started, whether it still runs or not."""
    return read_record(settings.server_record, ServerRecord)


def target(settings: Settings) -> Target | None:
    """Where to connect; None if only the embedded server is left, and it does not run."""
    options = configured()
    if options:
        return Target(options, settings.ui_url or _cloud_ui(options["target_host"]), None)
    server = read_server(settings)
    if server is None or not server.process.alive:
        return None
    return Target({"target_host": server.address}, server.ui, server)


async def connect(settings: Settings) -> Client:
    """A client for commands and workers; CommandFailed says how to get a server."""
    where = target(settings)
    if where is None:
        raise CommandFailed(f"no Temporal server runs for {settings.home}: start it with `aibuildai up`")
    return await connect_to(where)


async def connect_to(where: Target) -> Client:
    try:
        return await Client.connect(
            **where.options,
            data_converter=pydantic_data_converter,
            plugins=telemetry.plugins(),
        )
    except RuntimeError as error:  # what the SDK raises for a server that cannot be reached
        hint = "see `aibuildai doctor`" if where.embedded else "see TEMPORAL_ADDRESS, profile, TLS and key"
        raise CommandFailed(f"Temporal at {where.address} cannot be reached ({error}): {hint}") from error


def _cloud_ui(address: str) -> str | None:
    host = address.rpartition(":")[0]
    return "https://cloud.temporal.io" if host.endswith((CLOUD, CLOUD_API)) else None
