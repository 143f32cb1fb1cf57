"""What requests say beyond the work itself: what language models may cost and keep, and how an activity is shown."""

from typing import Any

from temporalio import workflow

from schemas.role import AnyRequest, ModelChoice, Role, TuneRequest
from schemas.run import RunSpec
from schemas.state import RunState
from workflows import money, routing


def choice(spec: RunSpec, role: Role, routine: str | None) -> ModelChoice:
    """The model of an invocation that begins now."""
    found = routing.choice(spec, role, routine)
    if found.fallback == found.instead_of or not found.routed or workflow.patched("named-fallback"):
        return found
    return found.model_copy(update={"fallback": found.instead_of})


def terms(state: RunState, role: Role, model: ModelChoice) -> dict[str, Any]:
    """The fields of a request that concern a language model; none of them for the playbook."""
    settings = state.spec.settings
    if not routing.language(model):
        return {}
    return {
        "caps": money.caps(state, role),
        "context_tokens": settings.context_tokens,
        "record": settings.record,
        "replay": settings.replay,
    }


def summary(request: AnyRequest) -> str:
    """An invocation in Temporal's UI: role, candidate, minutes, and the language model."""
    parts = [str(request.role)]
    candidate = getattr(request, "candidate", None)
    if candidate is not None:
        parts.append(f"candidate {candidate}")
    if isinstance(request, TuneRequest):
        parts.append(f"{request.seconds / 60:.0f} min")
    return ", ".join([*parts, *named(request.model)])


def named(model: ModelChoice) -> tuple[str, ...]:
    """The model's name, where it is one of language."""
    return (model.name,) if routing.language(model) else ()
