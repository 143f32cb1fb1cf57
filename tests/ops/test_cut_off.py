"""State that was cut off at any byte, as by a loss of power: what was complete is kept, and no command fails of it."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from activities.workspace.layout import Layout
from ops import processes, runs, server, workers
from ops.connection import ServerRecord, read_server, target
from ops.processes import Process
from ops.settings import Settings, writable
from schemas.event import LedgerEntry, RunEnded
from tests.ops.conftest import Shell
from tests.workflows.facts import START, prepared, started
from workflows import ledger


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a home folder where nothing is stopped at the end, as this process itself plays the server and a worker."""
    made = Settings.load(tmp_path / "home", {})
    writable(made)
    return made


@pytest.fixture
def this_process() -> Process:
    born = processes.born(os.getpid())
    assert born is not None
    return Process(pid=os.getpid(), born=born, argv=("temporal",), log="/log")


def each_cut(path: Path) -> Iterator[bytes]:
    """Cuts the file off at every byte, and puts it back."""
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        yield whole[:cut]
    path.write_bytes(whole)


def test_a_servers_record_that_was_cut_off_is_as_none(settings: Settings, this_process: Process) -> None:
    record = ServerRecord(process=this_process, port=7_233, ui_port=8_233)
    settings.server_record.write_text(record.model_dump_json())
    for _ in each_cut(settings.server_record):
        assert read_server(settings) is None
        assert target(settings) is None
        server.check_ports(settings)  # as `up` does before it starts one, on ports that are free
    assert read_server(settings) == record


def test_a_workers_record_that_was_cut_off_is_as_none(settings: Settings, this_process: Process) -> None:
    record = workers.WorkerRecord(process=this_process, queue=workers.GPU, address="a", namespace="n")
    workers.write_worker(settings, record)
    for _ in each_cut(settings.worker_record(workers.GPU)):
        assert workers.alive(settings) == []
    assert workers.alive(settings) == [record]


async def test_a_server_starts_over_a_record_that_was_cut_off(home: Settings) -> None:
    writable(home)
    home.server_record.write_text('{"process": {"pid":')
    made, started = await server.ensure(home)
    assert started
    assert read_server(home) == made


@pytest.fixture
def written(settings: Settings) -> Callable[[str], Layout]:
    """Makes a run's folder with a ledger of three entries."""

    def write(run: str) -> Layout:
        where, entries = Layout(settings.runs / run), list[LedgerEntry]()
        where.folder.mkdir(parents=True)
        where.spec.write_text("{}")
        why = "no model: all\u2028failed"  # a line separator, which ends no line here
        for number, event in enumerate((started(), prepared(), RunEnded(phase="FAILED", why=why)), 1):
            last, at = entries[-1].digest if entries else ledger.GENESIS, START + timedelta(minutes=number)
            entries.append(ledger.entry(event, seq=number, at=at, previous=last))
        where.ledger.write_text("".join(entry.model_dump_json() + "\n" for entry in entries))
        return where

    return write


def test_of_a_ledger_that_was_cut_off_the_entries_that_are_complete_are_read(
    written: Callable[[str], Layout],
) -> None:
    where = written("toy-1")
    whole = runs.read_ledger(where)
    assert len(whole) == 3
    for kept in each_cut(where.ledger):
        assert runs.read_ledger(where) == whole[: kept.count(b"\n")]


async def test_a_ledger_that_was_damaged_hides_no_other_run(
    settings: Settings, written: Callable[[str], Layout]
) -> None:
    written("toy-1")
    damaged = written("toy-2").ledger
    damaged.write_bytes(b"?" + damaged.read_bytes())
    found = await Shell(settings.home)("list", "--json")
    assert found.code == 0, found.err
    assert {one["run"]: one.get("phase") for one in found.json} == {"toy-1": "FAILED", "toy-2": None}
