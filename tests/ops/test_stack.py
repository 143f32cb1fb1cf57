"""Server and workers as processes of their own: started, found again, replaced when they die, stopped."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from ops import ports, processes, server, stack, workers
from ops.connection import ServerRecord, connect, read_server
from ops.errors import CommandFailed
from ops.settings import Settings, writable
from tests.ops.conftest import Shell


def kill(pid: int, born: str) -> None:
    os.kill(pid, signal.SIGKILL)
    while processes.born(pid) == born:
        os.sched_yield()


async def test_the_server_is_started_found_again_and_comes_back_on_its_ports(home: Settings) -> None:
    writable(home)
    first, started = await server.ensure(home)
    again, restarted = await server.ensure(home)
    assert (started, restarted, again) == (True, False, first)
    client = await connect(home)
    assert await server.missing_attributes(client) == []
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 3_650
    assert server.shut(home)
    assert not server.shut(home)
    assert not first.process.alive
    back, _ = await server.ensure(home)
    assert (back.port, back.ui_port) == (first.port, first.ui_port)
    assert back.process != first.process


async def test_the_server_gets_no_key_and_none_of_our_tracing(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")  # over which the server itself would end
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    writable(home)
    running, _ = await server.ensure(home)
    given = Path(f"/proc/{running.process.pid}/environ").read_text()
    assert "PATH=" in given
    assert "OTEL" not in given
    assert "secret" not in given


async def test_a_server_that_was_killed_is_started_again(home: Settings) -> None:
    writable(home)
    first, _ = await server.ensure(home)
    kill(first.process.pid, first.process.born)
    with pytest.raises(CommandFailed, match="start it with `aibuildai up`"):
        await connect(home)
    second, started = await server.ensure(home)
    assert started
    assert second.process.alive


async def test_two_homes_have_two_servers(home: Settings, tmp_path: Path) -> None:
    other = Settings.load(tmp_path / "other", {})
    try:
        for one in (home, other):
            writable(one)
        (mine, _), (theirs, _) = await asyncio.gather(server.ensure(home), server.ensure(other))
        assert len({mine.port, mine.ui_port, theirs.port, theirs.ui_port}) == 4
        assert ports.listens(mine.process.pid, mine.port)
        assert ports.listens(theirs.process.pid, theirs.port)
    finally:
        stack.down(other)


async def test_a_running_server_is_not_moved_to_other_ports(home: Settings) -> None:
    writable(home)
    running, _ = await server.ensure(home)
    asked = home.model_copy(update={"port": running.port + 1})
    with pytest.raises(CommandFailed, match=f"port {running.port}, not {running.port + 1}: `aibuildai down` first"):
        await server.ensure(asked)


async def test_nothing_is_left_of_a_server_that_does_not_start(home: Settings) -> None:
    writable(home)
    (home.home / "temporal.db").write_text("this is no database" * 1_000)
    with pytest.raises(CommandFailed, match=r"embedded Temporal server ended; the end of .*server.log"):
        await server.ensure(home)
    assert read_server(home) is None


async def test_a_server_whose_workers_do_not_come_up_is_not_left_behind(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ServerRecord | None] = []

    def broken(settings: Settings, queue: str) -> list[str]:
        seen.append(read_server(settings))
        return ["/bin/sh", "-c", f"echo {queue} is broken; exit 1"]

    monkeypatch.setattr(workers, "command", broken)
    with pytest.raises(CommandFailed, match=r"(?s)worker for aibuildai(-gpu)? ended; .* is broken"):
        await stack.up(home)
    assert seen[0] is not None
    assert not seen[0].process.alive


async def test_one_up_at_a_time(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "LOCK_SECONDS", 0.0)
    writable(home)
    with stack.locked(home), pytest.raises(CommandFailed, match=r"another .* has held"), stack.locked(home):
        pass


def test_down_of_what_never_ran_does_nothing(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path / "never", {})
    assert stack.down(settings) == ()
    assert not (tmp_path / "never").exists()


async def test_a_port_that_is_taken_is_bad_input_and_starts_nothing(shell: Shell, home: Settings) -> None:
    with socket.socket() as listener:
        listener.bind((ports.HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        shell.variables["AIBUILDAI_PORT"] = str(port)
        found = await shell("up", "--json")
    assert found.code == 2
    assert f"port {port} is not free" in found.err
    assert f"port {port} is not free" in found.json["error"]
    assert not home.home.exists()


async def test_devices_that_are_not_there_are_bad_input_and_start_nothing(shell: Shell, home: Settings) -> None:
    shell.variables["AIBUILDAI_DEVICES"] = "tpu:0"
    found = await shell("up")
    assert found.code == 2
    assert "'tpu:0' is no device; use `auto`" in found.err
    assert not home.home.exists()


@pytest.mark.slow
async def test_up_starts_what_is_down_and_down_stops_it_all(shell: Shell, home: Settings) -> None:
    up = await shell("up", "--json")
    assert up.code == 0, up.err
    assert up.json["started"] == ["server", "aibuildai", "aibuildai-gpu"]
    assert (await shell("up", "--json")).json["started"] == []
    records = {queue: workers.read_worker(home, queue) for queue in workers.QUEUES}
    gpu = records[workers.GPU]
    assert gpu is not None
    kill(gpu.process.pid, gpu.process.born)
    assert (await shell("up", "--json")).json["started"] == ["aibuildai-gpu"]
    doctor = await shell("doctor", "--json")
    assert doctor.code == 0, doctor.out
    levels = {check["name"]: check["level"] for check in doctor.json}
    assert {name for name, level in levels.items() if level == "ok"} >= {
        "python", "home", "server", "worker aibuildai", "worker aibuildai-gpu", "search attributes", "devices",
        "candidates' environment", "torch",
    }  # fmt: skip
    alive = [read_server(home), *(workers.read_worker(home, queue) for queue in workers.QUEUES)]
    down = await shell("down", "--json")
    assert sorted(down.json["stopped"]) == ["aibuildai", "aibuildai-gpu", "server"]
    assert [record.process.alive for record in alive if record] == [False, False, False]
    assert (await shell("down", "--json")).json["stopped"] == []
    last = (home.logs / "aibuildai.log").read_text().splitlines()[0]
    assert json.loads(last)["event"] == "serving"


@pytest.mark.slow
async def test_workers_are_started_anew_with_a_key_that_they_lack_and_keep_one_that_a_shell_lacks(
    shell: Shell, home: Settings
) -> None:
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "AWS_", "HF_"))]:
        shell.variables[name] = ""
    assert (await shell("up", "--json")).json["started"] == ["server", "aibuildai", "aibuildai-gpu"]
    shell.variables["ANTHROPIC_API_KEY"] = key = "sk-ant-planted-key"
    again = (await shell("up", "--json")).json
    assert again["started"] == ["aibuildai", "aibuildai-gpu"]
    assert "started anew, with the Anthropic variables of this shell" in again["notes"][0]
    for queue in workers.QUEUES:
        record = workers.read_worker(home, queue)
        assert record is not None
        assert key in Path(f"/proc/{record.process.pid}/environ").read_text()
        assert record.surroundings.names == ("ANTHROPIC_API_KEY",)
        assert key not in home.worker_record(queue).read_text()
    shell.variables["ANTHROPIC_API_KEY"] = ""
    assert (await shell("up", "--json")).json["started"] == []
    shell.variables["HF_TOKEN"] = "hf-planted"
    kept = (await shell("up", "--json")).json
    assert (kept["started"], "ANTHROPIC_API_KEY" in kept["notes"][0]) == ([], True)
