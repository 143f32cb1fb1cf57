"""Which models are not to be had just now, and how long to wait before one is asked again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from activities.models.base import Model, Unavailable

IN_A_ROW = 4  # failures, after which another model is asked
AWAY = 300.0  # seconds until the chosen one is tried again
GOLDEN = 0.618  # spreads the tries of a count over its interval, the same way each time


@dataclass(frozen=True)
class Mind:
    """A model under the name by which it is asked."""

    name: str
    model: Model


@dataclass(frozen=True)
class Backoff:
    """Seconds between tries: twice as many each time, up to `longest`."""

    first: float = 1.0
    longest: float = 60.0

    def seconds(self, failed: int, retry_after: float | None = None) -> float:
        """After so many failures; what the server asks for counts instead, unless it is next to nothing."""
        if retry_after is not None and retry_after >= self.first:
            return retry_after
        grown = min(self.first * 2.0 ** min(failed - 1, 30), self.longest)
        return grown * (0.75 + (failed * GOLDEN) % 1 / 4)


@dataclass
class _Trouble:
    failures: int
    why: str
    until: float = 0.0  # by the clock: it is not asked before


class Outages:
    """What the agents of one process learn from each other's tries, so that an outage is not found out each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}

    def pick(self, minds: Sequence[Mind]) -> Mind:
        """The first that is to be had; where none is, the one whose time comes first."""
        for mind in minds:
            if not self.out(mind.name):
                return mind
        return min(minds, key=lambda mind: self._troubles[mind.name].until)

    def out(self, name: str) -> bool:
        trouble = self._troubles.get(name)
        return trouble is not None and trouble.failures >= IN_A_ROW and self._clock() < trouble.until

    def failed(self, name: str, error: Unavailable) -> None:
        trouble = self._troubles.setdefault(name, _Trouble(0, ""))
        trouble.failures += 1
        trouble.why = str(error)
        wait = error.retry_after or 0.0
        if wait > Backoff.longest:
            trouble.failures = max(trouble.failures, IN_A_ROW)
        trouble.until = self._clock() + max(AWAY, wait)

    def answered(self, name: str) -> None:
        self._troubles.pop(name, None)

    def why(self, name: str) -> str:
        """The last trouble of a model that is not to be had."""
        trouble = self._troubles.get(name)
        return trouble.why if trouble is not None and trouble.why else "it was not to be had"
