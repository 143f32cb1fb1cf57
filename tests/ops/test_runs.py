"""Runs as a person at a shell, and a program, handle them: the real command, the real server, roles that are played."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.bookkeeping import BookkeepingActivities
from ops.settings import Settings
from schemas.role import DesignReport, DesignRequest
from tests.ops.conftest import AIBUILDAI, Finished, Shell
from tests.workflows.stage import Stage
from workflows.build import BuildWorkflow
from workflows.calls import CONTROL, GPU_SUFFIX

pytestmark = pytest.mark.timeout(120)


class Gate:
    """A designer that waits until the test lets it go on, so that a run stands still while it is looked at."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def design(self, request: DesignRequest) -> DesignReport:
        await self.open.wait()
        number = request.candidate
        return DesignReport(
            invocation=request.invocation, candidate=number, revision="plan", approach=f"approach {number}"
        )


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest_asyncio.fixture
async def played(client: Client, gate: Gate) -> AsyncIterator[Stage]:
    """Workers on the queues that the command line uses."""
    books = BookkeepingActivities(client)
    stage = Stage(parts={"designer": gate.design, "publish": books.publish, "hold": books.hold})
    activities = stage.activities()
    async with (
        Worker(client, task_queue=CONTROL, workflows=[BuildWorkflow], activities=activities),
        Worker(client, task_queue=CONTROL + GPU_SUFFIX, activities=activities),
    ):
        yield stage
        gate.open.set()


@pytest.fixture
def aibuildai(home: Settings, server: WorkflowEnvironment, played: Stage) -> Shell:
    """The command, told of Temporal by the standard client configuration, as of any cluster."""
    address = server.client.service_client.config.target_host
    return Shell(home.home, {"TEMPORAL_ADDRESS": address, "AIBUILDAI_UI_URL": "http://ui"})


async def detached(aibuildai: Shell, task: Path, *more: object) -> str:
    found = await aibuildai("run", task, "--detach", "--json", *more)
    assert found.code == 0, found.err
    return str(found.json["run"])


async def standing(aibuildai: Shell, run: str, phase: str) -> dict[str, Any]:
    """The run's status once it is in the phase; the test's own time limit bounds it."""
    while True:
        found = await aibuildai("status", run, "--json")
        assert found.code == 0, found.err
        if found.json["phase"] == phase:
            return dict(found.json)


async def test_a_run_is_shown_until_it_delivers(aibuildai: Shell, gate: Gate, task: Path) -> None:
    gate.open.set()
    found = await aibuildai("run", task, "--minutes", 10, "--candidates", 2, "--seed", 4, "--no-form")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert lines[0].startswith("Model: playbook, a rule-based engineer. No language model is used")
    assert "ANTHROPIC_API_KEY" in lines[1]
    assert lines[2].startswith("Run heights-")
    told = [line[10:] for line in lines if line[2:3] == ":"]
    assert any(line.startswith("manager, turn 1: design candidate 1; design candidate 2") for line in told)
    assert any(line.startswith("candidate 2 scored") for line in told)
    assert "DONE: delivered and verified" in lines
    assert any(line.startswith("Verified:   rmse 0.3 [0.29, 0.31] on withheld labels (report)") for line in lines)
    assert any(line.startswith("Predict:") and "inference.py" in line for line in lines)


async def test_status_gives_programs_what_the_interface_names(aibuildai: Shell, gate: Gate, task: Path) -> None:
    run = await detached(
        aibuildai, task, "--minutes", 10, "--max-agent-calls", 20, "--set", "dollars=3", "--set", "tokens=1000"
    )
    found = await standing(aibuildai, run, "EXPLORING")
    assert (found["run"], found["task"], found["paused"], found["best"]) == (run, "toy", False, None)
    assert found["budget"] == {"seconds": 600.0, "dollars": 3.0, "tokens": 1_000, "agent_calls": 20}
    assert found["spent"].keys() == found["budget"].keys()
    assert found["spent"]["seconds"] > 0
    assert found["url"] == f"http://ui/namespaces/default/workflows/{run}"
    assert found["output"] is None
    gate.open.set()
    done = await standing(aibuildai, run, "DONE")
    assert done["best"] == {
        "candidate": 3, "value": 0.3, "low": 0.29, "high": 0.31, "metric": "rmse", "split": "report",
    }  # fmt: skip
    assert [one["number"] for one in done["candidates"]] == [1, 2, 3]
    assert done["candidates"][0]["value"] == 0.5
    assert done["verified"] is True


