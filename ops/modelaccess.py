"""Whether this process could ask a model, as far as that is known without asking: keys, regions, packages."""

import importlib.util

from activities.errors import NeedsPerson
from activities.models.claude.address import Address, Platform
from ops.surroundings import named

GROUPS = {Platform.BEDROCK: "Amazon", Platform.VERTEX: "Google"}  # of variables; Anthropic's for all others
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
NO_KEY = (
    "set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN, or a profile of Anthropic's SDK). A server of your own at "
    "ANTHROPIC_BASE_URL that asks for no key takes any value"
)
BAD_KEY = "its key holds a space, a line break or a letter that no key has: set it again"


def group_of(platform: Platform) -> str:
    """The variables by which models on that platform are reached."""
    return GROUPS.get(platform, "Anthropic")


def lacking(address: Address) -> str:
    """What is missing to ask a model there, and what to do; empty if nothing is known to be missing.

    The SDK's own client is made for it, since it knows all the places that credentials may come from.
    """
    # imported here: the SDK takes seconds, which a run of the playbook need not wait for
    import anthropic
    import httpx2

    from activities.models.claude.connect import connect

    package = _missing_package(address)
    if package:
        return package
    if address.platform is Platform.SERVER and "ANTHROPIC_BASE_URL" not in named("Anthropic"):
        return "set ANTHROPIC_BASE_URL to the server's address"
    try:
        connect(address)
    except NeedsPerson:
        return BAD_KEY if set(KEYS) & set(named("Anthropic")) else NO_KEY
    except (anthropic.AnthropicError, ValueError, ImportError, httpx2.InvalidURL) as error:
        return f"{address.platform.words}: {' '.join(str(error).split())} Set {address.platform.access.rstrip(',')}"
    return ""


def _missing_package(address: Address) -> str:
    wanted = None
    if address.platform is Platform.VERTEX:
        wanted = "google.auth"
    elif address.platform is Platform.BEDROCK and "AWS_BEARER_TOKEN_BEDROCK" not in named("Amazon"):
        wanted = "boto3"
    return (
        "" if wanted is None or _installed(wanted) else f"install its package: pip install '{address.platform.extra}'"
    )


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it would be in
        return False
