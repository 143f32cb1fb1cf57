"""What a request may hold, field by field; the API's own validation is of this kind, and words its errors alike."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, ValidationError

from tests.strict.refusals import invalid


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Id = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
ServerId = Annotated[str, StringConstraints(pattern=r"^srvtoolu_[a-zA-Z0-9_]+$")]


class CacheControl(Shape):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class Cacheable(Shape):
    cache_control: CacheControl | None = None


class Citation(Shape):
    type: Literal["web_search_result_location"]
    cited_text: str
    encrypted_index: str
    title: str | None
    url: str


class Text(Cacheable):
    type: Literal["text"]
    text: str
    citations: list[Citation] | None = None


class Base64(Shape):
    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class Image(Cacheable):
    type: Literal["image"]
    source: Base64


class ToolResult(Cacheable):
    type: Literal["tool_result"]
    tool_use_id: Id
    content: str | list[Annotated[Text | Image, Field(discriminator="type")]] = ""
    is_error: bool = False


class Caller(Shape):
    type: Literal["direct"]


class ToolUse(Cacheable):
    type: Literal["tool_use"]
    id: Id
    name: ToolName
    input: dict[str, Any]
    caller: Caller | None = None


class Thinking(Shape):
    type: Literal["thinking"]
    thinking: str
    signature: str


class RedactedThinking(Shape):
    type: Literal["redacted_thinking"]
    data: str


class ServerToolUse(Cacheable):
    type: Literal["server_tool_use"]
    id: ServerId
    name: Literal["web_search"]
    input: dict[str, Any]
    caller: Caller | None = None


class WebSearchResult(Shape):
    type: Literal["web_search_result"]
    url: str
    title: str
    encrypted_content: str
    page_age: str | None = None


class WebSearchError(Shape):
    type: Literal["web_search_tool_result_error"]
    error_code: str


class WebSearchToolResult(Cacheable):
    type: Literal["web_search_tool_result"]
    tool_use_id: ServerId
    content: list[WebSearchResult] | WebSearchError
    caller: Caller | None = None


UserBlock = Annotated[Text | Image | ToolResult, Field(discriminator="type")]
AssistantBlock = Annotated[
    Text | ToolUse | Thinking | RedactedThinking | ServerToolUse | WebSearchToolResult, Field(discriminator="type")
]


class UserMessage(Shape):
    role: Literal["user"]
    content: str | list[UserBlock]


class AssistantMessage(Shape):
    role: Literal["assistant"]
    content: str | list[AssistantBlock]


class InputSchema(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    type: Literal["object"]
    properties: dict[str, Any] | None = None
    required: list[str] | None = None


class Tool(Cacheable):
    type: Literal["custom"] | None = None
    name: ToolName
    description: str = ""
    input_schema: InputSchema
    strict: bool = False
    eager_input_streaming: bool | None = None


class UserLocation(Shape):
    type: Literal["approximate"]
    city: str | None = None
    region: str | None = None
    country: str | None = None
    timezone: str | None = None


class WebSearchTool(Cacheable):
    type: Literal["web_search_20250305", "web_search_20260209", "web_search_20260318"]
    name: Literal["web_search"]
    max_uses: Annotated[int, Field(gt=0)] | None = None
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    user_location: UserLocation | None = None
    allowed_callers: list[Literal["direct"]] | None = None


def _tag(tool: Any) -> str:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return "web_search" if str(kind).startswith("web_search_") else "custom"


AnyTool = Annotated[Annotated[Tool, Tag("custom")] | Annotated[WebSearchTool, Tag("web_search")], Discriminator(_tag)]


class ToolChoice(Shape):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class ThinkingConfig(Shape):
    type: Literal["adaptive", "enabled", "disabled", "between_tools"]
    budget_tokens: Annotated[int, Field(ge=1024)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputConfig(Shape):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class Metadata(Shape):
    user_id: str | None = None


class Request(Shape):
    """`max_tokens` may be 0: that only fills the cache."""

    model: str
    messages: list[Annotated[UserMessage | AssistantMessage, Field(discriminator="role")]]
    max_tokens: Annotated[int, Field(ge=0)]
    system: str | list[Text] | None = None
    tools: list[AnyTool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None
    metadata: Metadata | None = None
    stop_sequences: list[str] | None = None
    stream: bool = False
    service_tier: Literal["auto", "standard_only"] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def shaped(body: object) -> Request:
    """The request. Raises Refused with the first field that is wrong."""
    if not isinstance(body, dict):
        raise invalid("Input should be a valid dictionary")
    try:
        return Request.model_validate(body)
    except ValidationError as error:
        first = _nearest(error, body)
        raise invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _nearest(error: ValidationError, body: dict[str, Any]) -> Any:
    """Of a value that may have several shapes, the error of the one that was meant: it is the deepest."""
    found = error.errors()
    for one in found:
        one["loc"] = tuple(part for part in one["loc"] if not _of_union(part))
    first = found[0]["loc"][:2]
    return max((one for one in found if one["loc"][:2] == first), key=lambda one: len(one["loc"]))


def _of_union(part: int | str) -> bool:
    return isinstance(part, str) and (part in ("str", "user", "assistant") or "[" in part)
