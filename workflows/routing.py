"""Which model an invocation gets: its role's own, or, where routing is on, a cheaper one for what is routine.

Settled for each invocation as a whole, so that no conversation changes its model, its cache or its thinking.
"""

from collections.abc import Sequence

from schemas.candidate import Candidate
from schemas.decision import Code, Design, Tune
from schemas.event import Event, RunResumed
from schemas.role import ModelChoice, Role
from schemas.run import RunSpec
from schemas.state import Answer, RunState

SHORT_BRIEF = 400  # characters; what takes more words is not small
SHORT_TUNE = 10.0  # minutes
UNEVENTFUL = (RunResumed,)  # happenings that call for no decision by themselves


def language(choice: ModelChoice) -> bool:
    """True for a model of language; the playbook is free and instant, and needs no terms."""
    return choice.name != "playbook"


def choice(spec: RunSpec, role: Role, routine: str | None) -> ModelChoice:
    """The model of one invocation; `routine` says why a cheaper one will do, None that it will not."""
    own, settings = spec.model_for(role), spec.settings
    cheap = ModelChoice(name=settings.cheap_model, effort=settings.cheap_effort)
    if not settings.routing or routine is None or cheap.name == own.name or not (language(own) and language(cheap)):
        return own
    named = own.fallback if own.fallback != cheap.name else None  # for an outage, which may be of all at one provider
    return cheap.model_copy(update={"fallback": named or own.name, "routed": routine, "instead_of": own.name})


def routine(decision: Design | Code | Tune, known: Candidate | None) -> str | None:
    """Why an invocation is routine, or None: never the first of its kind for a candidate."""
    if known is None:
        return None
    match decision:
        case Design():
            return _retry(known, Role.DESIGNER) if known.designs else None
        case Code():
            return _revision(known, decision.brief) or _retry(known, Role.CODER)
        case Tune():
            return _short(known, decision.minutes) or _retry(known, Role.TUNER)


def glance(state: RunState, happenings: Sequence[Event], answers: Sequence[Answer], slots: int) -> str | None:
    """Why a turn of the manager is no more than a look at the state, or None."""
    if not state.in_flight or any(answer.refused for answer in answers):
        return None
    if any(event.kind == "person_steered" for event in happenings):
        return None
    if slots == 0:
        return "a look: nothing more can be started now"
    return "a look: nothing calls for a decision" if all(isinstance(one, UNEVENTFUL) for one in happenings) else None


def _revision(known: Candidate, brief: str) -> str | None:
    passed = known.codes > 0 and not known.failures
    return "a small revision of code that passed" if passed and len(brief) <= SHORT_BRIEF else None


def _retry(known: Candidate, role: Role) -> str | None:
    """Once; what fails again is for the better model."""
    return "another try of what failed once" if known.failures == 1 and known.stumbled == role else None


def _short(known: Candidate, minutes: float) -> str | None:
    return "a short tune of what was tuned before" if known.tunes and minutes <= SHORT_TUNE else None