async def test_what_people_do_reaches_the_run(aibuildai: Shell, gate: Gate, task: Path) -> None:
    run = await detached(aibuildai, task, "--minutes", 10)
    await standing(aibuildai, run, "EXPLORING")
    short = run[:-1]  # a beginning that is unique

    async def does(*arguments: object) -> Finished:
        found = await aibuildai(*arguments)
        assert found.code == 0, found.err
        return found

    assert (await does("steer", short, "mind the outliers", "--json")).json["run"] == run
    assert "paused" in (await does("pause", short, "--why", "lunch")).out
    found = await does("status", short, "--json")
    assert (found.json["paused"], found.json["why"]) == (True, "lunch")
    watched = await aibuildai("watch", run)
    assert watched.code == 3
    assert f"Paused by a person: lunch\nGo on with: aibuildai resume {run}" in watched.out
    await does("resume", short)
    await does("extend", short, "--minutes", 5)
    assert (await does("status", short, "--json")).json["budget"]["seconds"] == 900
    while not (await aibuildai("status", run, "--json")).json["candidates"]:
        pass
    await does("discard", short, 2, "--why", "too slow")
    await does("stop", short, "--why", "enough")
    ended = await aibuildai("watch", run)
    assert ended.code == 3, ended.err
    assert "STOPPED: enough" in ended.out
    kinds = [entry["event"]["kind"] for entry in (await does("history", run, "--json")).json]
    acts = ["person_steered", "run_paused", "run_resumed", "run_extended", "candidate_discarded", "stop_requested"]
    assert [kind for kind in kinds if kind in acts] == acts


async def test_what_the_run_refuses_is_bad_input_in_its_own_words(aibuildai: Shell, task: Path) -> None:
    run = await detached(aibuildai, task)
    await standing(aibuildai, run, "EXPLORING")
    for arguments, says in (
        (["resume"], "the run is not paused"),
        (["discard", "9"], "there is no candidate 9"),
        (["steer", " "], "a note has 1 to 8,000 characters"),
        (["extend"], "extend by what?"),
        (["extend", "--minutes", "-1"], "--minutes"),
    ):
        found = await aibuildai(arguments[0], run, *arguments[1:], "--json")
        assert found.code == 2, arguments
        assert says in found.err
        assert says in found.json["error"]


async def test_nothing_can_be_done_to_a_run_that_is_over(aibuildai: Shell, gate: Gate, task: Path) -> None:
    gate.open.set()
    run = await detached(aibuildai, task)
    assert (await aibuildai("watch", run)).code == 0
    found = await aibuildai("pause", run)
    assert found.code == 1
    assert f"{run} is over" in found.err


async def test_ctrl_c_detaches_and_the_run_goes_on(aibuildai: Shell, gate: Gate, task: Path) -> None:
    process = await aibuildai.start("run", task)
    assert process.stdout is not None
    run = ""
    async for line in process.stdout:
        if line.startswith(b"Run "):
            run = line.split()[1].decode()
        if b"EXPLORING" in line:
            break
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert f"Detached: the run goes on. Come back with: aibuildai watch {run}" in out.decode()
    gate.open.set()
    assert (await standing(aibuildai, run, "DONE"))["verified"] is True


