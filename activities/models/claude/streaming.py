"""A reply put together from the events of its stream, as they come over the wire.

The SDK's own types would drop what they do not know; blocks go back to the API as they came, so they are kept raw.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from activities.models.claude.usage import counted, later
from schemas.budget import Usage
from schemas.message import Reply, StopReason

REASONS: dict[str, StopReason] = {reason: reason for reason in get_args(StopReason)} | {
    "model_context_window_exceeded": "context_window"
}
ARGUMENTS = "partial_json"
LEAST_CHARACTERS = 3  # of a token, about
IN_PARTS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": ARGUMENTS}


class Malformed(ValueError):
    """The stream is none of the Messages API's."""


class Assembly:
    """Takes a stream's events in order. `usage` is what is known to be billed so far.

    `answered` once the server has accepted the call, `whole` once its reply has ended.
    """

    def __init__(self, cache: Literal["5m", "1h"]) -> None:
        self._cache = cache
        self._model = ""
        self._usage: dict[str, Any] = {}
        self._end: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._parts: dict[tuple[int, str], list[str]] = {}  # of what comes in parts, by block and field
        self.answered = False
        self.whole = False

    @property
    def usage(self) -> Usage:
        known = counted(self._usage, self._cache)
        if self.whole:
            return known
        # until its end, a stream says only what it began with; what came was made, and is billed
        received = sum(len(part) for parts in self._parts.values() for part in parts)
        return known.model_copy(update={"output_tokens": max(known.output_tokens, received // LEAST_CHARACTERS)})

    def take(self, event: object) -> None:
        """Events and deltas of kinds that are not known here are passed over. Raises Malformed."""
        if not isinstance(event, dict):
            raise Malformed("an event is no JSON object")
        try:
            self._take(event)
        except (KeyError, TypeError, AttributeError) as error:
            raise Malformed(f"an event {str(event.get('type'))[:40]!r} lacks {str(error)[:80]}") from error

    def reply(self) -> Reply:
        """The whole reply, without its price. Raises ValueError if it ended too early, says too little, or cannot be
        kept as text."""
        reason = self._end.get("stop_reason")
        if not self.whole or not isinstance(reason, str):
            raise Malformed("the stream ended before the reply did")
        blocks = [self._block(place) for place in sorted(self._blocks)]
        calls = any(block.get("type") == "tool_use" for block in blocks)
        reply = Reply.model_validate(
            {
                "model": self._model,
                "content": blocks,
                "stop_reason": REASONS.get(reason, "tool_use" if calls else "end_turn"),
                "usage": self.usage,
                "unparsed": {self._blocks[place].get("id"): text for place, text in self._broken()},
                "explanation": _explanation(self._end.get("stop_details")),
            }
        )
        reply.model_dump_json()  # fails here, where it can be asked for again, and not when it is journaled
        return reply

    def _take(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "message_start":
                message = event["message"]
                self._model, self._usage = message["model"], later({}, message["usage"])
            case "content_block_start":
                self._start(event["index"], event["content_block"])
            case "content_block_delta":
                self._grow(event["index"], event["delta"])
            case "message_delta":
                self._end = later(self._end, event["delta"])
                self._usage = later(self._usage, event.get("usage") or {})
            case "message_stop":
                self.whole = bool(self._model)

    def _start(self, place: object, block: Mapping[str, Any]) -> None:
        if not isinstance(place, int):
            raise Malformed("a block has no place")
        self._blocks[place] = dict(block)

    def _grow(self, place: int, delta: Mapping[str, Any]) -> None:
        block, kind = self._blocks[place], delta["type"]
        if field := IN_PARTS.get(kind):
            self._parts.setdefault((place, field), []).append(_text(delta[field]))
        elif kind == "signature_delta":
            block["signature"] = delta["signature"]
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]

    def _block(self, place: int) -> dict[str, Any]:
        block = dict(self._blocks[place])
        for field in ("text", "thinking"):
            if (place, field) in self._parts:
                block[field] = _text(block.get(field) or "") + self._joined(place, field)
        arguments = self._joined(place, ARGUMENTS)
        return {**block, "input": _parsed(arguments) or {}} if arguments else block

    def _broken(self) -> Iterator[tuple[int, str]]:
        """The arguments of tool calls as text, where they are no JSON object."""
        for place, field in self._parts:
            if field == ARGUMENTS and self._blocks[place].get("type") == "tool_use":
                text = self._joined(place, field)
                if text and _parsed(text) is None:
                    yield place, text

    def _joined(self, place: int, field: str) -> str:
        return "".join(self._parts.get((place, field), ()))


def _parsed(text: str) -> dict[str, Any] | None:
    """The object that the text is, if it is one that can be kept as text again."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("a text is none")
    return value


def _explanation(details: object) -> str:
    """Of a refusal: in words, or else the name of its kind."""
    if not isinstance(details, dict):
        return ""
    return str(details.get("explanation") or details.get("category") or "")
