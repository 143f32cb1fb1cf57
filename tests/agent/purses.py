"""A run's purse as tests open it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.agent.purse import Purse
from schemas.role import Caps

CAPS = Caps(dollars=10.0, tokens=1_000)


def soon(seconds: float = 30.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def purse(file: Path, caps: Caps = CAPS) -> Purse:
    return Purse(file, caps)


def dollars(file: Path) -> tuple[float | None, float]:
    """(spent, reserved), as a process that was just started reads them."""
    found = purse(file).totals()
    return found.dollars, found.reserved_dollars
