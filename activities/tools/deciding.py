"""The manager's decisions as tools: a call ends its turn, and the workflow carries out what was decided."""

from pydantic import BaseModel

from activities.tools.base import Call, Done, Tool
from schemas.decision import Code, Design, Discard, Finish, Tune, Wait

NOTED = "decided"

_DECISIONS: tuple[tuple[type[BaseModel], str, str], ...] = (
    (
        Design,
        "design",
        "Asks a designer for a candidate's strategy, PLAN.md: a first one for the next free number, or a revised one "
        "by what its trainings showed. `parents` are revisions (from the board) of any candidates: a new repository "
        "starts as the first, and the design draws on the others. Costs a few minutes and no device.",
    ),
    (
        Code,
        "code",
        "Asks a coder to implement a candidate's PLAN.md, to bring the code up to a revised plan, or to mend it. It "
        "ends once a check of the whole pipeline passed on a sample. For changes of settings alone, tune is the "
        "quicker way.",
    ),
    (
        Tune,
        "tune",
        "Asks a tuner to train a candidate and improve it by its config.yaml alone, for at most so many minutes of "
        "wall time, which are cut to what is left to explore. It yields the system's scores, and takes a device while "
        "it trains.",
    ),
    (
        Discard,
        "discard",
        "Ends work on a candidate for good, because it does not pay or is too similar to another; what is at work on "
        "it is stopped. Its trainings stay, and may still be delivered or blended.",
    ),
    (Wait, "wait", "Decides nothing now; you are asked again when something has happened. Not needed to pass time."),
    (
        Finish,
        "finish",
        "Ends the exploration for good: what is at work is stopped, and the aggregator chooses or blends what was "
        "trained. Refused while nothing has a score and work may still bring one.",
    ),
)


async def _decide(_given: BaseModel, _call: Call) -> Done:
    return Done(NOTED, ends=True)


def decision_tools() -> tuple[Tool, ...]:
    return tuple(Tool(name, what, arguments, _decide, reads_only=True) for arguments, name, what in _DECISIONS)


DECISIONS = {name: arguments for arguments, name, _ in _DECISIONS}
