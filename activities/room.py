"""Waiting for room on disk, so that a run that paused for want of it goes on by itself."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from temporalio import activity

from activities.attended import attended
from activities.execution.room import AGAIN, Room, free_mb, scant
from activities.host import Host
from schemas.delivery import RoomFound, RoomRequest

LOOK = 1.0  # seconds between looks


class RoomActivities:
    """On the control queue, so that a run goes on also where no worker with devices is up."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @activity.defn(name="room")
    async def room(self, request: RoomRequest) -> RoomFound:
        """Ends once there has been room for so long as is asked."""
        wanted = _wanted(self._host.room(request.run), request)
        since: float | None = None
        async with attended("waits for room on disk") as doing:
            while True:
                lacking = await asyncio.to_thread(scant, wanted.folders, wanted.mark_mb)
                since = None if lacking else since or time.monotonic()
                if since is not None and time.monotonic() - since >= request.steady_seconds:
                    return RoomFound(free_mb=min(free_mb(folder) for folder in wanted.folders))
                if lacking is not None:
                    doing.now(wanted.words(lacking))
                await asyncio.sleep(LOOK)


def _wanted(room: Room, request: RoomRequest) -> Room:
    """Rather more than the mark, also where a worker lacked it; its folder may be of another host, and mean little."""
    folders = tuple(dict.fromkeys((*room.folders, Path(request.folder))))
    return replace(room, folders=folders, mark_mb=int(room.mark_mb * AGAIN))
