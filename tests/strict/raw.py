"""Requests as bytes on a socket, and replies put together by hand: nothing of an SDK."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
HEADERS = {"x-api-key": "a-key", "anthropic-version": "2026-10-21", "content-type": "application/json"}
MODEL = "claude-opus-5-5"
TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """Its message; that all else is of the API's shape is asserted."""
        said = self.json
        assert said["type"] == "error"
        assert said["request_id"] == self.headers["request-id"]
        return str(said["error"]["message"])

    @property
    def events(self) -> list[Json]:
        found = []
        for part in self.body.decode().split("\n\n")[:-1]:
            name, data = part.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
        return found


def body(*messages: Json, **more: Any) -> Json:
    """A request that is in order: one question, unless messages are given."""
    given = list(messages) or [user("What is there?")]
    return {"model": MODEL, "max_tokens": 1000, "messages": given} | more


def user(*content: str | Json) -> Json:
    return {"role": "user", "content": [_block(one) for one in content]}


def assistant(*content: str | Json) -> Json:
    return {"role": "assistant", "content": [_block(one) for one in content]}


def use(name: str = "toolu_1", tool: str = "look", /, **given: Any) -> Json:
    return {"type": "tool_use", "id": name, "name": tool, "input": given}


def result(name: str = "toolu_1", content: Any = "nothing") -> Json:
    return {"type": "tool_result", "tool_use_id": name, "content": content}


def _block(one: str | Json) -> Json:
    return {"type": "text", "text": one} if isinstance(one, str) else one


def post(url: str, sent: Json | bytes, /, path: str = "/v1/messages", **headers: str | None) -> Answered:
    """Headers given as None are left out."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in (HEADERS | named).items() if value is not None}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("POST", path, sent if isinstance(sent, bytes) else json.dumps(sent), kept)
        reply = connection.getresponse()
        return Answered(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
    finally:
        connection.close()


def joined(events: list[Json]) -> Json:
    """The message that a stream tells."""
    message: Json = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                message["content"].append(event["content_block"])
            case "content_block_delta":
                _grow(message["content"][event["index"]], event["delta"])
            case "content_block_stop":
                block = message["content"][event["index"]]
                if "raw" in block:
                    block["input"] = json.loads(block.pop("raw") or "{}")
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    return message


def _grow(block: Json, delta: Json) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] += delta["signature"]
        case "input_json_delta":
            block["raw"] = block.get("raw", "") + delta["partial_json"]
