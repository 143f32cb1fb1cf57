"""Where a model is asked: at Anthropic's own API or on a platform, under the name that it has there.

Without the SDK, which takes seconds to import: a name is checked where no model is asked.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

INVOKED = re.compile(r"^arn:|^[a-z-]+\.anthropic\.|-v\d+(:\d+)?$")  # Bedrock's older names: by region, or versioned
OWN = re.compile(r"claude-[\w.-]+")


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
        return cls(Platform.API, name) if OWN.fullmatch(name) else None

    @property
    def invoked(self) -> bool:
        """Whether it is one of Bedrock's models that are called by InvokeModel, not by the Messages API."""
        return self.platform is Platform.BEDROCK and bool(INVOKED.search(self.name))