async def test_runs_are_found_by_a_beginning_that_only_one_has(aibuildai: Shell, task: Path) -> None:
    first, second = await detached(aibuildai, task), await detached(aibuildai, task, "--task-name", "other")
    listed = await aibuildai("list", "--json")
    assert {first, second} <= {one["run"] for one in listed.json}
    assert (await aibuildai("status", "other", "--json")).json["run"] == second
    third = await detached(aibuildai, task, "--task-name", "other")
    both = await aibuildai("status", "other")
    assert both.code == 2
    assert second in both.err
    assert third in both.err
    nobody = await aibuildai("status", "nobody")
    assert nobody.code == 2
    assert "there is no run 'nobody'" in nobody.err


async def test_a_record_is_verified_without_a_model_and_a_changed_one_is_not(
    aibuildai: Shell, gate: Gate, task: Path, home: Settings
) -> None:
    gate.open.set()
    run = await detached(aibuildai, task)
    assert (await aibuildai("watch", run)).code == 0
    found = await aibuildai("history", run, "--verify", "--json")
    assert found.code == 0, found.err
    assert (found.json["agrees"], found.json["executions"], found.json["source"]) == (True, 1, "server")
    ledger = home.runs / run / "ledger.jsonl"
    lines = ledger.read_text().splitlines()
    assert found.json["head"] == json.loads(lines[-1])["digest"]
    forged = lines[5].replace("by the book", "by the look")
    assert forged != lines[5]
    ledger.write_text("\n".join([*lines[:5], forged, *lines[6:]]) + "\n")
    caught = await aibuildai("history", run, "--verify")
    assert caught.code == 1
    assert "the kept ledger is broken at entry 6" in caught.out


async def test_without_workers_a_run_is_read_from_its_folder(
    aibuildai: Shell, gate: Gate, task: Path, home: Settings
) -> None:
    gate.open.set()
    run = await detached(aibuildai, task)
    assert (await aibuildai("watch", run)).code == 0
    alone = Shell(home.home)  # no Temporal is configured, and none is up
    found = await alone("status", run, "--json")
    assert (found.json["phase"], found.json["live"], found.json["url"]) == ("DONE", False, None)
    assert "delivered and verified" in (await alone("history", run)).out
    verified = await alone("history", run, "--verify", "--json")
    assert (verified.json["agrees"], verified.json["source"]) == (True, "folder")
    assert run in (await alone("list")).out
    watched = await alone("watch", run)
    assert watched.code == 0
    assert "delivered and verified" in watched.out


async def test_on_a_terminal_one_screen_is_redrawn_and_ctrl_c_leaves_it(
    aibuildai: Shell, gate: Gate, task: Path
) -> None:
    run = await detached(aibuildai, task)

    def at_a_terminal() -> str:
        variables = {**os.environ, "AIBUILDAI_HOME": str(aibuildai.home), "TERM": "xterm", **aibuildai.variables}
        terminal = pexpect.spawn(str(AIBUILDAI), ["watch", run], env=variables, dimensions=(40, 160), timeout=60)
        terminal.expect("EXPLORING.*left")
        terminal.expect("designer, candidate 1")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        shown = terminal.before.decode()
        terminal.close()
        assert terminal.exitstatus == 0
        return shown

    assert f"Come back with: aibuildai watch {run}" in await asyncio.to_thread(at_a_terminal)


async def test_watch_gives_programs_one_line_for_each_event(aibuildai: Shell, gate: Gate, task: Path) -> None:
    gate.open.set()
    run = await detached(aibuildai, task)
    found = await aibuildai("watch", run, "--json")
    seqs = [json.loads(line)["seq"] for line in found.out.splitlines()]
    assert seqs == list(range(1, len(seqs) + 1))
    assert json.loads(found.out.splitlines()[-1])["event"]["kind"] == "run_ended"


async def test_reports_are_written_again(aibuildai: Shell, gate: Gate, task: Path) -> None:
    gate.open.set()
    run = await detached(aibuildai, task)
    assert (await aibuildai("watch", run)).code == 0
    found = await aibuildai("report", run, "--json")
    assert found.code == 0, found.err
    files = [Path(path) for path in found.json["files"]]
    assert [path.name for path in files][:2] == ["report.html", "progress.pdf"]
    assert all(path.stat().st_size > 0 for path in files)
