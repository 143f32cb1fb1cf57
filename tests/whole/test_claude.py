"""Whole runs with Claude's client, over HTTP, against a server that is as strict as the API.

One is clean, and is run again from its record; one has faults, and in one the key stops working. A key that
was planted is nowhere but in the workers.
"""

import asyncio
import base64
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle

from activities.agent.journal import read
from activities.agent.records import Replied, Unanswered, spent
from activities.workspace.layout import Layout
from ops import stack
from ops.connection import read_server
from ops.settings import Settings
from tests.ops.conftest import Finished, Shell
from tests.strict.faults import PASSING
from tests.strict.process import ROOT, StrictProcess, running
from tests.whole.conftest import House
from tests.whole.polling import eventually
from tests.whole.witness import Witness
from workflows import searched

MODEL = "claude-opus-5-5"
KEY = "sk-ant-api03-planted-and-to-be-found-nowhere"
EXAMPLE = ROOT / "examples" / "diabetes"
FLAGS = ("--model", MODEL, "--set", "record=true")
OWN = {"worker.py", "aibuildai"}  # whose processes may have the key


@dataclass(frozen=True)
class Place:
    """A home folder whose workers reach the strict server, and no other, with the planted key."""

    house: House
    strict: StrictProcess


@dataclass(frozen=True)
class Ran:
    """A run from beginning to end, and what the strict server saw of it."""

    run: str
    shown: Finished
    layout: Layout
    asked: list[dict[str, Any]]

    @property
    def repeated(self) -> list[int]:
        return [one["number"] for one in self.asked if one["again"]]

    @property
    def refused(self) -> list[str]:
        """What the server found wrong with requests, apart from its own faults."""
        return [one["error"] for one in self.asked if one["error"] and not one["fault"]]

    @property
    def faults(self) -> Counter[str]:
        return Counter(one["fault"] for one in self.asked if one["fault"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("claude")
    settings = Settings.load(folder / "home", {})
    with running(folder, "--thinks", "--searches", "--key", KEY) as strict:
        variables = {
            "ANTHROPIC_BASE_URL": strict.url,
            "ANTHROPIC_API_KEY": KEY,
            "OTEL_TRACES_EXPORTER": "console",
            "OMP_NUM_THREADS": "1",
        }
        yield Place(House(settings, Shell(settings.home, variables)), strict)
        stack.down(settings)


async def ran(place: Place, *flags: object, faults: str = "") -> Ran:
    place.strict.set_faults(faults)
    before = len(place.strict.asked())
    shown = await place.house.shell("run", EXAMPLE, *FLAGS, *flags)
    place.strict.set_faults("")
    assert shown.code == 0, shown.out + shown.err
    [run] = [line.split()[1] for line in shown.out.splitlines() if line.startswith("Run ")]
    return Ran(run, shown, place.house.layout(run), place.strict.asked()[before:])


@dataclass(frozen=True)
class Clean:
    ran: Ran
    witness: Witness


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clean(place: Place) -> AsyncIterator[Clean]:
    witness = Witness(place.house.settings.home, KEY)
    watching = asyncio.create_task(witness.watch())
    try:
        yield Clean(await ran(place, "--minutes", 4, "--candidates", 1), witness)
    finally:
        watching.cancel()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def faulty(place: Place) -> Ran:
    return await ran(place, "--minutes", 5, "--candidates", 2, faults=f"{'|'.join(PASSING)}/5")


def test_a_run_over_http_delivers_and_the_server_finds_nothing_wrong(clean: Clean) -> None:
    assert "DONE: delivered and verified" in clean.ran.shown.out
    assert clean.ran.shown.out.startswith(f"Model: {MODEL}")
    assert clean.ran.refused == []
    assert all(one["whole"] for one in clean.ran.asked)
    assert len(clean.ran.asked) >= 10


def test_no_whole_reply_is_asked_for_again_and_no_thinking_is_lost(clean: Clean) -> None:
    assert clean.ran.repeated == []
    assert [one for one in clean.ran.asked if one["dropped_thinking"]] == []


def test_the_designers_searches_are_on_record(clean: Clean) -> None:
    text = clean.ran.layout.ledger.read_text()
    assert "the state of the art" in text
    assert "https://example.org/survey" in text


def test_what_was_spent_is_what_the_server_counted(clean: Clean) -> None:
    found = [spent(read(folder)).usage for folder in (clean.ran.layout.folder / "journals").iterdir()]
    for ours, theirs in (
        ("input_tokens", "input_tokens"),
        ("output_tokens", "output_tokens"),
        ("cache_read_tokens", "cache_read_input_tokens"),
    ):
        assert sum(getattr(one, ours) for one in found) == sum(one["usage"][theirs] for one in clean.ran.asked), ours


def test_a_fault_at_every_fifth_call_costs_no_result(faulty: Ran) -> None:
    assert "DONE: delivered and verified" in faulty.shown.out
    assert faulty.faults.total() == len(faulty.asked) // 5
    assert len(faulty.faults) >= 4, faulty.faults
    assert faulty.refused == []


def test_with_faults_no_whole_reply_is_asked_for_again(faulty: Ran) -> None:
    assert faulty.repeated == []
    records = [read(folder) for folder in (faulty.layout.folder / "journals").iterdir()]
    assert sum(spent(one).lost_calls for one in records) == 0
    tries = [record for one in records for record in one if isinstance(record, Unanswered)]
    broken = [one for one in faulty.asked if one["fault"] and not one["whole"]]
    assert sum(record.tries for record in tries) == len(broken)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Another home folder, whose workers have no key, and know of no server."""
    settings = Settings.load(tmp_path_factory.mktemp("elsewhere") / "home", {})
    yield House(settings, Shell(settings.home, {"OMP_NUM_THREADS": "1"}))
    stack.down(settings)


async def test_a_recorded_run_is_run_again_without_a_key_on_the_same_replies(
    place: Place, clean: Clean, elsewhere: House
) -> None:
    before = len(place.strict.asked())
    shown = await elsewhere.shell("run", "--replay", clean.ran.layout.folder, "--record")
    assert shown.code == 0, shown.out + shown.err
    assert "DONE: delivered and verified" in shown.out
    assert len(place.strict.asked()) == before, "nobody was asked"
    [run] = [line.split()[1] for line in shown.out.splitlines() if line.startswith("Run ")]
    then, now = recorded(clean.ran.layout), recorded(elsewhere.layout(run))
    assert len(now) >= 10
    assert now == {turn: then[turn] for turn in now}


def recorded(layout: Layout) -> dict[str, Any]:
    """What the model said at each turn of each invocation."""
    files = [path for path in layout.exchanges.rglob("*") if path.is_file()]
    return {str(path.relative_to(layout.exchanges)): json.loads(path.read_text())["reply"] for path in files}


@dataclass(frozen=True)
class Paused:
    """A run whose key stopped working at its second call, as it stood then, and as it ended."""

    ran: Ran
    standing: dict[str, Any]
    watched: Finished
    phase: str
    details: str
    replied: Counter[str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paused(place: Place) -> Paused:
    house, strict = place.house, place.strict
    before = len(strict.asked())
    strict.set_faults("bad_key@2-")
    run = await house.started(EXAMPLE, "--minutes", 4, "--candidates", 1, *FLAGS)

    async def stands() -> dict[str, Any] | None:
        found = dict((await house.shell("status", run, "--json")).json)
        return found if found["paused"] else None

    standing = await eventually(stands, within=120, what="the run pauses")
    watched = await house.shell("watch", run)
    phase, details = await shown_by_temporal(house, run)
    replied = replies(house.layout(run))
    strict.set_faults("")
    assert (await house.shell("resume", run)).code == 0
    shown = await house.shell("watch", run)
    ended = Ran(run, shown, house.layout(run), strict.asked()[before:])
    return Paused(ended, standing, watched, phase, details, replied)


def replies(layout: Layout) -> Counter[str]:
    """How many replies each invocation has in its journal."""
    found = {folder.name: read(folder) for folder in (layout.folder / "journals").iterdir()}
    return Counter({name: sum(isinstance(one, Replied) for one in records) for name, records in found.items()})


async def handle_of(house: House, run: str) -> WorkflowHandle[Any, Any]:
    server = read_server(house.settings)
    assert server is not None
    return (await Client.connect(server.address)).get_workflow_handle(run)


async def shown_by_temporal(house: House, run: str) -> tuple[str, str]:
    """The phase and the details that its UI shows."""
    handle = await handle_of(house, run)
    attributes = (await handle.describe()).typed_search_attributes
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(attributes[searched.PHASE]), metadata.current_details


def test_a_bad_key_pauses_the_run_which_says_what_to_do(paused: Paused) -> None:
    for words in (paused.standing["why"], paused.watched.out, paused.details):
        assert "invalid x-api-key" in words
        assert "ANTHROPIC_API_KEY" in words
    assert (paused.phase, paused.watched.code) == ("PAUSED", 3)
    assert "Paused by the system" in paused.watched.out
    assert f"Go on with: aibuildai resume {paused.ran.run}" in paused.watched.out
    events = [json.loads(line)["event"] for line in paused.ran.layout.ledger.read_text().splitlines()]
    [event] = [event for event in events if event["kind"] == "run_paused"]
    assert event["by"] == "system"


def test_it_goes_on_from_the_same_place_once_the_key_works_again(paused: Paused) -> None:
    assert paused.ran.shown.code == 0, paused.ran.shown.out + paused.ran.shown.err
    assert "DONE: delivered and verified" in paused.ran.shown.out
    assert paused.ran.repeated == []
    assert paused.replied == {"setup.1": 1}
    refused = {one["prompt"] for one in paused.ran.asked if one["fault"]}
    answered = {one["prompt"] for one in paused.ran.asked if one["whole"]}
    assert refused, "and what was refused is asked again, and nothing else in its place"
    assert refused <= answered


def test_only_the_workers_and_the_command_ever_had_the_key(clean: Clean) -> None:
    assert len(clean.witness.jobs) >= 3, "supervisors, sandboxes and the code in them were looked at"
    told = [words for words in clean.witness.holders if any(words)]  # one that is just ending has no name any more
    programs = [{Path(word).name for word in words[:2]} & OWN for words in told]
    assert set() not in programs, [words for words, own in zip(told, programs, strict=True) if not own]
    assert {name for names in programs for name in names} == OWN


def test_the_key_is_in_no_file(place: Place, clean: Clean, faulty: Ran, paused: Paused) -> None:
    """Records, exchanges, logs, spans, the database of Temporal, environments, outputs."""
    home = place.house.settings.home
    spans = (home / "logs" / "aibuildai-gpu.log").read_text()
    assert '"trace_id"' in spans, "or there would be none to search"
    assert any((layout.folder / "exchanges").rglob("*") for layout in (clean.ran.layout, faulty.layout))
    for word in (KEY, base64.b64encode(KEY.encode()).decode().rstrip("=")):
        found = subprocess.run(["grep", "-rlF", word, home], capture_output=True, text=True)
        assert (found.returncode, found.stdout) == (1, "")


async def test_the_key_is_in_no_history(place: Place, clean: Clean, faulty: Ran, paused: Paused) -> None:
    for run in (clean.ran.run, faulty.run, paused.ran.run):
        history = await (await handle_of(place.house, run)).fetch_history()
        assert KEY.encode() not in b"".join(event.SerializeToString() for event in history.events)
        for path in (place.house.layout(run).folder / "history").iterdir():
            assert KEY not in "\n".join(_decoded(json.loads(path.read_text())))


def _decoded(value: Any) -> Iterator[str]:
    """All texts of a history as it is exported, payloads too."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _decoded(one)
    elif isinstance(value, list):
        for one in value:
            yield from _decoded(one)
    elif isinstance(value, str):
        yield value
        try:
            yield base64.b64decode(value, validate=True).decode(errors="replace")
        except ValueError:
            return
