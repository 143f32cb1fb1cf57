"""Bringing the embedded server and workers up, and down, one command at a time."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from activities.execution import devices
from ops import server, workers
from ops.connection import Target, configured, connect_to, target
from ops.errors import CommandFailed
from ops.settings import Settings, writable

LOCK_SECONDS = 180.0


@dataclass(frozen=True)
class Up:
    """What runs now, what was started for it, and what a person should know of it."""

    where: Target
    started: tuple[str, ...]
    notes: tuple[str, ...] = ()


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time for a home folder; the kernel frees the lock of a process that dies."""
    until = time.monotonic() + LOCK_SECONDS
    with (settings.home / "up.lock").open("w") as file:
        while not _taken(file.fileno()):
            if time.monotonic() > until:
                raise CommandFailed(f"another `aibuildai up` or `down` has held {file.name} for {LOCK_SECONDS:.0f} s")
            time.sleep(0.1)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def up(settings: Settings) -> Up:
    """Starts what does not run: the embedded server (unless another Temporal is configured), and both workers."""
    _check(settings)
    writable(settings)
    with locked(settings):
        started = () if configured() else await _serve(settings)
        where = _target(settings)
        try:
            more = await workers.ensure(settings, where, await connect_to(where))
        except BaseException:  # a server that was started for workers which do not come up must not stay
            if started:
                workers.shut(settings)
                server.shut(settings)
            raise
        return Up(where, started + more.started, more.notes)


def _check(settings: Settings) -> None:
    """BadInput for devices or ports that cannot be had, before anything is made or started."""
    if settings.devices != Settings.model_fields["devices"].default:
        devices.discover(settings.devices)
    if not configured():
        server.check_ports(settings)


async def up_for_runs(settings: Settings) -> Up:
    """What a run needs: as `up`, but workers that others started for a configured Temporal do."""
    if configured() and not workers.alive(settings):
        where = _target(settings)
        client = await connect_to(where)
        if all([await workers.pollers(client, queue) for queue in workers.QUEUES]):
            return Up(where, ())
    return await up(settings)


async def _serve(settings: Settings) -> tuple[str, ...]:
    _, started = await server.ensure(settings)
    return ("server",) if started else ()


def _target(settings: Settings) -> Target:
    where = target(settings)
    if where is None:
        raise CommandFailed("the embedded Temporal server has just ended; see `aibuildai doctor`")
    return where


def down(settings: Settings) -> tuple[str, ...]:
    """Stops the workers, then the server, and returns what ran. Runs go on at the next `up`."""
    if not settings.home.is_dir():
        return ()
    with locked(settings):
        stopped = workers.shut(settings)
        return (*stopped, "server") if server.shut(settings) else stopped
