"""A job's folder: what its supervisor reads and writes there, and how others tell whether it lives."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from activities.execution.durable import is_held, write_once, write_whole
from schemas.base import Record
from schemas.job import JobSpec, JobState, Limits, Sample

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


class Order(Record):
    """`spec.json`: what is to be done, wherever it is."""

    id: str
    spec: JobSpec
    sandbox: str
    ordered_at: datetime


@dataclass(frozen=True)
class JobFolder:
    path: Path

    @classmethod
    def of(cls, jobs: Path, id: str) -> "JobFolder":
        if not NAME.fullmatch(id) or len(id) > 150:
            raise ValueError(f"{id!r} cannot name a job: letters, digits, '-' and '_', in words joined by dots")
        return cls(jobs / id)

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor for as long as it lives."""
        return self.path / "lock"

    @property
    def stop(self) -> Path:
        """Its presence asks the supervisor to stop the job."""
        return self.path / "stop"

    def ask_to_stop(self) -> None:
        """On disk afterwards: what was stopped is not taken up again after a loss of power."""
        with suppress(FileNotFoundError):  # the job ended meanwhile, and its supervisor removed the draft
            write_once(self.stop, "")

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def supervisor_log(self) -> Path:
        """Empty, unless the supervisor itself fails."""
        return self.path / "supervisor.log"

    @property
    def scratch(self) -> Path:
        return self.path / "scratch"

    def sealed_log(self, step: int) -> Path:
        """The output of a sealed step, which no agent may read."""
        return self.path / "sealed" / f"{step}.txt"

    @property
    def usage(self) -> Path:
        """What its steps took over their time: a Sample on each line."""
        return self.path / "usage.jsonl"

    def add_usage(self, samples: Sequence[Sample]) -> None:
        with self.usage.open("a", encoding="utf-8") as file:
            file.writelines(f"{sample.model_dump_json(exclude_none=True)}\n" for sample in samples)

    @property
    def exists(self) -> bool:
        return self.spec.is_file()

    @property
    def supervised(self) -> bool:
        return is_held(self.lock)

    def order(self) -> Order:
        """Raises FileNotFoundError if nothing was ordered, and ValidationError if a disk lost what was."""
        return Order.model_validate_json(self.spec.read_bytes())

    @property
    def grace_seconds(self) -> float:
        try:
            return self.order().spec.limits.grace_seconds
        except ValidationError:
            return Limits().grace_seconds

    def place(self, order: Order) -> bool:
        """True for the one caller whose order it is; everyone else finds that order."""
        self.path.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another's order ran and ended meanwhile, and the draft of this one is gone
            return write_once(self.spec, order.model_dump_json())
        return False

    def remove_drafts(self) -> None:
        """What workers and supervisors that were killed were about to write. Only for the supervisor, at the end."""
        for file in (self.spec, self.stop, self.state_file):
            for draft in self.path.glob(f".{file.name}.*"):
                draft.unlink(missing_ok=True)

    @property
    def state_file(self) -> Path:
        return self.path / "state.json"

    def state(self) -> JobState:
        """The state as last written; queued, if no supervisor came to write one, or a disk lost it."""
        try:
            return JobState.model_validate_json(self.state_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return self._state_by_order()

    def _state_by_order(self) -> JobState:
        try:
            order = self.order()
        except ValidationError:
            at = datetime.fromtimestamp(self.spec.stat().st_mtime, UTC)
            return self._failed(JobState(id=self.path.name, purpose="run", phase="queued", queued_at=at), at)
        return JobState(id=order.id, purpose=order.spec.purpose, phase="queued", queued_at=order.ordered_at)

    def give_up(self) -> None:
        """For the supervisor of an order that cannot be read."""
        state = self.state()
        if not state.ended:
            self.write(self._failed(state, datetime.now(UTC)))

    def _failed(self, state: JobState, at: datetime) -> JobState:
        problem = f"what was ordered cannot be read: {self.spec} was damaged; order it anew, as another job"
        return state.model_copy(update={"phase": "failed", "problem": problem, "ended_at": at})

    def write(self, state: JobState) -> None:
        write_whole(self.state_file, state.model_dump_json())
