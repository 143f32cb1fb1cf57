"""From a model's name to the model."""

from activities.errors import BadInput
from activities.models.base import Model
from activities.models.playbook import Playbook

AVAILABLE = ("playbook",)


def model(name: str) -> Model:
    """The model of that name. Raises BadInput, which names what there is."""
    if name == "playbook":
        return Playbook()
    raise BadInput(
        f"model {name!r} is not available: this version has only the playbook, which works by rules, without a language"
        f" model, a network or a key. Leave --model out or give --model playbook; there is: {', '.join(AVAILABLE)}."
        + (" A client for Claude comes with a later version." if name.startswith("claude") else "")
    )
