"""One process that serves task queues: `python worker.py --queues aibuildai,aibuildai-gpu --devices auto`.

Reads settings, binds names to the real parts, and works until it is told to stop. What it runs outlives it: jobs are
under supervisors of their own, and the next worker finds them.
"""

import argparse
import asyncio
import gc
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Interceptor, PollerBehaviorSimpleMaximum, Worker

from activities.attendance import Attendance, report_the_dead
from activities.bookkeeping import BookkeepingActivities
from activities.delivering import DeliveryActivities
from activities.execution.devices import discover
from activities.host import Host
from activities.models.base import Model
from activities.models.factory import Models, model
from activities.preparation import PreparationActivities
from activities.roles import RoleActivities
from activities.room import RoomActivities
from activities.scoring import ScoringActivities
from ops import telemetry
from ops.connection import connect
from ops.settings import Settings
from workflows.build import BuildWorkflow
from workflows.calls import CALLS, CONTROL, GPU_SUFFIX
from workflows.display import Details
from workflows.runner import runner

HEARTBEATS = timedelta(seconds=3)  # at most so far apart, so that a cancellation arrives and progress is fresh
STICKY = timedelta(seconds=2)  # a worker that died delays its workflows no longer
GRACE = timedelta(seconds=2)  # for what is nearly done; what is not goes on under the next worker
ONE_POLL = PollerBehaviorSimpleMaximum(maximum=1)  # a worker that freezes takes no more than one attempt into its ice
AGENTS_AT_ONCE = 64  # they mostly wait, for models and jobs; what is scarce is leased per job


def activities(client: Client, host: Host, models: Callable[[str], Model] = model) -> dict[str, Callable[..., Any]]:
    """Every activity by its name."""
    roles = RoleActivities(host.home, host.devices, models, low_disk_mb=host.low_disk_mb)
    preparation, delivery = PreparationActivities(host), DeliveryActivities(host)
    scoring, books = ScoringActivities(), BookkeepingActivities(client)
    return {
        "setup": roles.setup,
        "designer": roles.designer,
        "coder": roles.coder,
        "tuner": roles.tuner,
        "aggregator": roles.aggregator,
        "manager": roles.manager,
        "prepare": preparation.prepare,
        "score": scoring.score,
        "account": scoring.account,
        "estimate": delivery.estimate,
        "refit": delivery.refit,
        "verify": delivery.verify,
        "release": delivery.release,
        "package": delivery.package,
        "publish": books.publish,
        "hold": books.hold,
        "room": RoomActivities(host).room,
    }


def served(
    queue: str,
    client: Client,
    host: Host,
    interceptors: Sequence[Interceptor] = (),
    models: Callable[[str], Model] = model,
) -> Worker:
    """The worker of one queue: a queue for devices takes no workflows, and a control queue no jobs."""
    gpu = queue.endswith(GPU_SUFFIX)
    named = activities(client, host, models)
    return Worker(
        client,
        task_queue=queue,
        workflows=[] if gpu else [BuildWorkflow],
        workflow_runner=runner(),
        activities=[named[call.name] for call in CALLS if (call.queue == "gpu") == gpu],
        interceptors=[Details(), *interceptors],
        max_concurrent_activities=AGENTS_AT_ONCE,
        activity_task_poller_behavior=ONE_POLL,
        max_heartbeat_throttle_interval=HEARTBEATS,
        default_heartbeat_throttle_interval=HEARTBEATS,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
        disable_eager_activity_execution=True,
    )


async def serve(home: Path, queues: Sequence[str], devices: str) -> None:
    """Serves the queues until a signal comes."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    settings = Settings.load(home=home)
    host = Host(settings.home, discover(devices), settings.low_disk_mb)
    client = await connect(settings)
    log = telemetry.logger("worker")
    reported = await report_the_dead(client, host.home)
    async with AsyncExitStack() as workers:
        attendance, models = Attendance(host.home), Models()
        workers.callback(attendance.close)
        workers.push_async_callback(models.close)
        for queue in queues:
            await workers.enter_async_context(served(queue, client, host, [attendance], models))
        if any(queue.endswith(GPU_SUFFIX) for queue in queues):
            workers.callback(asyncio.create_task(host.sweep()).cancel)  # beside the work, as it may take a grace or two
        log.info("serving", queues=list(queues), devices=list(host.devices), home=str(host.home), reported=reported)
        await stop.wait()
        log.info("stopping")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, default=None, help="default: AIBUILDAI_HOME, or ~/.aibuildai")
    parser.add_argument("--queues", default=f"{CONTROL},{CONTROL}{GPU_SUFFIX}", help="task queues, with commas between")
    parser.add_argument("--devices", default="auto", help="auto, or such as gpu:0,gpu:1 or cpu:0,cpu:1")
    asked = parser.parse_args()
    if asked.home is not None:
        os.environ["AIBUILDAI_HOME"] = str(asked.home.expanduser().absolute())  # where prices of one's own are
    telemetry.configure(json=True)
    gc.freeze()  # what was imported stays: collectors that walk it stop workflows for a fifth of a second and more
    asyncio.run(serve(asked.home, [queue.strip() for queue in asked.queues.split(",")], asked.devices))


if __name__ == "__main__":
    main()
