"""Where Claude is asked: Anthropic's own API, or a platform, each by the SDK's own client.

Keys, regions and addresses are read from the worker's environment, by the SDK, under the names that it documents.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import anthropic
import httpx2

from activities.errors import NeedsPerson

CONNECT = 15.0  # seconds
# Between bytes: pings come in between while a model thinks, so a connection that is silent for longer is dead. A local
# server sends none while it reads a long prompt.
SILENCE = 300.0
AGAIN = "where the workers run, restart them (aibuildai down, then aibuildai up), then: aibuildai resume RUN"
INVOKED = re.compile(r"^arn:|^[a-z-]+\.anthropic\.|-v\d+(:\d+)?$")  # Bedrock's older names: by region, or versioned

Client = (
    anthropic.AsyncAnthropic
    | anthropic.AsyncAnthropicBedrock
    | anthropic.AsyncAnthropicBedrockMantle
    | anthropic.AsyncAnthropicVertex
)


class Platform(StrEnum):
    API = "api"
    SERVER = "server"
    BEDROCK = "bedrock"
    VERTEX = "vertex"
    FOUNDRY = "foundry"

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def access(self) -> str:
        """What a person sets so that the platform lets them in."""
        return _ACCESS[self]

    @property
    def extra(self) -> str | None:
        """The SDK's optional part that holds the platform's credentials."""
        return {Platform.BEDROCK: "anthropic[bedrock]", Platform.VERTEX: "anthropic[vertex]"}.get(self)


_WORDS = {
    Platform.API: "the Claude API",
    Platform.SERVER: "the server at ANTHROPIC_BASE_URL",
    Platform.BEDROCK: "Amazon Bedrock",
    Platform.VERTEX: "Google Cloud's Vertex AI",
    Platform.FOUNDRY: "Microsoft Foundry",
}
_ACCESS = {
    Platform.API: "a valid ANTHROPIC_API_KEY",
    Platform.SERVER: "ANTHROPIC_BASE_URL, and an ANTHROPIC_API_KEY that the server takes,",
    Platform.BEDROCK: "AWS_REGION, and AWS credentials or AWS_BEARER_TOKEN_BEDROCK,",
    Platform.VERTEX: "CLOUD_ML_REGION, ANTHROPIC_VERTEX_PROJECT_ID and Google application credentials",
    Platform.FOUNDRY: "ANTHROPIC_FOUNDRY_RESOURCE and ANTHROPIC_FOUNDRY_API_KEY",
}


@dataclass(frozen=True)
class Address:
    """A model on a platform, under the name that it has there."""

    platform: Platform
    name: str

    @classmethod
    def of(cls, name: str) -> "Address | None":
        """`claude-opus-5-5`, or `bedrock/NAME` and so on; None for a name of neither form."""
        before, slash, rest = name.partition("/")
        if slash and rest.strip() and before in set(Platform) - {Platform.API}:
            return cls(Platform(before), rest)
        return cls(Platform.API, name) if name.startswith("claude-") and not slash else None

    @property
    def invoked(self) -> bool:
        """Whether it is one of Bedrock's models that are called by InvokeModel, not by the Messages API."""
        return self.platform is Platform.BEDROCK and bool(INVOKED.search(self.name))


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


def secrets() -> tuple[str, ...]:
    """What must not be shown, as this process has it: keys and tokens of any platform."""
    named = [value for name, value in os.environ.items() if _SECRET.search(name)]
    return tuple(sorted((value.strip() for value in named if len(value.strip()) >= 8), key=len, reverse=True))


_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|ANTHROPIC_CUSTOM_HEADERS")
