"""The manager's decisions as tools: a call ends its turn, and the workflow carries out what was decided."""

from pydantic import BaseModel

from activities.tools.base import Call, Done, Tool
from schemas.decision import Code, Design, Discard, Finish, Tune, Wait

NOTED = "decided"

_DECISIONS: tuple[tuple[type[BaseModel], str, str], ...] = (
    (
        Design,
        "design",
        "Asks the designer for a candidate's strategy: a first one for a new number, or a revised one that draws on "
        "what its trainings showed. `parents` are revisions of any candidates that it starts from (the first) or "
        "draws on.",
    ),
    (
        Code,
        "code",
        "Asks the coder to implement a candidate's PLAN.md, to bring the code up to a revised plan, or to mend it. It "
        "ends once a check of the whole pipeline passed on a sample.",
    ),
    (
        Tune,
        "tune",
        "Asks the tuner to train a candidate and improve it by its config.yaml alone, for at most so many minutes of "
        "wall time. It yields verified scores.",
    ),
    (Discard, "discard", "Ends work on a candidate that does not pay, or is too similar to another; its results stay."),
    (Wait, "wait", "Decides nothing now; you are asked again when something has happened."),
    (Finish, "finish", "Ends the exploration for good: the aggregator then chooses or blends what was trained."),
)


async def _decide(_given: BaseModel, _call: Call) -> Done:
    return Done(NOTED, ends=True)


def decision_tools() -> tuple[Tool, ...]:
    return tuple(Tool(name, what, arguments, _decide, reads_only=True) for arguments, name, what in _DECISIONS)


DECISIONS = {name: arguments for arguments, name, _ in _DECISIONS}
