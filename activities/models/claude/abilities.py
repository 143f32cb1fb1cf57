"""What each Claude model takes, where models differ.

Adaptive thinking came with version 4.6; before it, only Opus 4.5 knew effort. A model that is not known here is taken
to be newer. Models of other makers, behind a server of one's own, are sent none of it.
"""

from dataclasses import dataclass

from activities.models.names import plain, version
from schemas.message import Effort

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True)
class Abilities:
    """`efforts` from the least to the most."""

    thinks: bool = False
    efforts: tuple[Effort, ...] = ()

    def effort(self, wanted: Effort | None) -> Effort | None:
        """The wanted effort, or the next lower one that the model knows; None to leave it to the model."""
        if wanted is None:
            return None
        lower = EFFORTS[: EFFORTS.index(wanted) + 1]
        return next((effort for effort in reversed(lower) if effort in self.efforts), None)


def abilities(name: str) -> Abilities:
    """Of the model of that name, on whatever platform."""
    own = plain(name)
    if not own.startswith("claude-"):
        return Abilities()
    found = version(own)
    if found is None or found >= (4, 7):
        return Abilities(thinks=True, efforts=EFFORTS)
    if found == (4, 6):
        return Abilities(thinks=True, efforts=("low", "medium", "high", "max"))
    if found == (4, 5) and "opus" in own:
        return Abilities(efforts=("low", "medium", "high"))
    return Abilities()
