"""What the API refuses, and what that asks of whom."""

import email.utils
import math
import re
import time
from collections.abc import Mapping

import anthropic

from activities.errors import Impossible, NeedsPerson
from activities.models.base import TooLong
from activities.models.claude.call import Call, shown

# An error within a stream has the status of the stream; then its type says what it is.
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "exceed_context_size_error": 400,  # llama.cpp's
    "validationException": 400,  # Bedrock's
    "throttlingException": 429,
}
RESUME = "aibuildai resume RUN"
AGAIN_LATER = frozenset({408, 409, 429, 499})
OF_ACCOUNTS = frozenset(
    {
        "cmek_key_disabled",
        "cmek_key_network_blocked",
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "organization_on_hold",
        "user_profile_required",
    }
)
# Where the API has no code for the cause, only these words tell.
MONEY = re.compile(r"credit balance is too low|usage limits?\b|spend(ing)? limit", re.I)
UNKNOWN_MODEL = re.compile(r"model identifier is invalid|model.{0,80}(not found|does not exist|not supported)", re.I)
# As servers of all makers put it; a shorter conversation has fewer pictures too.
LONG = re.compile(
    r"(prompt|input|conversation)s? (is |are )?too long|context[ _-]?(length|size|window|limit)|exceeds? the context"
    r"|maximum (model|prompt) length|exceeds? the maximum (allowed )?number of (bytes|tokens)|model token limit"
    r"|length of the (messages|prompt)|too many images|too much media|at most \d+ image",
    re.I,
)


def refused(error: anthropic.APIStatusError, call: Call) -> Exception:
    """Unavailable, NeedsPerson, TooLong or Impossible, in the API's own words."""
    status = error.status_code if error.status_code >= 400 else STATUSES.get(str(error.type), 500)
    headers, words = error.response.headers, _words(status, error)
    if _of_money(status, error, words):
        return NeedsPerson(f"{call.platform.words}: {words}. Mend the account or its limits, then: {RESUME}")
    if status in AGAIN_LATER or status >= 500 or error.error_code == "request_body_timeout":
        return call.later(words, retry_after(headers))
    if status in (401, 403):
        return call.access(words)
    if status == 404 or (status == 400 and UNKNOWN_MODEL.search(words)):
        return NeedsPerson(
            f"{call.platform.words} has no model {call.address.name!r} for this account: {words}. Give it access to"
            f" one of that name, then: {RESUME}. Or start a run with another model"
        )
    if status == 413 or (status in (400, 422) and LONG.search(f"{error.type} {_code(error.body)} {words}")):
        return TooLong(f"{call.platform.words}: {words}")
    if headers.get("x-should-retry") == "true":
        return call.later(words, retry_after(headers))
    return Impossible(f"{call.platform.words} refused the request: {words}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the server asks to wait, given in milliseconds, in seconds, or as a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    moment = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return max(email.utils.mktime_tz(moment) - time.time(), 0.0) if moment else None


def _of_money(status: int, error: anthropic.APIStatusError, words: str) -> bool:
    """Whether an account's credit, limits or standing are in the way, which time alone does not mend."""
    if status == 402 or error.type == "billing_error" or error.error_code in OF_ACCOUNTS:
        return True
    if status == 429 and error.response.headers.get("x-should-retry") == "false":
        return True
    return status in (400, 403) and MONEY.search(words) is not None


def _code(body: object) -> object:
    """Servers that are not Anthropic's name the cause here."""
    error = body.get("error") if isinstance(body, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def _words(status: int, error: anthropic.APIStatusError) -> str:
    request = f", request {error.request_id}" if error.request_id else ""
    return f"{shown(error)} ({status}{request})"
