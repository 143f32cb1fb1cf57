"""A worker that was cut off comes back while the next attempt is at work, or done: what it still writes does not count.

Each older attempt is the real activity, and stands still right before it writes.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import BookkeepingActivities, extend
from activities.delivering import DeliveryActivities
from activities.delivery.bundle import trained_model
from activities.execution.durable import try_lock, whole_lines
from activities.fence import fenced
from activities.heavy import cores, heavy
from activities.host import Host
from activities.preparation import PreparationActivities
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from activities.workspace.repository import Repository
from schemas.base import RunRef
from schemas.candidate import Member
from schemas.delivery import DeliveryRequest, HoldRequest, PackageRequest, PrepareRequest, PublishRequest, Verified
from schemas.event import LedgerEntry, StopRequested
from schemas.role import Caps
from tests.late import Gate, refused
from tests.report import stories
from tests.report.made import task
from tests.workflows.facts import spec
from tests.workflows.stage import entries, holding, staged, start, tuning, until
from tests.workspace import tasks
from tests.workspace.prepared import files_of
from tests.workspace.test_own_split import GRADE, SPLIT
from workflows.build import BuildWorkflow
from workflows.ledger import GENESIS
from workflows.ledger import entry as ledger_entry

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "home", ("cpu:0",), low_disk_mb=0)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    return layout


def run_of(layout: Layout) -> RunRef:
    return RunRef(id="run", folder=str(layout.folder))


def begun(activity: Callable[..., Any], request: object, **info: str) -> "asyncio.Future[Any]":
    """An attempt at work."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, **info)
    return asyncio.ensure_future(environment.run(activity, request))


# --- preparation --------------------------------------------------------------------------------------------------


def preparing(host: Host, layout: Layout) -> "asyncio.Future[Any]":
    request = PrepareRequest(run=run_of(layout), sandbox="none", attempt=1)
    return begun(PreparationActivities(host).prepare, request, activity_id="prepare.a1")


async def test_before_it_deletes_what_an_older_preparation_left_it_leaves_what_a_newer_one_made(
    host: Host, layout: Layout
) -> None:
    tasks.houses(layout.task)
    async with AsyncExitStack() as places:
        for _ in range(cores()):
            await places.enter_async_context(heavy())
        older = preparing(host, layout)
        await asyncio.to_thread(prepare, layout.task, layout, attempt=2)
        before = files_of(layout.folder)
    await refused(older)
    assert files_of(layout.folder) == before
    assert layout.settled.is_file()


async def test_before_it_shows_what_it_prepared_it_leaves_what_a_newer_one_made(
    host: Host, layout: Layout, tmp_path: Path
) -> None:
    """What a newer attempt trains on is its own preparation, and all of it."""
    gate, once = Gate(tmp_path / "gate"), tmp_path / "once"
    (layout.task / "data").mkdir(parents=True)
    for number in range(12):
        (layout.task / "data" / f"{number:02d}.txt").write_text(f"picture {number}")
        (layout.task / "data" / f"{number:02d}.mask").write_text(f"{number} 5")
    waits = f"import pathlib\nonce = pathlib.Path({str(once)!r})\nif not once.exists():\n"
    waits += f"    once.touch()\n    open({str(tmp_path / 'gate')!r}).read()\n"
    (layout.task / "split.py").write_text(waits + SPLIT)
    (layout.task / "grade.py").write_text(GRADE)
    (layout.task / "description.md").write_text("Find the masks.")
    (layout.task / "task.yaml").write_text("split_script: split.py\nmetric: grade.py:overlap\ndirection: higher\n")
    older = preparing(host, layout)
    await gate.reached()
    await asyncio.to_thread(prepare, layout.task, layout, seed=7, attempt=2)
    before = files_of(layout.folder)
    gate.give()
    await refused(older)
    assert files_of(layout.folder) == before
    assert layout.settled.is_file()


# --- ledger, history and reports ----------------------------------------------------------------------------------


