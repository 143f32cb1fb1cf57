"""Drives a run on a disk that fills up: `python -m tests.whole.filled DISK ENVIRONMENTS TASK` tells what was seen."""

import asyncio
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

from ops import stack
from ops.settings import Settings
from tests.ops.conftest import Shell
from tests.whole.conftest import House
from tests.whole.polling import eventually

SIZE_MB, MARK_MB, FREE_MB = 600, 200, 150  # what the disk has, must have free, and has free once it is filled


async def seen(house: House, disk: Path, task: Path) -> dict[str, Any]:
    run = await house.started(task, "--minutes", 4, "--candidates", 1)
    ballast = disk / "ballast"

    async def state() -> dict[str, Any]:
        found: dict[str, Any] = (await house.shell("status", run, "--json")).json
        return found

    async def explores() -> bool:
        return bool((await state())["candidates"])

    async def paused() -> bool:
        return bool((await state())["paused"])

    async def goes_on() -> bool:
        return not await paused()

    await eventually(explores, within=200, what="a candidate is begun")
    fill(ballast)
    await eventually(paused, within=100, what="the run pauses")
    status = (await house.shell("status", run)).out
    database = whole(house.settings.home / "temporal.db")
    ballast.unlink()
    await eventually(goes_on, within=60, what="the run goes on")
    watched = await house.shell("watch", run)
    folder = house.layout(run).folder
    ledger = [json.loads(line) for line in house.layout(run).ledger.read_text().splitlines()]
    return {
        "folder": str(folder),
        "status": status,
        "database": database,
        "code": watched.code,
        "watched": watched.out + watched.err,
        "ledger": ledger,
    }


def fill(ballast: Path) -> None:
    found = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - (FREE_MB << 20))


def whole(database: Path) -> str:
    """SQLite's own word on a database."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def main(disk: Path, environments: Path, task: Path) -> None:
    settings = Settings.load(disk / "home")
    settings.home.mkdir()
    (settings.home / "environments").symlink_to(environments)  # they are large, and no part of what is shown
    house = House(settings, Shell(settings.home, {"ANTHROPIC_API_KEY": ""}))
    try:
        sys.stdout.write(json.dumps(asyncio.run(seen(house, disk, task))))
    finally:
        stack.down(settings)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
