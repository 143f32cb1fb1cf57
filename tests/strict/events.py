"""A message as server-sent events: every kind of block in its pieces."""

import json
from collections.abc import Iterator

from tests.strict.prompt import Json

PIECE = 40  # characters of a delta; odd ones, so that pieces end where they like


def events(message: Json) -> Iterator[bytes]:
    """From message_start to message_stop."""
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    begun["usage"] = {**message["usage"], "output_tokens": 1}
    yield event("message_start", message=begun)
    for index, block in enumerate(message["content"]):
        start, deltas = _pieces(block)
        yield event("content_block_start", index=index, content_block=start)
        if index == 0:
            yield event("ping")
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ended = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    usage = {name: value for name, value in message["usage"].items() if name not in ("cache_creation", "service_tier")}
    yield event("message_delta", delta=ended, usage=usage)
    yield event("message_stop")


def event(kind: str, **data: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data}, ensure_ascii=False)}\n\n".encode()


def _pieces(block: Json) -> tuple[Json, list[Json]]:
    """How a block begins, and the deltas that complete it."""
    match block["type"]:
        case "text":
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in _cut(block["text"])]
        case "thinking":
            said = [{"type": "thinking_delta", "thinking": part} for part in _cut(block["thinking"])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*said, signed]
        case "tool_use" | "server_tool_use":
            raw = block.get("raw") or json.dumps(block["input"], ensure_ascii=False)
            parts = ["", *_cut("" if raw == "{}" else raw)]
            start = {key: value for key, value in block.items() if key != "raw"} | {"input": {}}
            return start, [{"type": "input_json_delta", "partial_json": part} for part in parts]
        case _:
            return block, []


def _cut(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
