"""The SDK's own client for each platform.

Keys, regions and addresses are read from the worker's environment, by the SDK, under the names that it documents.
"""

import re
from collections.abc import Callable

import anthropic
import httpx2

from activities.errors import NeedsPerson
from activities.models.claude.address import Address, Platform

CONNECT = 15.0  # seconds
# Between bytes: pings come in between while a model thinks, so a connection that is silent for longer is dead. A local
# server sends none while it reads a long prompt.
SILENCE = 300.0
AGAIN = "where the workers run, restart them (aibuildai down, then aibuildai up), then: aibuildai resume RUN"

Client = (
    anthropic.AsyncAnthropic
    | anthropic.AsyncAnthropicBedrock
    | anthropic.AsyncAnthropicBedrockMantle
    | anthropic.AsyncAnthropicVertex
)


def connect(address: Address, silence: float = SILENCE) -> Client:
    """The SDK's client. Raises NeedsPerson, or what the SDK raises, where credentials or settings are missing."""
    timeout = httpx2.Timeout(silence, connect=CONNECT)
    # Our own spans cover each call, and the loop around each call tries again.
    made = _maker(address)(timeout=timeout, max_retries=0, open_telemetry=False)
    if address.platform in (Platform.API, Platform.SERVER):
        _check_key(made)
    return made


def _maker(address: Address) -> Callable[..., Client]:
    match address.platform:
        case Platform.API | Platform.SERVER:
            return anthropic.AsyncAnthropic
        case Platform.BEDROCK:
            return anthropic.AsyncAnthropicBedrock if address.invoked else anthropic.AsyncAnthropicBedrockMantle
        case Platform.VERTEX:
            return anthropic.AsyncAnthropicVertex
        case Platform.FOUNDRY:
            return anthropic.AsyncAnthropicFoundry


def _check_key(client: Client) -> None:
    """A header of a key with a line break would be refused in words that hold the key."""
    if not isinstance(client, anthropic.AsyncAnthropic):
        return
    secret = client.api_key or client.auth_token
    if secret is None and client.credentials is None:
        raise NeedsPerson(
            f"ANTHROPIC_API_KEY is not set in the worker's environment. Set it {AGAIN}"
            " (any value will do for a server of your own that asks for none)"
        )
    if secret is not None and not re.fullmatch(r"[!-~]+", secret):
        name = "ANTHROPIC_API_KEY" if client.api_key else "ANTHROPIC_AUTH_TOKEN"
        raise NeedsPerson(f"{name} holds a space, a line break or a letter that no key has. Set it again {AGAIN}")
