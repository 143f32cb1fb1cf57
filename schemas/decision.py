"""What the manager wants done next: a closed union."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Input, Text


class Parent(Input):
    """A revision that a design starts from or draws on, of any candidate."""

    candidate: int = Field(ge=1)
    revision: str = Field(description="as the board names it")


class Design(Input):
    """Ask the designer for a first strategy, or a revised one, of a candidate."""

    kind: Literal["design"] = "design"
    candidate: int = Field(ge=1, description="a new number for a new candidate, else one that exists")
    brief: Text = Field(description="goal, facts, what to look at, what makes this candidate different")
    parents: tuple[Parent, ...] = ()


class Code(Input):
    """Ask the coder to implement a candidate's plan, or to mend its code."""

    kind: Literal["code"] = "code"
    candidate: int = Field(ge=1)
    brief: Text = Field(description="what is to be implemented or mended, with the evidence")


class Tune(Input):
    """Ask the tuner to train a candidate for at most so many minutes."""

    kind: Literal["tune"] = "tune"
    candidate: int = Field(ge=1)
    minutes: float = Field(gt=0, description="of wall time, everything included")
    brief: Text = Field(description="what limits it, what was tried, what to try")


class Discard(Input):
    """Stop working on a candidate; its results stay."""

    kind: Literal["discard"] = "discard"
    candidate: int = Field(ge=1)
    why: Text


class Wait(Input):
    """Nothing now: ask again when something has happened."""

    kind: Literal["wait"] = "wait"
    why: Text


class Finish(Input):
    """End the exploration and aggregate."""

    kind: Literal["finish"] = "finish"
    why: Text


Decision = Annotated[Design | Code | Tune | Discard | Wait | Finish, Field(discriminator="kind")]