def publishing(
    client: Client, handle: WorkflowHandle[Any, Any], layout: Layout, attempt: int, *, report: bool = False
) -> "asyncio.Future[Any]":
    request = PublishRequest(run=run_of(layout), epoch=0, report=report)
    return begun(
        BookkeepingActivities(client).publish,
        request,
        activity_id=f"publish.0.a{attempt}",
        workflow_id=handle.id,
        workflow_run_id=handle.first_execution_run_id or "",
    )


async def test_a_ledger_and_a_history_that_were_read_earlier_are_not_written_over_later_ones(
    client: Client, layout: Layout
) -> None:
    stage, go = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1, folder=str(layout.folder)))
        await until(handle, tuning)
        gate = Gate(layout.ledger)
        older = publishing(client, handle, layout, 1)
        await gate.reached()
        await handle.execute_update(BuildWorkflow.steer, "prefer small models")
        await publishing(client, handle, layout, 2)
        known, before = await entries(handle), files_of(layout.folder)
        gate.give()
        await refused(older)
        assert files_of(layout.folder) == before
        assert "prefer small models" in layout.ledger.read_text()
        assert len(layout.ledger.read_text().splitlines()) >= len(known) - 1  # it may have gone on meanwhile
        go.set()
        await handle.result()


async def test_reports_are_not_written_over_later_ones(client: Client, layout: Layout) -> None:
    stage, go = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1, folder=str(layout.folder)))
        await until(handle, tuning)
        async with AsyncExitStack() as places:
            for _ in range(cores()):
                await places.enter_async_context(heavy())
            older = publishing(client, handle, layout, 1, report=True)
            async with asyncio.timeout(30):
                while not layout.history(0).exists():  # noqa: ASYNC110 - it waits for a place after that
                    await asyncio.sleep(0.01)
            with fenced(layout.fence("publish"), 10_000, 1) as newer:
                newer.write(layout.output / "report.html", "newer")
        await refused(older)
        go.set()
        await handle.result()
    assert {path.name: path.read_text() for path in layout.output.iterdir()} == {"report.html": "newer"}


async def test_the_ledger_gets_longer_and_never_shorter(client: Client, layout: Layout) -> None:
    stage, go = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        go.set()
        await handle.result()
        found = await entries(handle)
    written: list[str] = []

    def write(path: Path, text: str) -> None:
        written.append(text)
        path.write_text(text)

    for known in (found[:3], found, found[:5], found[2:], []):
        extend(layout.ledger, known, write)
    lines = layout.ledger.read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [entry.seq for entry in found]
    assert len(written) == 2  # what is there already is not written again
    older = json.dumps(json.loads(lines[0]))  # the same in other words, as another version may put it
    layout.ledger.write_text("\n".join([older, *lines[1:-1]]) + "\n")
    extend(layout.ledger, found, write)
    assert layout.ledger.read_text().splitlines() == [older, *lines[1:]]


def entry_of(why: str, seq: int, previous: str) -> LedgerEntry:
    event = StopRequested(why=why)
    return ledger_entry(event, seq=seq, at=datetime(2026, 1, 1, tzinfo=UTC), previous=previous)


def test_what_a_model_wrote_ends_no_line_of_the_ledger_and_one_cut_off_is_written_anew(layout: Layout) -> None:
    first = entry_of("one\u2028two\u0085three\x1cfour", 1, GENESIS)
    second = entry_of("five", 2, first.digest)
    extend(layout.ledger, [first, second])
    layout.ledger.write_bytes(layout.ledger.read_bytes()[:-9])
    extend(layout.ledger, [first, second])
    assert [LedgerEntry.model_validate_json(line) for line in whole_lines(layout.ledger)] == [first, second]


# --- agents that hold ---------------------------------------------------------------------------------------------


async def test_a_pause_that_is_told_after_its_resume_holds_nobody(client: Client, layout: Layout) -> None:
    books, run = BookkeepingActivities(client), run_of(layout)
    layout.purse.touch()
    lock = try_lock(layout.purse)
    assert lock is not None
    paused = HoldRequest(run=run, held=True, seq=9, caps=Caps(dollars=5.0))
    older = begun(books.hold, paused, activity_id="hold.9")
    await begun(books.hold, HoldRequest(run=run, held=False, seq=10), activity_id="hold.10")
    lock.release()
    await older
    assert not layout.held.exists()


