"""The seam to a model."""

from typing import Protocol

from schemas.budget import Usage
from schemas.message import ModelRequest, Reply


class Unavailable(Exception):
    """No whole answer came, and the same call may get one later: overload, an outage, a cut stream.

    `retry_after` is what the server asks for, in seconds; `usage` what is known to be billed all the same.
    """

    def __init__(self, why: str, *, retry_after: float | None = None, usage: Usage | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after
        self.usage = usage or Usage()


class TooLong(Exception):
    """The conversation does not fit the model's context window: a shorter one may."""


class Model(Protocol):
    """Something that answers in the shape of the Messages API: Claude, the playbook, a script."""

    async def ask(self, request: ModelRequest) -> Reply:
        """One call, tried once.

        Raises Unavailable and TooLong for what the caller can mend, NeedsPerson for what only a person can (key,
        credit, unknown model), and Impossible for a request that is refused as it is.
        """
        ...
