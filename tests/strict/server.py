"""The service on a socket of loopback: replies, streams, and connections that break."""

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.strict.events import event, events
from tests.strict.faults import Fault
from tests.strict.refusals import Refused
from tests.strict.service import UNSENT, Outcome, Service, unstreamed

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
GARBAGE = b'event: message_start\ndata: {"type": "message_start", "message": <html>\n\n'
LAST = b"0\r\n\r\n"
BREAKS = ("cut_at", "hang_at", "stream_error", "garbage")  # within a reply
PARTS = 777  # bytes of one write: characters and events end in between


class _Handler(BaseHTTPRequestHandler):
    service: Service
    stopping: threading.Event
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments: object) -> None:
        """The record is the log."""

    def do_GET(self) -> None:
        if self.path == "/strict/counters":
            self._answer(200, json.dumps(self.service.record.counters()).encode())
        else:
            self._refuse(Refused(404, "Not Found"))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/strict/"):
            self._steer(self.path.removeprefix("/strict/"), json.loads(raw or b"{}"))
        elif self.path.partition("?")[0] == "/v1/messages":
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._deliver(self.service.take(headers, raw))
        else:
            self._refuse(Refused(404, "Not Found"))

    def _steer(self, what: str, said: dict[str, Any]) -> None:
        """Faults, keys and the clock, while it runs."""
        match what:
            case "faults":
                self.service.set_faults(said["faults"])
            case "keys":
                self.service.set_keys(said["keys"])
            case "clock":
                self.service.pass_time(said["seconds"])
            case _:
                self._refuse(Refused(404, "Not Found"))
                return
        self._answer(200, b"{}")

    def _deliver(self, outcome: Outcome) -> None:
        """What became of it is recorded before its last bytes go out: who has them may look it up."""
        try:
            self._send(outcome)
        except OSError:
            self.close_connection = True
            self._end(outcome, whole=False)

    def _end(self, outcome: Outcome, *, whole: bool) -> None:
        self.service.record.end(outcome.asked, whole=whole)

    def _send(self, outcome: Outcome) -> None:
        fault = outcome.fault or Fault("")
        if outcome.message is None or fault.kind in UNSENT:
            outcome.asked.status = 502 if fault.kind == "bad_gateway" else outcome.asked.status
            self._end(outcome, whole=False)
            self._fail(outcome, fault)
        elif outcome.stream:
            self._stream(outcome, list(events(outcome.message)), fault)
        else:
            body = unstreamed(outcome.message)
            half = fault.kind in BREAKS
            self._end(outcome, whole=not half and not self._left())
            self._answer(200, body[: len(body) // 2] if half else body, outcome.request_id)

    def _fail(self, outcome: Outcome, fault: Fault) -> None:
        """No reply at all."""
        if outcome.error is not None:
            self._refuse(outcome.error, outcome.request_id)
        elif fault.kind == "hang":
            self._hang()
        elif fault.kind == "cut":
            self._cut()
        else:
            self._answer(502, HTML, kind="text/html")

    def _stream(self, outcome: Outcome, found: list[bytes], fault: Fault) -> None:
        self._begin_stream(outcome.request_id)
        if fault.kind in BREAKS:
            at = 0 if fault.kind == "garbage" else min(int(fault.argument or len(found) // 2), len(found) - 1)
            self._end(outcome, whole=False)
            self._chunks(b"".join(found[:at]))
            self._break(fault)
            return
        self._chunks(b"".join(found[:-1]))
        self._end(outcome, whole=not self._left())
        self._chunks(found[-1])
        self.wfile.write(LAST)

    def _begin_stream(self, request_id: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("request-id", request_id)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _break(self, fault: Fault) -> None:
        if fault.kind == "cut_at":
            self._cut()
            return
        if fault.kind == "hang_at":
            self._hang()
            return
        overloaded = {"type": "overloaded_error", "message": "Overloaded"}
        self._chunks(GARBAGE if fault.kind == "garbage" else event("error", error=overloaded))
        self.wfile.write(LAST)

    def _chunks(self, data: bytes) -> None:
        for at in range(0, len(data), PARTS):
            part = data[at : at + PARTS]
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")

    def _refuse(self, error: Refused, request_id: str = "req_none") -> None:
        self._answer(error.status, error.body(request_id), request_id, headers=error.headers)

    def _answer(
        self,
        status: int,
        body: bytes,
        request_id: str = "req_none",
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        length = {"content-length": str(len(body))}
        for name, value in {"content-type": kind, "request-id": request_id, **length, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _hang(self) -> None:
        """Says nothing until the client gives up."""
        self.close_connection = True
        while not self.stopping.is_set() and not self._left(0.1):
            pass

    def _left(self, seconds: float = 0.0) -> bool:
        """Whether the client has closed its side."""
        ready, _, _ = select.select([self.connection], [], [], seconds)
        return bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class StrictServer:
    """A service that is being served at `url`."""

    def __init__(self, service: Service, port: int = 0) -> None:
        self.service = service
        self._stopping = threading.Event()
        handler = type("Handler", (_Handler,), {"service": service, "stopping": self._stopping})
        self._http = _Http(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def serve(self) -> None:
        """Until it is stopped."""
        self._http.serve_forever(0.05)

    def stop(self) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()


Serve = Callable[[Service], StrictServer]


@contextmanager
def serving(service: Service, port: int = 0) -> Iterator[StrictServer]:
    """The service in a thread beside the test."""
    server = StrictServer(service, port)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
