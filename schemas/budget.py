"""Budgets and what was spent of them."""

from datetime import datetime

from schemas.base import Record


class Budget(Record):
    """Hard limits of a run; None means without limit. Seconds are of the wall clock."""

    seconds: float
    training_seconds: float | None = None  # one training at most
    agent_calls: int | None = None  # invocations of roles; the manager's turns are not counted
    dollars: float | None = None
    tokens: int | None = None


class Money(Record):
    """What agents may still spend of a run's money, all together; None where that is not capped."""

    dollars: float | None = None
    tokens: int | None = None


class Usage(Record):
    """Tokens of one or many model calls, as the Messages API counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0
    web_searches: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields})

    @property
    def tokens(self) -> int:
        return (
            self.input_tokens
            + self.output_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
            + self.cache_read_tokens
        )


class Spend(Record):
    """What work cost. `dollars` is None once any part of it has no known price: unknown is not zero."""

    usage: Usage = Usage()
    dollars: float | None = 0.0
    model_calls: int = 0
    lost_calls: int = 0  # in flight when a process died: asked, paid for, never read
    model_seconds: float = 0.0
    jobs: int = 0
    job_seconds: float = 0.0

    def __add__(self, other: "Spend") -> "Spend":
        known = self.dollars is not None and other.dollars is not None
        return Spend(
            usage=self.usage + other.usage,
            dollars=(self.dollars or 0.0) + (other.dollars or 0.0) if known else None,
            model_calls=self.model_calls + other.model_calls,
            lost_calls=self.lost_calls + other.lost_calls,
            model_seconds=self.model_seconds + other.model_seconds,
            jobs=self.jobs + other.jobs,
            job_seconds=self.job_seconds + other.job_seconds,
        )


class Clock(Record):
    """The times that bound a run: work on candidates ends at `explore_until`, all but delivery at `deadline`."""

    started: datetime
    explore_until: datetime
    deadline: datetime
