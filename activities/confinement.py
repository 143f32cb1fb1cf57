"""Which sandbox a run's generated code gets on this host, and whether the run may start with it."""

from activities.errors import BadInput
from activities.execution.base import Sandbox
from activities.execution.sandbox import choose
from activities.models.prices import FREE
from schemas.run import RunSettings


def confinement(settings: RunSettings) -> Sandbox:
    """The run's sandbox. BadInput where none works and a language model would write the code, unless it is to be so."""
    found = choose(settings.sandbox)
    if found.name == "none" and settings.sandbox != "none" and (model := _language_model(settings)):
        raise BadInput(
            f"no sandbox works here, neither bubblewrap nor Docker or Podman, and {model} would write code that can do "
            "whatever this user can: `aibuildai doctor` says what to mend; `--sandbox none` starts the run all the same"
        )
    return found


def _language_model(settings: RunSettings) -> str | None:
    """One that a role of the run is."""
    return next((name for name in (settings.model, *settings.models.values()) if name not in FREE), None)
