"""Which attempts a worker is at work on, on disk, so that the next worker of its host can report those it died over.

Without this, an attempt whose worker was killed is noticed only when its heartbeats have been missing for a while.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.execution.durable import Lock, try_lock
from schemas.base import Record

DIED = "WorkerDied"  # the error's type, as the workflow knows it
LOCK = ".lock"
OVER = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)

_log = structlog.get_logger(__name__)


class Attempt(Record):
    """An activity as Temporal names it."""

    namespace: str
    workflow: str
    run: str
    activity: str


class Attendance(Interceptor):
    """One worker process's list, in a folder of its own; the lock beside it is free once the process is dead."""

    def __init__(self, home: Path) -> None:
        self._folder = _folder(home) / uuid4().hex
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        lock = try_lock(_lock(self._folder))  # before the folder is there for others to find
        assert lock is not None, "nobody else knows this name"
        self._lock: Lock = lock
        self._folder.mkdir()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Attended(next, self._folder)

    def close(self) -> None:
        """The process ends by itself: whatever is left on the list was handed over."""
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()
        _lock(self._folder).unlink()
        self._lock.release()


class _Attended(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, folder: Path) -> None:
        super().__init__(next)
        self._list = folder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        async with _listed(self._list):
            return await super().execute_activity(input)


@asynccontextmanager
async def _listed(folder: Path) -> AsyncIterator[None]:
    info = activity.info()
    entry = folder / uuid4().hex
    attempt = Attempt(
        namespace=info.workflow_namespace or info.namespace,
        workflow=info.workflow_id or "",
        run=info.workflow_run_id or "",
        activity=info.activity_id,
    )
    entry.write_text(attempt.model_dump_json())
    try:
        yield
    finally:
        entry.unlink(missing_ok=True)


async def report_the_dead(client: Client, home: Path) -> int:
    """Tells Temporal of the attempts that workers of this host died over, and returns how many were still awaited."""
    reported = 0
    for folder in sorted(path for path in _folder(home).glob("*") if path.suffix != LOCK):
        try:
            reported += await _report(client, folder)
        except (RPCError, OSError) as error:  # no reason not to serve: heartbeats will tell it in their own time
            _log.warning("the dead could not be reported", error=str(error))
    return reported


async def _report(client: Client, folder: Path) -> int:
    lock = try_lock(_lock(folder))
    if lock is None:
        return 0  # alive, or another worker is at it
    reported = 0
    try:
        if folder.is_dir():  # else another worker has just done it, and the lock is a new one
            for entry in folder.iterdir():
                reported += await _reported(client, entry)
                entry.unlink(missing_ok=True)
            folder.rmdir()
        _lock(folder).unlink(missing_ok=True)
    finally:
        lock.release()
    return reported


async def _reported(client: Client, entry: Path) -> bool:
    with suppress(ValueError, FileNotFoundError):  # cut off as it was written
        attempt = Attempt.model_validate_json(entry.read_bytes())
        if attempt.namespace != client.namespace:
            return False
        handle = client.get_async_activity_handle(
            workflow_id=attempt.workflow, run_id=attempt.run, activity_id=attempt.activity
        )
        try:
            await handle.fail(ApplicationError("its worker died; its jobs run on", type=DIED))
        except RPCError as error:
            if error.status in OVER:
                return False
            raise
        _log.info("an attempt's worker had died", workflow=attempt.workflow, activity=attempt.activity)
        return True
    return False


def _folder(home: Path) -> Path:
    return home / "attendance" / socket.gethostname()


def _lock(folder: Path) -> Path:
    return folder.with_suffix(LOCK)