@pytest.mark.parametrize("last", [True, False])
async def test_of_pauses_and_resumes_the_last_one_holds(client: Client, layout: Layout, last: bool) -> None:
    books, run = BookkeepingActivities(client), run_of(layout)
    for held, seq in ((True, 3), (False, 5), (True, 8), (last, 11), (not last, 8)):
        await begun(books.hold, HoldRequest(run=run, held=held, seq=seq, why="lunch"))
    assert layout.held.exists() == last
    assert not last or layout.held.read_text() == "lunch"


# --- the package --------------------------------------------------------------------------------------------------


class Choice:
    """What is packaged: code and a model that say which it is."""

    def __init__(self, layout: Layout, tmp_path: Path) -> None:
        self.layout = layout
        self.repository = Repository(layout.git_dir)
        self.environment = tmp_path / "environment"
        self.environment.mkdir()
        (self.environment / "requirements.lock").write_text("numpy==2.4.6\n")

    async def request(self, text: str, submission: Path, seq: int, attempt: int = 1) -> PackageRequest:
        await self.repository.init()
        code = self.layout.folder / "code"
        code.mkdir(exist_ok=True)
        (code / "inference.py").write_text(text)
        revision = await self.repository.commit(await self.repository.snapshot(code), (), text)
        model = self.layout.job_out(f"delivery.{seq}.refit.c4", "final") / "model"
        model.mkdir(parents=True, exist_ok=True)
        (model / "trees.txt").write_text(text)
        delivery = DeliveryRequest(
            run=run_of(self.layout),
            task=task(),
            invocation=f"delivery.{seq}",
            members=(Member(candidate=4, job="tuner.4.12.j1", revision=revision),),
            environment=str(self.environment),
            deadline=datetime.now(UTC) + timedelta(minutes=5),
            refitted=True,
        )
        verified = Verified(passed=True, submission=str(submission), rows=1)
        return PackageRequest(delivery=delivery, verified=verified, attempt=attempt)


@pytest.mark.parametrize(("seq", "attempt"), [(40, 2), (45, 1)], ids=["attempt", "choice"])
async def test_a_package_gives_way_to_a_later_one_that_is_whole(
    host: Host, tmp_path: Path, seq: int, attempt: int
) -> None:
    layout = stories.whole(tmp_path / "run")
    choice, package = Choice(layout, tmp_path), DeliveryActivities(host).package
    gate, rows = Gate(tmp_path / "gate"), tmp_path / "rows.csv"
    rows.write_text("newer")
    older = begun(package, await choice.request("older", tmp_path / "gate", 40), activity_id="delivery.40.package.a1")
    await gate.reached()
    await begun(package, await choice.request("newer", rows, seq, attempt))
    before = files_of(layout.output)
    gate.give("older")
    await refused(older)
    assert files_of(layout.output) == before
    assert before["model/inference.py"] == before["model/weights/trees.txt"] == before["submission.csv"] == b"newer"
    assert not [path for path in layout.fence("package").rglob("*") if path.is_file()]


async def test_a_package_that_failed_may_be_made_again_from_other_models(host: Host, tmp_path: Path) -> None:
    """Of one choice the models from before the refit come later, with attempts of their own."""
    layout = stories.whole(tmp_path / "run")
    choice, package, rows = Choice(layout, tmp_path), DeliveryActivities(host).package, tmp_path / "rows.csv"
    with pytest.raises(ApplicationError) as failed:
        await begun(package, await choice.request("refitted", tmp_path / "missing.csv", 40, attempt=3))
    assert failed.value.type == "FileNotFoundError"
    assert not (layout.output / "model").exists()
    rows.write_text("chosen")
    request = await choice.request("chosen", rows, 40)
    chosen = request.delivery.model_copy(update={"refitted": False})
    trained = trained_model(chosen, chosen.members[0])
    trained.mkdir(parents=True)
    (trained / "trees.txt").write_text("chosen")
    await begun(package, request.model_copy(update={"delivery": chosen}))
    assert (layout.output / "model" / "weights" / "trees.txt").read_text() == "chosen"
