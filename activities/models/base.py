"""The seam to a model."""

from typing import Protocol

from schemas.message import ModelRequest, Reply


class Model(Protocol):
    """Something that answers in the shape of the Messages API: Claude, the playbook, a script."""

    async def ask(self, request: ModelRequest) -> Reply:
        """One call. Raises NeedsPerson for what only a person can mend (key, credit, unknown model)."""
        ...
