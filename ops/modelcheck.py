"""What must hold of a run's models before anything is made: known names, a way in, and prices where money is capped."""

from pathlib import Path

from activities.errors import BadInput
from activities.models.claude.address import Address
from activities.models.names import plain
from activities.models.prices import FILE, FREE, price_list
from activities.workspace.layout import Layout
from ops import workers
from ops.asked import Spec
from ops.connection import configured
from ops.modelaccess import group_of, lacking
from ops.recorded import holds_exchanges
from ops.settings import Settings
from ops.surroundings import named
from schemas.role import Role
from schemas.run import RunSettings

PLAYBOOK = "playbook"


def named_models(settings: RunSettings) -> dict[str, str]:
    """Every model that a run may ask, and the flag that names it."""
    found: dict[str, str] = {}
    for role in Role:
        found.setdefault(settings.models.get(role, settings.model), _flag(role, settings.models, "models", "--model"))
    for role in Role:
        fallback = settings.fallbacks.get(role, settings.fallback)
        if fallback is not None:
            found.setdefault(fallback, _flag(role, settings.fallbacks, "fallbacks", "--fallback"))
    if settings.routing and speaks(settings):
        found.setdefault(settings.cheap_model, "--set cheap_model")
    return found


def speaks(settings: RunSettings) -> bool:
    """True if any role is a language model."""
    return any(settings.models.get(role, settings.model) not in FREE for role in Role)


def check_models(settings: Settings, spec: Spec) -> None:
    """BadInput for a model that is not known, that cannot be asked from here, or whose price is needed and unknown."""
    found, replay = named_models(spec.settings), spec.settings.replay
    if replay is not None and not holds_exchanges(Layout(Path(replay))):
        raise BadInput(f"--set replay: {replay} holds no exchanges; name a run with --replay RUN")
    _playbook_stands_alone(spec.settings)
    for name, flag in found.items():
        _known(name, flag)
    if spec.budget.dollars is not None:
        _priced(found)
    if replay is None and not configured():  # elsewhere, keys are a matter of those who run the workers
        for name, flag in found.items():
            _reachable(settings, name, flag)


def _flag(role: Role, own: dict[Role, str], key: str, flag: str) -> str:
    return f"--set {key}.{role.value}" if role in own else flag


def _playbook_stands_alone(settings: RunSettings) -> None:
    """The playbook can go on with no conversation but its own."""
    for role in Role:
        if settings.fallbacks.get(role, settings.fallback) == PLAYBOOK:
            flag = _flag(role, settings.fallbacks, "fallbacks", "--fallback")
            raise BadInput(f"{flag} {PLAYBOOK}: it cannot take over from a language model; name another model")
    if settings.routing and speaks(settings) and settings.cheap_model == PLAYBOOK:
        raise BadInput(f"--set cheap_model={PLAYBOOK}: it cannot take the place of a language model; name another one")


def _known(name: str, flag: str) -> None:
    # imported here: it loads the playbook's recipes, which only a start needs
    from activities.models.factory import model

    try:
        model(name)
    except BadInput as error:
        raise BadInput(f"{flag}: {error}") from error


def _priced(found: dict[str, str]) -> None:
    prices = price_list()
    for name, flag in found.items():
        if name not in FREE and prices.price(name) is None:
            raise BadInput(
                f"--max-dollars cannot be kept: {name} ({flag}) has no price in {FILE}. Add one for {plain(name)} in "
                "prices.json in the home folder, which has the same shape; or cap --max-tokens instead"
            )


def _reachable(settings: Settings, name: str, flag: str) -> None:
    address = Address.of(name)
    if address is None or _workers_have_access(settings, group_of(address.platform)):
        return
    why = lacking(address)
    if why:
        raise BadInput(f"{name} ({flag}) cannot be asked: {why}")


def _workers_have_access(settings: Settings, group: str) -> bool:
    """Whether workers that run were started with such variables, and this process has none to replace them."""
    running = workers.alive(settings)
    return bool(running) and not named(group) and all(group in record.surroundings.groups for record in running)
