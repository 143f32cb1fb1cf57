"""Time, the stop signal, and metrics.jsonl."""

import json
import signal
import time
from pathlib import Path

KEEP_SECONDS = 30.0


class Progress:
    """Says when to stop: at the time limit, or soon after SIGTERM. What was trained by then is kept and written."""

    def __init__(self, out: Path, seconds: float) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out = out
        self.started = time.monotonic()
        self.seconds = seconds
        self.stopped = False
        self._file = (out / "metrics.jsonl").open("a", encoding="utf-8", buffering=1)
        self._next_log = 0.0
        self.partial: Path | None = None  # where a long training keeps what it needs to go on
        self._next_keep = KEEP_SECONDS
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopped = True

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def should_stop(self) -> bool:
        """Asked by every loop of training between two of its steps."""
        return self.stopped or self.elapsed > self.seconds

    def room_for(self, seconds: float) -> bool:
        """True if a piece of work that takes so long still fits."""
        return not self.stopped and self.elapsed + seconds <= self.seconds

    def time_to_keep(self) -> bool:
        """True at most every half minute."""
        due = self.elapsed >= self._next_keep
        if due:
            self._next_keep = self.elapsed + KEEP_SECONDS
        return due

    def portion(self, count: int) -> float:
        """The elapsed seconds at which one of `count` pieces that are left should end, so that each gets its time."""
        return self.elapsed + max(self.seconds - self.elapsed, 0.0) / max(count, 1)

    def log(self, step: float, **values: float) -> None:
        """One line of metrics.jsonl; names begin with train_ or valid_."""
        numbers = {name: round(float(value), 6) for name, value in values.items() if value == value}
        self._file.write(json.dumps({"step": step, "time": round(self.elapsed, 2), **numbers}) + "\n")

    def log_often(self, step: float, **values: float) -> None:
        """As `log`, at most five lines in a second, so that fast loops leave a readable file."""
        if self.elapsed >= self._next_log:
            self._next_log = self.elapsed + 0.2
            self.log(step, **values)
