"""A hub on loopback: the part of the Hugging Face Hub's HTTP API by which models are found and their files fetched.

Large files are sent by a second server, as by the hub's content network: with a redirect, and without the token. What
a real one does wrong can be switched on.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 2_000  # bytes: from here on a file counts as one in LFS
RANGE = re.compile(r"bytes=(\d+)-")


@dataclass(frozen=True)
class Asked:
    """One request. `start` is where its range begins."""

    method: str
    path: str
    token: str
    start: int | None
    content_network: bool


@dataclass
class Shared:
    """One model. `revisions` maps branches and tags to commits, `commits` each commit to its files."""

    revisions: dict[str, str]
    commits: dict[str, dict[str, bytes]]
    license: str | None = "apache-2.0"
    gated: bool = False


@dataclass
class LoopbackHub:
    """What it shares, what it was asked, and its faults."""

    models: dict[str, Shared] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    token: str = "hf_a-token-that-is-good"
    cut: list[int] = field(default_factory=list)  # after how many bytes the next answers' files break off
    busy: int = 0  # answers of 503 that come first
    stalls: bool = False  # whether an answer that breaks off keeps its connection open
    ignores_ranges: bool = False
    altered: set[str] = field(default_factory=set)  # files that arrive with another first byte
    url: str = ""
    content_url: str = ""

    def share(self, name: str, files: dict[str, bytes], *, tag: str = "main", **more: object) -> str:
        """Adds a commit, and points the branch or tag to it."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        model = self.models.setdefault(name, Shared({}, {}, **more))  # type: ignore[arg-type]
        model.commits[commit] = files
        model.revisions[tag] = commit
        return commit

    def downloads(self) -> list[Asked]:
        return [one for one in self.asked if one.method == "GET" and not one.path.startswith("/api/")]

    def find(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        model = self.models[name]
        commit = model.revisions.get(revision, revision)
        return (commit, model.commits[commit]) if commit in model.commits else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub
    content_network = False

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: `asked` tells more."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        start = RANGE.match(self.headers.get("Range", ""))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.hub.asked.append(Asked(self.command, path, token, int(start[1]) if start else None, self.content_network))
        if self.hub.busy:
            self.hub.busy -= 1
            self._refuse(503, "", "overloaded")
        elif found := re.fullmatch(r"/api/models/(.+?)(?:/revision/(.+))?", path):
            self._model(found[1], found[2] or "main", token)
        elif found := re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path):
            self._file(found[1], found[2], found[3], token)
        else:
            self._refuse(404, "", "no such page")

    def _model(self, name: str, revision: str, token: str) -> None:
        found = self._found(name, revision, token, gated=False)
        if found is None:
            return
        commit, files = found
        model = self.hub.models[name]
        said = {
            "id": name,
            "modelId": name,
            "sha": commit,
            "private": False,
            "gated": "auto" if model.gated else False,
            "tags": [],
            "siblings": [_sibling(path, data) for path, data in sorted(files.items())],
            **({"cardData": {"license": model.license}} if model.license else {}),
        }
        self._send(200, {"Content-Type": "application/json", "X-Repo-Commit": commit}, json.dumps(said).encode())

    def _file(self, name: str, revision: str, path: str, token: str) -> None:
        found = self._found(name, revision, token, gated=not self.content_network)
        if found is None:
            return
        commit, files = found
        if path not in files:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        data = files[path]
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if len(data) >= LARGE and not self.content_network:
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(data))}
            self._send(302, {**headers, "Location": f"{self.hub.content_url}{self.path}"}, b"")
        else:
            self._send_file(path, data, headers)

    def _send_file(self, path: str, data: bytes, headers: dict[str, str]) -> None:
        if path in self.hub.altered:
            data = bytes([data[0] ^ 1]) + data[1:]
        asked = RANGE.match(self.headers.get("Range", ""))
        start = int(asked[1]) if asked and not self.hub.ignores_ranges else 0
        if start:
            headers |= {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        cut = self.hub.cut.pop(0) if self.hub.cut and self.command == "GET" else None
        self._send(206 if start else 200, headers, data[start:], cut=cut)

    def _found(self, name: str, revision: str, token: str, *, gated: bool) -> tuple[str, dict[str, bytes]] | None:
        """As the real hub says it, a model that is not there looks like one that is private."""
        model, found = self.hub.models.get(name), None
        if token and token != self.hub.token:
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif model is None:
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif gated and model.gated and not token:
            self._refuse(401, "GatedRepo", f"Access to model {name} is restricted")
        else:
            found = self.hub.find(name, revision)
            if found is None:
                self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def _refuse(self, status: int, code: str, words: str) -> None:
        named = {"X-Error-Code": code} if code else {}
        self._send(status, {**named, "X-Error-Message": words}, json.dumps({"error": words}).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes, *, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self._stall()
            self.close_connection = True

    def _stall(self) -> None:
        """Until the other side hangs up, where this was asked for."""
        if self.hub.stalls:
            self.rfile.read(1)


def _sibling(path: str, data: bytes) -> dict[str, object]:
    said: dict[str, object] = {"rfilename": path, "size": len(data), "blobId": _blob(data)}
    if len(data) >= LARGE:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{_etag(data)}\nsize {len(data)}\n".encode()
        lfs = {"sha256": _etag(data), "size": len(data), "pointerSize": len(pointer)}
        said |= {"blobId": _blob(pointer), "lfs": lfs}
    return said


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if len(data) >= LARGE else _blob(data)


@contextmanager
def serving(hub: LoopbackHub) -> Iterator[LoopbackHub]:
    """The hub and its content network, each at a port of its own."""
    plain = type("Plain", (_Handler,), {"hub": hub})
    content = type("Content", (_Handler,), {"hub": hub, "content_network": True})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (plain, content)]
    hub.url, hub.content_url = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
