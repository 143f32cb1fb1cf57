"""A server that answers over real HTTP with exactly the bytes it is told to, and keeps what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from schemas.message import Message, ModelRequest, TextBlock

Event = dict[str, Any]
KEY = "sk-ant-planted-key"
REQUEST = ModelRequest(
    model="claude-opus-5-5", system="You train.", messages=(Message(role="user", content=(TextBlock(text="Go on."),)),)
)
USAGE: Event = {
    "input_tokens": 11,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 400,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 1,
    "service_tier": "standard",
}
ENDED: Event = {"output_tokens": 55}


@dataclass(frozen=True)
class Answer:
    """A response. With `cut` the connection breaks where `body` ends; with `hang` it stays open, and silent."""

    body: Sequence[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    cut: bool = False
    hang: bool = False


@dataclass(frozen=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    body: Event


class Server:
    """Gives its answers in order, the last one for ever. `connections` counts how often it was connected to."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []
        self.connections = 0
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def will(self, *answers: Answer) -> None:
        self.answers[:] = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open[writer] = asyncio.current_task()
        try:
            while (asked := await _request(reader)) is not None:
                self.asked.append(asked)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await _respond(writer, answer)
                if answer.hang:
                    await reader.read()  # until the other side gives up
                if answer.cut or answer.hang:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            del self._open[writer]

    async def hang_up(self) -> None:
        tasks = [task for task in self._open.values() if task is not None]
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.hang_up()


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(head[0].split()[1], headers, json.loads(body))


async def _respond(writer: asyncio.StreamWriter, answer: Answer) -> None:
    head = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in answer.headers.items())]
    writer.write("\r\n".join([*head, "transfer-encoding: chunked", "", ""]).encode())
    for part in answer.body:
        writer.write(b"%x\r\n%s\r\n" % (len(part), part))
        await writer.drain()
    if not answer.cut and not answer.hang:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def sse(event: Event) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def streamed(events: Iterable[Event], **how: Any) -> Answer:
    return Answer([sse(event) for event in events], **how)


def refusal(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
    """An error as the API words it."""
    body = {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_7"}
    named = {"content-type": "application/json", "request-id": "req_7", **(headers or {})}
    return Answer([json.dumps(body).encode()], status=status, headers=named)


def reply(
    *blocks: Sequence[Event], reason: str = "end_turn", model: str = "claude-opus-5-5", **end: Any
) -> list[Event]:
    """The events of a reply; each block is given by its own events."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "usage": USAGE}
    events: list[Event] = [{"type": "message_start", "message": {**message, "stop_reason": None}}, {"type": "ping"}]
    for place, block in enumerate(blocks):
        events += [{**event, "index": place} for event in block]
    delta = {"stop_reason": reason, "stop_sequence": None, **end}
    return [*events, {"type": "message_delta", "delta": delta, "usage": ENDED}, {"type": "message_stop"}]


def block(start: Event, *deltas: Event) -> list[Event]:
    """The events of one content block."""
    return [
        {"type": "content_block_start", "content_block": start},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
        {"type": "content_block_stop"},
    ]


def text(*parts: str) -> list[Event]:
    return block({"type": "text", "text": ""}, *({"type": "text_delta", "text": part} for part in parts))


def call(name: str, *parts: str, id: str = "toolu_1") -> list[Event]:
    start = {"type": "tool_use", "id": id, "name": name, "input": {}}
    return block(start, *({"type": "input_json_delta", "partial_json": part} for part in parts))
