"""A deploy in the middle: workers with newer workflow code take over a run that older ones began."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from activities.execution import environments
from schemas.state import RunState
from tests.faults.stand import GPU, PROJECT, Stand
from workflows.calls import CONTROL

PARTS = ("schemas", "workflows", "activities", "ops", "tests/faults")
NEWER = "(newer)"
CHANGES = {  # file: a line, and what a newer version has in its place
    "workflows/exploring.py": (
        "thought=managed.thought[:8_000],",
        f'thought=managed.thought[:7_000] + (" {NEWER}" if workflow.patched("newer-turns") else ""),',
    ),
    "workflows/build.py": (
        'self._record.add(PhaseEntered(phase="AGGREGATING", why=why))',
        'self._record.add(PhaseEntered(phase="AGGREGATING", '
        f'why=why + (" {NEWER}" if workflow.patched("newer-phase") else "")))',
    ),
}


def newer(folder: Path) -> Path:
    """The project as its next version would be."""
    for part in PARTS:
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("worker.py", "tests/__init__.py"):
        shutil.copyfile(PROJECT / file, folder / file)
    for file, (old, new) in CHANGES.items():
        text = (folder / file).read_text()
        assert text.count(old) == 1, f"{file} has changed: say anew what a newer version would have there"
        (folder / file).write_text(text.replace(old, new))
    return folder


def verified(stand: Stand, run: str, project: Path) -> int:
    """How `history --verify` ends, of the project in that folder."""
    command = [sys.executable, "-c", "from ops.cli import main; main()", "history", run, "--verify"]
    told = {"AIBUILDAI_HOME": str(stand.settings.home), "TEMPORAL_ADDRESS": stand.server.address}
    environment = {**os.environ, **told, "PYTHONPATH": str(project)}
    return subprocess.run(command, cwd=project, env=environment, timeout=120, capture_output=True).returncode


@dataclass(frozen=True)
class Deployed:
    state: RunState
    turns_before: int  # that the older worker had taken when it was replaced
    ledger: list[dict[str, object]]
    before: list[dict[str, object]]  # the ledger at that moment
    newer_verifies: bool
    older_verifies: bool

    def said(self, kind: str, key: str) -> list[str]:
        found = [entry["event"] for entry in self.ledger]
        return [str(event[key]) for event in found if isinstance(event, dict) and event["kind"] == kind]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def deployed(tmp_path_factory: pytest.TempPathFactory, task: Path) -> AsyncIterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    project = newer(folder / "newer")
    stand = await Stand.up(folder / "home")
    try:
        await asyncio.to_thread(environments.base, stand.settings.home)  # whose making is no part of the run's time
        run = await stand.run(task, "--minutes", 4, "--candidates", 1)
        while not explored(state := await stand.state(run)):
            assert state.ended is None, state.why
            await asyncio.sleep(0.2)
        before = await stand.ledger(run)
        for queue in (CONTROL, GPU):
            await stand.end(queue)
            stand.work(queue, project=project)
        await stand.polled()
        ended = await stand.ended(run, within=480)
        ledger = await stand.ledger(run)
        yield Deployed(
            ended, state.turns, ledger, before, verified(stand, run, project) == 0, verified(stand, run, PROJECT) == 0
        )
    finally:
        await stand.down()


def explored(state: RunState) -> bool:
    """In the middle: turns were taken, and an agent is at work."""
    return state.phase == "EXPLORING" and state.turns >= 2 and bool(state.in_flight)


async def test_the_run_goes_on_under_newer_code_and_delivers(deployed: Deployed) -> None:
    assert (deployed.state.phase, deployed.state.verified) == ("DONE", True), deployed.state.why
    assert deployed.state.turns > deployed.turns_before


async def test_nothing_of_what_the_older_worker_decided_is_lost_or_changed(deployed: Deployed) -> None:
    assert deployed.ledger[: len(deployed.before)] == deployed.before


async def test_what_was_not_reached_before_is_done_in_the_new_way(deployed: Deployed) -> None:
    [why] = [why for why in deployed.said("phase_entered", "why") if why]
    assert why.endswith(NEWER)


async def test_what_had_begun_in_the_old_way_goes_on_so(deployed: Deployed) -> None:
    assert not any(thought.endswith(NEWER) for thought in deployed.said("manager_decided", "thought"))


async def test_the_history_verifies_with_the_newer_code_and_not_with_the_older(deployed: Deployed) -> None:
    assert deployed.newer_verifies
    assert not deployed.older_verifies
