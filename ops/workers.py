"""The embedded workers: one process for the control queue, one for the queue of those who need devices."""

import asyncio
import importlib.util
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from activities.execution.durable import write_whole
from ops.connection import Target
from ops.errors import CommandFailed
from ops.processes import Process, read_record, spawn, stop, stop_all, tail
from ops.settings import Settings
from ops.surroundings import Change, Surroundings, change, present
from schemas.base import Record
from workflows.calls import CONTROL, GPU_SUFFIX

GPU = CONTROL + GPU_SUFFIX
QUEUES = (CONTROL, GPU)
READY_SECONDS = 90.0
STOP_SECONDS = 45.0  # longer than a worker gives its activities to end
FRESH_SECONDS = 75.0  # a poll lasts a minute at most; a poller that is older is gone


class WorkerRecord(Record):
    """An embedded worker, the server that it was started for, and the surroundings that it was started in."""

    process: Process
    queue: str
    address: str
    namespace: str
    surroundings: Surroundings = Surroundings()

    def serves(self, where: Target) -> bool:
        return self.process.alive and (self.address, self.namespace) == (where.address, where.namespace)


def read_worker(settings: Settings, queue: str) -> WorkerRecord | None:
    return read_record(settings.worker_record(queue), WorkerRecord)


def write_worker(settings: Settings, record: WorkerRecord) -> None:
    path = settings.worker_record(record.queue)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, record.model_dump_json())


@dataclass(frozen=True)
class Ensured:
    """The queues whose workers were started, and what a person should know of it."""

    started: tuple[str, ...]
    notes: tuple[str, ...] = ()


async def ensure(settings: Settings, where: Target, client: Client) -> Ensured:
    """Starts the workers that do not run, and those anew that have other keys than this process; waits until all poll.

    What a worker did goes on with the next one, and jobs run on meanwhile.
    """
    notes = _renew(settings)
    started = tuple(queue for queue in QUEUES if not _running(settings, queue, where))
    for queue in started:
        _start(settings, queue, where)
    await asyncio.gather(*(_polling(settings, queue, client) for queue in QUEUES))
    return Ensured(started, notes)


def alive(settings: Settings) -> list[WorkerRecord]:
    """The embedded workers that run."""
    records = (read_worker(settings, queue) for queue in QUEUES)
    return [record for record in records if record is not None and record.process.alive]


def _renew(settings: Settings) -> tuple[str, ...]:
    """Stops workers that were started with other keys or addresses of models than those of this process."""
    changes = [(record, change(record.surroundings)) for record in alive(settings)]
    other = [(record, found) for record, found in changes if found.differ]
    if not other:
        return ()
    if any(found.absent for _, found in changes):
        return (_kept(changes),)
    stop_all([record.process for record, _ in other], grace=STOP_SECONDS)
    groups = dict.fromkeys(group for _, found in other for group in found.differ)
    return (
        f"Workers are started anew, with the {' and '.join(groups)} variables of this shell; runs in progress go on.",
    )


def _kept(changes: list[tuple[WorkerRecord, Change]]) -> str:
    """To start such workers anew from here would take away keys that runs in progress may need."""
    absent = {group for _, found in changes for group in found.absent}
    names = sorted({n for record, _ in changes for g in absent for n in record.surroundings.groups[g].names})
    return (
        f"Workers keep the variables that they were started with: {', '.join(names)} are theirs, and not set here. "
        "To change them, set all that runs need, then: aibuildai down, and aibuildai up"
    )


def _running(settings: Settings, queue: str, where: Target) -> bool:
    known = read_worker(settings, queue)
    if known is None or known.serves(where):
        return known is not None
    stop(known.process, grace=STOP_SECONDS)  # it serves another Temporal than the one now in force
    return False


def _start(settings: Settings, queue: str, where: Target) -> None:
    process = spawn(command(settings, queue), log=log_of(settings, queue), folder=settings.home)
    record = WorkerRecord(
        process=process, queue=queue, address=where.address, namespace=where.namespace, surroundings=present()
    )
    write_worker(settings, record)


def command(settings: Settings, queue: str) -> list[str]:
    """`python worker.py`, as a person would start it by hand."""
    found = importlib.util.find_spec("worker")
    if found is None or found.origin is None:
        raise CommandFailed("worker.py is not installed: install this project again")
    devices = ["--devices", settings.devices] if queue == GPU else []
    return [sys.executable, found.origin, "--home", str(settings.home), "--queues", queue, *devices]


def log_of(settings: Settings, queue: str) -> Path:
    return settings.logs / f"{queue}.log"


async def _polling(settings: Settings, queue: str, client: Client) -> None:
    until = time.monotonic() + READY_SECONDS
    record = read_worker(settings, queue)
    while record is not None:
        if any(name.startswith(f"{record.process.pid}@") for name in await pollers(client, queue)):
            return
        if not record.process.alive or time.monotonic() > until:
            state = "polls nothing" if record.process.alive else "ended"
            log = log_of(settings, queue)
            raise CommandFailed(f"the worker for {queue} {state}; the end of {log} is:\n{tail(log)}")
        await asyncio.sleep(0.1)


async def pollers(client: Client, queue: str) -> list[str]:
    """The identities (pid@host) of workers that ask this queue for activities."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        ),
        timeout=timedelta(seconds=10),
    )
    oldest = time.time() - FRESH_SECONDS
    return [poller.identity for poller in answer.pollers if poller.last_access_time.seconds >= oldest]


def shut(settings: Settings) -> tuple[str, ...]:
    """Stops the embedded workers, both at once, and returns the queues of those that ran."""
    records = [record for queue in QUEUES if (record := read_worker(settings, queue)) is not None]
    stopped = stop_all([record.process for record in records], grace=STOP_SECONDS)
    for record in records:
        settings.worker_record(record.queue).unlink(missing_ok=True)
    return tuple(record.queue for record in records if record.process in stopped)
