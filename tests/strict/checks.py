"""One request through all rules: headers, shape, settings, turns, images, thinking, cache, length."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from tests.strict import cache, tokens
from tests.strict.models import Ability
from tests.strict.pictures import check_pictures
from tests.strict.prompt import PAUSED, Json, Prompt
from tests.strict.refusals import Refused, invalid
from tests.strict.thinking import active, check_manual, check_settings
from tests.strict.turns import check_calls, check_order

LARGEST = 32 * 1024 * 1024
VERSIONS = ("2023-06-01", "2026-10-21")
NEWEST = VERSIONS[-1]
SAMPLING = ("temperature", "top_p", "top_k")


def check_headers(headers: Mapping[str, str], keys: Collection[str]) -> None:
    """A key, alone or as a bearer's, as the SDK sends it. With no keys to choose from, any will do."""
    key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    if not key:
        raise Refused(401, "x-api-key header is required")
    if keys and key not in keys:
        raise Refused(401, "invalid x-api-key")
    if "anthropic-version" not in headers:
        raise invalid("anthropic-version: header is required")
    if headers["anthropic-version"] not in VERSIONS:
        raise invalid(f'anthropic-version: "{headers["anthropic-version"]}" is not a valid version')
    if not headers.get("content-type", "").startswith("application/json"):
        raise invalid("content-type: must be application/json")


def parsed(raw: bytes) -> Any:
    if len(raw) > LARGEST:
        raise Refused(413, "Request exceeds the maximum size")
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    except ValueError as error:
        raise invalid(f"The request body is not valid JSON: {error}") from None
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no value")


def check_version(body: Json, prompt: Prompt, version: str) -> None:
    """What the API's newest version no longer takes."""
    if version != NEWEST:
        return
    for name in SAMPLING:
        if name in body:
            raise invalid(f"{name}: Extra inputs are not permitted")
    for placed in prompt.blocks:
        if placed.role == "user" and placed.block.get("citations"):
            raise invalid(f"{placed.path}.text.citations: not permitted in user messages")


def check_request(body: Json, prompt: Prompt, ability: Ability, *, goes_on: bool) -> None:
    """All but thinking's signatures, which lead on to what the reply's are bound to."""
    check_settings(body, ability)
    _check_numbers(body, ability)
    _check_tools(body, ability)
    _check_blocks(prompt, ability)
    check_order(body["messages"], ability, goes_on=goes_on)
    check_calls(prompt)
    check_manual(body, prompt)
    check_pictures(prompt)
    cache.check_marks(body, prompt)
    _check_length(prompt, ability)


def _check_numbers(body: Json, ability: Ability) -> None:
    most, wanted = ability.output, body["max_tokens"]
    if wanted > most:
        raise invalid(
            f"max_tokens: {wanted} > {most}, which is the maximum allowed number of output tokens for {body['model']}"
        )
    for name in SAMPLING:
        if body.get(name) is not None and not ability.samples:
            raise invalid(f"`{name}` is not supported for this model.")


def _check_tools(body: Json, ability: Ability) -> None:
    declared = [tool["name"] for tool in body.get("tools") or ()]
    if len(declared) > len(set(declared)):
        raise invalid("tools: Tool names must be unique.")
    for number, tool in enumerate(body.get("tools") or ()):
        if not ability.searches and tool.get("type") not in (None, "custom"):
            raise invalid(f"tools.{number}.type: Input should be 'custom'")
        if tool.get("allowed_domains") and tool.get("blocked_domains"):
            raise invalid(f"tools.{number}: only one of allowed_domains and blocked_domains may be given")
    _check_choice(body, ability, declared)


def _check_blocks(prompt: Prompt, ability: Ability) -> None:
    """A server without tools of its own knows nothing of what comes of them."""
    for placed in prompt.blocks:
        if not ability.searches and placed.kind in PAUSED:
            raise invalid(f"{placed.path}.type: Input should be 'text', 'image', 'tool_use' or 'tool_result'")


def _check_choice(body: Json, ability: Ability, declared: list[str]) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not declared:
        raise invalid("tool_choice: may only be specified while providing tools")
    if choice["type"] in ("any", "tool"):
        if not ability.forces_tools:
            raise invalid(f"tool_choice: forced tool use is not supported for this model ({body['model']})")
        if active(body, ability):
            raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if (choice["type"] == "tool") != (choice.get("name") is not None):
        raise invalid("tool_choice.name: must be given for type tool, and only for it")
    if choice["type"] == "tool" and choice["name"] not in declared:
        raise invalid(f"Tool '{choice['name']}' not found in provided tools")


def _check_length(prompt: Prompt, ability: Ability) -> None:
    length = tokens.total([*prompt.tools, *prompt.system, *(placed.block for placed in prompt.blocks)])
    if length > ability.context:
        raise invalid(f"prompt is too long: {length} tokens > {ability.context} maximum")
