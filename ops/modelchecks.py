"""What `doctor` says of language models: keys here and with the workers, who answers, the date of the prices."""

import os

from activities.errors import BadInput
from activities.models.claude.address import Address, Platform
from activities.models.prices import FILE, price_list
from ops import workers
from ops.checks import Check, bad, ok, warn
from ops.modelaccess import group_of, lacking
from ops.settings import Settings
from ops.surroundings import change, named

SECONDS = 10.0  # for an answer


def checks(settings: Settings) -> list[Check]:
    """Nothing here spends a token."""
    return [key(settings), *keys_of_workers(settings), *server(), prices()]


def key(settings: Settings) -> Check:
    """Whether the model that this installation uses, or else Claude, can be asked from here."""
    own = Address.of(settings.model or "")
    why = lacking(own or Address(Platform.API, "claude"))
    names = ", ".join(named(group_of(own.platform if own else Platform.API)))
    if not why:
        return ok("model key", f"set here: {names}" if names else "a profile of Anthropic's SDK")
    if own is None:
        return ok("model key", f"none; the playbook needs none. For Claude, {why}")
    return bad("model key", f"{settings.model} cannot be asked from here", why)


def keys_of_workers(settings: Settings) -> list[Check]:
    """Whether the workers that run have the keys of this shell; none if no worker runs."""
    records = workers.alive(settings)
    if not records:
        return []
    changes = [change(record.surroundings) for record in records]
    names = sorted({name for record in records for name in record.surroundings.names})
    detail = f"workers were started with {', '.join(names)}" if names else "workers were started without any"
    if any(found.differ and found.absent for found in changes):
        advice = "set all that runs need, then: aibuildai down, and aibuildai up"
        return [warn("workers' keys", f"{detail}, which is not what is set here", advice)]
    if any(found.differ for found in changes):
        advice = "`aibuildai up` starts them anew with those; runs in progress go on"
        return [warn("workers' keys", f"{detail}; other values, or more, are set here", advice)]
    return [ok("workers' keys", detail)]


def server() -> list[Check]:
    """Whether the Claude API, or the server in its place, answers a look at its list of models."""
    base = os.environ.get("ANTHROPIC_BASE_URL", "")
    why = lacking(Address(Platform.SERVER if base else Platform.API, "claude"))
    if why:
        return [bad("model server", "ANTHROPIC_BASE_URL is set, and nothing can be asked", why)] if base else []
    # imported here: the SDK takes seconds, which is well spent only where there is a key
    import anthropic

    from activities.models.claude.call import shown

    where = Platform.SERVER.words if base else Platform.API.words
    try:
        anthropic.Anthropic(max_retries=0, timeout=SECONDS).models.list(limit=1)
    except (anthropic.AuthenticationError, anthropic.PermissionDeniedError) as error:
        return [bad("model server", f"{where} refuses the key: {shown(error)}", "set a valid ANTHROPIC_API_KEY")]
    except anthropic.APIStatusError as error:  # a server of one's own need not list its models
        return [ok("model server", f"{where} answers ({error.status_code})")]
    except anthropic.AnthropicError as error:
        advice = "see ANTHROPIC_BASE_URL, proxies and certificates"
        return [bad("model server", f"{where} does not answer: {shown(error)}", advice)]
    except ValueError:  # it answers with something else than a list
        return [ok("model server", f"{where} answers")]
    return [ok("model server", f"{where} answers, and takes the key")]


def prices() -> Check:
    try:
        known = price_list()
    except BadInput as error:
        return bad("prices", "cannot be read", str(error))
    return ok("prices", f"of {known.as_of}, {len(known.models)} models ({FILE.name}; the home folder's own adds to it)")
