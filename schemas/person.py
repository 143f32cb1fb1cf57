"""What people ask of a run through its updates."""

from pydantic import Field

from schemas.base import Input, Text


class Extension(Input):
    """More of what bounds a run; money, tokens and calls only where the run has such a limit."""

    minutes: float = Field(0, ge=0, le=527_040, allow_inf_nan=False)
    dollars: float = Field(0, ge=0, le=1e9, allow_inf_nan=False)
    tokens: int = Field(0, ge=0, le=10**12)
    agent_calls: int = Field(0, ge=0, le=10**9)


class Stop(Input):
    """End the run: at once, or with `deliver` after what is trained was delivered."""

    deliver: bool = False
    why: Text = ""
