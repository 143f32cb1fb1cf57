"""What `doctor` says of language models, against a server of our own; it spends no token."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ops import modelchecks
from ops.checks import Check
from ops.processes import Process, born
from ops.settings import Settings
from ops.surroundings import present
from ops.workers import QUEUES, WorkerRecord, write_worker

KEY = "sk-ant-planted-key"


class Lists(HTTPServer):
    """A server that has a list of models, for those who know the key; it keeps what it was asked."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.status = status
        self.asked: list[tuple[str, str]] = []


class Answers(BaseHTTPRequestHandler):
    server: Lists

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path.partition("?")[0]))
        known = self.headers.get("authorization") == f"Bearer {KEY}"
        status = self.server.status if known else 401
        body = {"data": [], "has_more": False} if status == 200 else {"type": "error", "error": {"message": "no"}}
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "AWS_", "HF_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    return Settings(home=tmp_path)


@pytest.fixture
def lists(request: pytest.FixtureRequest, home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lists]:
    with Lists(getattr(request, "param", 200)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield server
        server.shutdown()
        thread.join()


def found(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in modelchecks.checks(settings)}


def working(settings: Settings, environ: dict[str, str]) -> None:
    """Workers that run, by their records, started with such an environment."""
    process = Process(pid=os.getpid(), born=born(os.getpid()) or "", argv=(), log="")
    for queue in QUEUES:
        record = WorkerRecord(process=process, queue=queue, address="a", namespace="n", surroundings=present(environ))
        write_worker(settings, record)


def test_without_a_key_the_playbook_is_all_there_is_and_nobody_is_asked(home: Settings) -> None:
    checks = found(home)
    assert checks["model key"].level == "ok"
    assert "none; the playbook needs none. For Claude, set ANTHROPIC_API_KEY" in checks["model key"].detail
    assert set(checks) == {"model key", "prices"}
    assert "2026-10" in checks["prices"].detail


def test_without_a_key_an_installation_that_uses_claude_is_not_well(home: Settings) -> None:
    check = found(home.model_copy(update={"model": "claude-opus-5-5"}))["model key"]
    assert (check.level, "ANTHROPIC_API_KEY" in check.advice) == ("bad", True)


def test_the_server_is_asked_for_its_models_and_nothing_else(home: Settings, lists: Lists) -> None:
    check = found(home)["model server"]
    assert check.level == "ok"
    assert "takes the key" in check.detail
    assert lists.asked == [("GET", "/v1/models")]


@pytest.mark.parametrize(("lists", "level"), [(404, "ok"), (401, "bad"), (403, "bad"), (529, "ok")], indirect=["lists"])
def test_a_server_that_answers_otherwise(home: Settings, lists: Lists, level: str) -> None:
    assert found(home)["model server"].level == level


def test_a_key_that_is_refused_is_not_shown(home: Settings, lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-another-key")
    check = found(home)["model server"]
    assert (check.level, "refuses the key" in check.detail) == ("bad", True)
    assert "sk-ant" not in check.model_dump_json()


def test_a_server_that_is_not_there(home: Settings, lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    check = found(home)["model server"]
    assert (check.level, "does not answer" in check.detail) == ("bad", True)


def test_what_workers_were_started_with_is_compared_with_this_shell(home: Settings, lists: Lists) -> None:
    working(home, dict(os.environ))
    assert found(home)["workers' keys"].level == "ok"
    working(home, {})
    assert "`aibuildai up` starts them anew" in found(home)["workers' keys"].advice
    working(home, {"HF_TOKEN": "hf-planted"})
    check = found(home)["workers' keys"]
    assert "HF_TOKEN" in check.detail
    assert "aibuildai down" in check.advice
    assert "hf-planted" not in check.model_dump_json()
