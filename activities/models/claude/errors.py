"""What goes wrong with a call, by who must act: the loop that asks again, the manager, or a person.

Nothing is chained to the errors that come of it: what a library raised may hold a key.
"""

import ssl
from collections.abc import Iterator

import anthropic
import httpx2

from activities.errors import NeedsPerson
from activities.models.claude.call import Call, shown
from activities.models.claude.connect import AGAIN
from activities.models.claude.refusals import refused

UNREACHABLE_SETTINGS = (
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
    httpx2.LocalProtocolError,
    ssl.SSLCertVerificationError,
)
LIBRARIES = ("botocore.", "boto3.", "google.auth.")  # of credentials; their errors have no type in common
PASSING = ("TransportError", "ConnectionError", "TimeoutError", "EndpointConnectionError")


def understood(error: Exception, call: Call) -> Exception | None:
    """What the error means to who asked; None for one that is not of the call."""
    match error:
        case NeedsPerson():
            return error
        case anthropic.APIStatusError():
            return refused(error, call)
        case anthropic.APITimeoutError():
            return call.later("no connection, or no answer, in time")
        case anthropic.APIConnectionError():
            return _unreached(error, call)
        case anthropic.APIError():
            return call.later(f"a reply that cannot be read: {shown(error)}")
        case anthropic.AnthropicError() | ImportError():
            return unequipped(error, call)
        case httpx2.TimeoutException():
            return call.later("the connection went silent within a reply")
        case httpx2.HTTPError():
            return call.later(f"the connection broke within a reply: {shown(error)}")
        case ValueError() if call.answered:
            return call.later(f"a reply that cannot be read: {shown(error)}")
    return _of_credentials(error, call)


def unequipped(error: Exception, call: Call) -> NeedsPerson:
    """A package, a key or a setting is missing."""
    missing = isinstance(error, ImportError) or type(error).__name__ == "MissingDependencyError"
    if missing and call.platform.extra:
        return NeedsPerson(
            f"{call.platform.words} needs a package that is not installed: pip install '{call.platform.extra}' {AGAIN}"
        )
    return call.access(shown(error))


def _unreached(error: Exception, call: Call) -> Exception:
    for cause in _causes(error):
        if isinstance(cause, ImportError):
            return unequipped(cause, call)
        if isinstance(cause, UNREACHABLE_SETTINGS):
            return call.access(f"cannot be asked with these settings: {type(cause).__name__}: {shown(cause)}")
    reason = next((shown(cause) for cause in _causes(error) if str(cause)), "")
    return call.later(f"cannot be reached: {reason or shown(error)}")


def _of_credentials(error: Exception, call: Call) -> Exception | None:
    """What platforms' libraries raise while a request is signed, or None if it is not theirs."""
    ours = type(error).__module__.startswith(LIBRARIES) or (
        call.platform.extra is not None and isinstance(error, RuntimeError | ValueError)
    )
    if not ours:
        return None
    passing = call.answered or type(error).__name__.endswith(PASSING)
    return call.later(shown(error)) if passing else call.access(f"no credentials: {shown(error)}")


def _causes(error: BaseException) -> Iterator[Exception]:
    cause = error.__cause__
    while isinstance(cause, Exception):
        yield cause
        cause = cause.__cause__ or cause.__context__
