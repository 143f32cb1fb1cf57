"""From a model's name to the model."""

from typing import Protocol, runtime_checkable

from activities.errors import BadInput
from activities.models.base import Model
from activities.models.claude.address import Address
from activities.models.playbook import Playbook

AVAILABLE = (
    "playbook",
    "claude-NAME",
    "bedrock/NAME",
    "vertex/NAME",
    "foundry/NAME",
    "server/NAME (any server that speaks the Messages API, at ANTHROPIC_BASE_URL)",
)


@runtime_checkable
class Closable(Protocol):
    """A model that holds connections."""

    async def close(self) -> None: ...


class Models:
    """The models of one process: one for each name, made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Model] = {}

    def __call__(self, name: str) -> Model:
        """The model of that name. Raises BadInput, which names what there is."""
        if name not in self._made:
            self._made[name] = model(name)
        return self._made[name]

    async def close(self) -> None:
        """Closes their connections."""
        made, self._made = self._made, {}
        for one in made.values():
            if isinstance(one, Closable):
                await one.close()


def model(name: str) -> Model:
    """A model of that name, which nothing was asked yet. Raises BadInput, which names what there is."""
    if name == "playbook":
        return Playbook()
    address = Address.of(name)
    if address is None:
        raise BadInput(f"model {name!r} is not available; there is: {', '.join(AVAILABLE)}")
    # imported here: the SDK takes seconds, which a run of the playbook need not wait for
    from activities.models.claude.client import Claude

    return Claude(address)
