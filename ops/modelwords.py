"""What is said of the models before a run starts."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from activities.errors import BadInput
from activities.models.claude.address import Address, Platform
from activities.models.prices import FREE, price_list
from ops.asked import Spec
from ops.connection import configured
from ops.modelcheck import named_models, speaks
from schemas.budget import Budget
from schemas.role import ModelChoice, Role
from schemas.run import RunSettings

PLAYBOOK = (
    "Model: playbook, a rule-based engineer. No language model is used: no key, no network, no cost.",
    "Claude: --model claude-opus-5-5 with ANTHROPIC_API_KEY set.",
)


def first_lines(spec: Spec) -> list[str]:
    """Which model each role has, and what bounds its cost; or that there is no language model."""
    settings = spec.settings
    if not speaks(settings):
        return list(PLAYBOOK)
    return [*_models(settings), *_where(settings), _web(settings), _limits(spec.budget, settings)]


def choice_words(choice: ModelChoice) -> str:
    """claude-opus-5-5, effort high, fallback claude-opus-5."""
    effort = f", effort {choice.effort}" if choice.effort else ""
    return choice.name + effort + (f", fallback {choice.fallback}" if choice.fallback else "")


def _models(settings: RunSettings) -> list[str]:
    """A line for each choice of a model, with the roles that share it."""
    roles: dict[ModelChoice, list[str]] = {}
    for role in Role:
        roles.setdefault(settings.model_for(role), []).append(role.value)
    lines = [
        f"Model: {choice_words(choice)}" + (f" ({', '.join(who)})" if len(roles) > 1 else " (all roles)")
        for choice, who in roles.items()
    ]
    if settings.routing:
        effort = f", effort {settings.cheap_effort}" if settings.cheap_effort else ""
        lines.append(f"Routing: on; routine work goes to {settings.cheap_model}{effort}")
    return lines


def _where(settings: RunSettings) -> list[str]:
    """Who answers, where it is not the Claude API itself; and whether what is said is kept."""
    lines = []
    if settings.replay:
        lines.append(f"Replay: the recorded run {Path(settings.replay).name} answers; no model is asked")
    elif configured():
        lines.append("Keys: those of the workers that serve this Temporal")
    else:
        lines += _server(settings)
    if settings.record:
        lines.append("Recording: every exchange with a model is kept in the run's folder, under exchanges/")
    return lines


def _server(settings: RunSettings) -> list[str]:
    base = urlsplit(os.environ.get("ANTHROPIC_BASE_URL") or "")
    addresses = [Address.of(name) for name in named_models(settings)]
    here = any(one and one.platform in (Platform.API, Platform.SERVER) for one in addresses)
    if not base.hostname or not here:
        return []
    port = f":{base.port}" if base.port else ""
    return [f"Server: {base.scheme}://{base.hostname}{port} (ANTHROPIC_BASE_URL)"]  # never with a password in it


def _web(settings: RunSettings) -> str:
    address = Address.of(settings.model_for(Role.DESIGNER).name)
    if not settings.web:
        return "Web search: off"
    if address is None or address.platform is Platform.BEDROCK:
        return "Web search: off; the designer's model has none"
    return "Web search: on, for the designer (--no-web shuts it off)"


def _limits(budget: Budget, settings: RunSettings) -> str:
    """What the run may cost at most, and by which prices."""
    caps = [f"${budget.dollars:,.2f}"] if budget.dollars is not None else []
    caps += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    bound = f"Cost: at most {' and '.join(caps)}" if caps else "Cost: no limit (--max-dollars, --max-tokens)"
    try:
        prices = price_list()
    except BadInput as error:
        return f"{bound}; unknown, as {error}"
    unknown = [name for name in named_models(settings) if name not in FREE and prices.price(name) is None]
    said = f"; unknown for {', '.join(unknown)}, which has no price" if unknown else ""
    return f"{bound}; prices of {prices.as_of}{said}"
