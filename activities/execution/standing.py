"""A step's processes stand still while too little disk is left, so that nothing fails for want of it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from activities.execution import processes
from activities.execution.room import AGAIN, free_mb, scant


@dataclass
class Brake:
    """Looks at the folders that the step writes to. `least_mb` 0 turns it off.

    `say` writes into the job's log; `held` is told at each look which folder lacks room, and None once it goes on.
    """

    folders: tuple[Path, ...]
    least_mb: int
    say: Callable[[str], None]
    held: Callable[[Path | None], None]
    _lacking: Path | None = None
    _stood: float = 0.0
    _since: float | None = None

    def look(self) -> None:
        """Stops the processes below this one, or lets them go on."""
        if self._since is None:
            if folder := scant(self.folders, self.least_mb):
                self._since, self._lacking = time.monotonic(), folder
                self.say(
                    f"only {free_mb(folder):,.0f} MB are free at {folder}: the job is held, and its time stands still, "
                    f"until {self.least_mb * AGAIN:,.0f} MB are"
                )
        elif scant(self.folders, self.least_mb * AGAIN) is None:
            self.release()
        if self._since is not None:
            processes.hold_below(os.getpid())  # at each look, as what was being started may have been missed
            self.held(self._lacking)

    def release(self) -> None:
        """Lets them go on, whatever is free."""
        if self._since is not None:
            self.say(f"the job goes on after {time.monotonic() - self._since:.0f} s")
            self._stood, self._since = self.seconds, None
            processes.let_go_below(os.getpid())
            self.held(None)

    @property
    def seconds(self) -> float:
        """For which they have stood so far."""
        return self._stood + (0.0 if self._since is None else time.monotonic() - self._since)
