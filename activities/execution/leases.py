"""Leases of devices: first come, first served, lower priority numbers ahead; freed by the kernel when a holder dies."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from socket import gethostname
from uuid import uuid4

from activities.execution.devices import SLICES, numbers, units
from activities.execution.durable import Lock, is_held, locked, try_lock
from schemas.base import Record

BOOT = Path("/proc/sys/kernel/random/boot_id")
FORGOTTEN_AFTER = 7 * 86_400.0


def started_machine() -> str:
    """This machine since it was last started: the same in all its containers, and nobody's name after that."""
    return BOOT.read_text().strip() if BOOT.is_file() else gethostname()


def forget_machines(home: Path) -> None:
    """Removes what machines left that were started anew since: folders long unused, with no lock held."""
    for folder in (home / "leases").glob("*/queue"):
        old = time.time() - folder.stat().st_mtime > FORGOTTEN_AFTER
        if old and folder.parent.name != started_machine() and not any(map(is_held, folder.parent.glob("*.lock"))):
            shutil.rmtree(folder.parent, ignore_errors=True)


class Ticket(Record):
    """A job's place in the queue: how many of which devices it waits for, and how many slices of each if GPUs."""

    job: str
    devices: tuple[str, ...]
    count: int
    slices: int = SLICES


def assign(tickets: Sequence[Ticket], taken: frozenset[str]) -> list[dict[str, tuple[str, ...]]]:
    """The devices of each ticket, with the units it gets of each, in the queue's order; none for those that wait.

    A ticket that waits holds back every device it could use, so that nobody behind it starves it.
    """
    free = {unit for ticket in tickets for device in ticket.devices for unit in units(device)} - taken
    given: list[dict[str, tuple[str, ...]]] = []
    for ticket in tickets:
        usable = [(device, found) for device in ticket.devices if (found := _units(device, ticket, free))]
        enough = len(usable) >= ticket.count
        mine = dict(usable[: ticket.count]) if enough else {}
        free.difference_update(*(mine.values() if enough else map(units, ticket.devices)))
        given.append(mine)
    return given


def _units(device: str, ticket: Ticket, free: set[str]) -> tuple[str, ...]:
    """What the ticket would get of the device; nothing if too little is free."""
    every = units(device)
    needed = min(ticket.slices, len(every)) if numbers([device]) else len(every)
    found = tuple(unit for unit in every if unit in free)[:needed]
    return found if len(found) == needed else ()


@dataclass
class Lease:
    """Devices, or slices of them, that are held until the release, or the process's end."""

    devices: tuple[str, ...]
    slices: int = SLICES
    locks: tuple[Lock, ...] = ()

    def release(self) -> None:
        for lock in self.locks:
            lock.release()


class Place:
    """A place in the queue, kept until devices were taken or the process ends."""

    def __init__(self, leases: "Leases", file: Path, lock: Lock, ticket: Ticket) -> None:
        self._leases = leases
        self._file = file
        self._lock = lock
        self._ticket = ticket

    def take(self) -> Lease | None:
        """The lease, if it is this place's turn and enough devices are free."""
        with locked(self._leases.mutex):
            queue = self._leases.queue()
            given = assign([ticket for _, ticket in queue], self._leases.taken(queue))
            mine = next(devices for (file, _), devices in zip(queue, given, strict=True) if file == self._file)
            if not mine:
                return None
            locks = tuple(self._leases.hold(unit) for found in mine.values() for unit in found)
            self._leave()
            return Lease(tuple(mine), self._ticket.slices, locks)

    def leave(self) -> None:
        """Without a lease: those behind move up at once."""
        with locked(self._leases.mutex):
            self._leave()

    def _leave(self) -> None:
        self._file.unlink(missing_ok=True)
        self._lock.release()


class Leases:
    """All leases of one machine. Several that share a home folder have devices of the same names, and each its own."""

    def __init__(self, home: Path, machine: str | None = None) -> None:
        self._folder = home / "leases" / (machine or started_machine())
        (self._folder / "queue").mkdir(parents=True, exist_ok=True)

    @property
    def mutex(self) -> Path:
        return self._folder / "mutex"

    def join(self, ticket: Ticket, *, priority: int, since: datetime) -> Place:
        """Joins the queue, with the place of `since` if the job was in it before. ValueError if it never fits."""
        if ticket.count > len(ticket.devices):
            have = ", ".join(ticket.devices) or "none"
            raise ValueError(f"the job needs {ticket.count} devices, and this worker has {have}")
        name = f"{priority:06d}-{int(since.timestamp() * 1e6):020d}-{time.monotonic_ns():020d}-{uuid4().hex}"
        file = self._folder / "queue" / name
        with locked(self.mutex):  # nobody may see the file before it is locked, and take it for a dead one
            file.write_text(ticket.model_dump_json())
            lock = try_lock(file)
        assert lock is not None, "the name is new, so nobody else holds it"
        return Place(self, file, lock, ticket)

    def queue(self) -> list[tuple[Path, Ticket]]:
        """Living tickets in their order; those of dead processes are removed. Only under the mutex."""
        living = []
        for file in sorted((self._folder / "queue").iterdir()):
            if is_held(file):
                living.append((file, Ticket.model_validate_json(file.read_bytes())))
            else:
                file.unlink()
        return living

    def taken(self, queue: Sequence[tuple[Path, Ticket]]) -> frozenset[str]:
        """The units that are leased, of those that the queue asks for. Only under the mutex."""
        wanted = {unit for _, ticket in queue for device in ticket.devices for unit in units(device)}
        return frozenset(unit for unit in wanted if is_held(self._unit(unit)))

    def hold(self, unit: str) -> Lock:
        lock = try_lock(self._unit(unit))
        assert lock is not None, "it was found free under the mutex"
        return lock

    def _unit(self, unit: str) -> Path:
        return self._folder / f"{unit.replace(':', '-').replace('/', '_')}.lock"
