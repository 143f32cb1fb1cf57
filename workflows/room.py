"""A pause for want of disk ends by itself: somebody makes room, and the run goes on."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from schemas.delivery import RoomFound, RoomRequest
from schemas.event import RunPaused, RunResumed
from workflows.attempts import ONCE
from workflows.calls import ROOM
from workflows.record import Record

FIRST_STEADY = 5.0  # seconds that there must have been room; doubled each time
LONGEST_STEADY = 300.0
REST = 10  # seconds before another worker is asked to look


async def watch(record: Record) -> None:
    """For as long as the run lasts. A person may resume it earlier."""
    while True:
        await workflow.wait_condition(lambda: _short(record))
        found = await _found(record)
        if found is not None and _short(record):
            record.add(RunResumed(by="system", why=f"{found.free_mb:,.0f} MB are free on disk again"))


def _short(record: Record) -> bool:
    """True while nothing but room is waited for."""
    return bool(record.state.paused) and record.state.until_room is not None


async def _found(record: Record) -> RoomFound | None:
    """Once there is room; None if the pause ended otherwise, or nobody could look."""
    state = record.state
    looking: workflow.ActivityHandle[RoomFound] = workflow.start_activity(
        ROOM.name,
        RoomRequest(run=state.spec.run, folder=state.until_room or "", steady_seconds=_steady(record)),
        result_type=RoomFound,
        activity_id=f"room.{state.seq}",
        summary="wait for room on disk",
        start_to_close_timeout=ROOM.cap,
        heartbeat_timeout=ROOM.heartbeat,
        retry_policy=ONCE,
    )
    try:
        await workflow.wait_condition(lambda: looking.done() or not _short(record))
    finally:
        looking.cancel()
    try:
        return await looking
    except ActivityError as error:
        if _short(record):
            workflow.logger.warning("nobody looked for room", extra={"error": str(error)})
            await workflow.sleep(REST, summary="before room is looked for again")
    return None


def _steady(record: Record) -> float:
    """Longer each time: a worker elsewhere may lack what is there where this is looked at."""
    times = sum(isinstance(entry.event, RunPaused) and bool(entry.event.until_room) for entry in record.entries)
    return min(FIRST_STEADY * 2.0 ** (max(times, 1) - 1), LONGEST_STEADY)
