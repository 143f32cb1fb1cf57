"""A call that failed, and the words for it."""

from dataclasses import dataclass

import anthropic

from activities.errors import NeedsPerson
from activities.hiding import hidden
from activities.models.base import Unavailable
from activities.models.claude.address import Address, Platform
from activities.models.claude.connect import AGAIN
from schemas.budget import Usage

LINE = 400  # characters


@dataclass(frozen=True)
class Call:
    """The call that failed: where, whether the server had begun to answer, and what it is known to have cost."""

    address: Address
    answered: bool
    usage: Usage

    @property
    def platform(self) -> Platform:
        return self.address.platform

    def later(self, why: str, retry_after: float | None = None) -> Unavailable:
        return Unavailable(f"{self.platform.words}: {why}", retry_after=retry_after, usage=self.usage)

    def access(self, why: str) -> NeedsPerson:
        return NeedsPerson(f"{self.platform.words}: {why}. Set {self.platform.access} {AGAIN}")


def shown(error: Exception) -> str:
    """An error in a line that anybody may read."""
    words = error.api_message if isinstance(error, anthropic.APIStatusError) and error.api_message else str(error)
    line = " ".join(hidden(words).split())[:LINE].rstrip(".")
    return line or type(error).__name__
