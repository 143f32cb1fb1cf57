"""Errors named by who must act on them; anything else is the platform's, and the workflow starts another attempt."""

from pathlib import Path


class ToolFailed(Exception):
    """The model must act: the text goes back to it as the tool's result."""


class Impossible(Exception):
    """The manager must act: trying again would fail the same way."""


class NeedsPerson(Exception):
    """A person must act: the run pauses, says so, and goes on from the same place when resumed."""


class LittleDisk(NeedsPerson):
    """Somebody must make room at `folder`: the run pauses, and goes on by itself once there is some."""

    def __init__(self, why: str, folder: Path) -> None:
        super().__init__(why)
        self.folder = folder


class BadInput(Exception):
    """The person who started the run must act: names the file, column or key, and what to do."""
