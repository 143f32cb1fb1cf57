"""What ended runs left is removed, and nothing else: real folders, a real server, the real command."""

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.execution import environments, processes
from activities.execution.durable import locked
from activities.execution.folder import Order
from activities.execution.jobs import LocalJobs
from activities.workspace.layout import Layout
from ops import pruning, runs
from ops.settings import Settings
from schemas.base import RunRef
from schemas.delivery import Prepared
from schemas.event import Event, LedgerEntry, RunEnded, RunPrepared
from schemas.job import JobSpec, Limits, Step
from schemas.run import RunSpec
from tests.ops.conftest import Finished, Shell
from tests.workflows.facts import TASK, spec, started
from tests.workflows.stage import Stage, holding, staged, start, tuning, until
from workflows import ledger
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(120)
REMAINS = {"run.json", "task.json", "task", "ledger.jsonl", "history", "output", "PRUNED"}
BULK = 3_000_000  # bytes of a job


def written(where: Layout, *events: Event, at: datetime) -> None:
    """The ledger of these events."""
    lines: list[LedgerEntry] = []
    for number, event in enumerate(events, 1):
        lines.append(ledger.entry(event, seq=number, at=at, previous=lines[-1].digest if lines else ledger.GENESIS))
    where.ledger.write_text("".join(line.model_dump_json() + "\n" for line in lines))


def made(settings: Settings, name: str, *, ended_days_ago: float | None, folder: Path | None = None) -> Layout:
    """A run's folder with something in all of its places; without an end, one that is not over by its files."""
    where = Layout(folder or settings.runs / name)
    for place in (where.task, where.output / "model", where.histories, where.job("j1"), where.view, where.weights):
        place.mkdir(parents=True)
    asked = RunSpec(run=RunRef(id=name, folder=str(where.folder)), **spec().model_dump(exclude={"run"}))
    where.spec.write_text(asked.model_dump_json())
    where.settled.write_text(TASK.model_dump_json())
    (where.output / "report.html").write_text("<p>good</p>")
    (where.job("j1") / "log.txt").write_bytes(b"x" * BULK)
    (where.histories / "001.json").write_text("{}")
    first = started().model_copy(update={"spec": asked})
    environment = str(settings.home / "environments" / f"of-{name}")
    prepared = RunPrepared(prepared=Prepared(task=TASK, environment=environment, sandbox="none"))
    at = datetime.now(UTC) - timedelta(days=ended_days_ago or 0)
    end = () if ended_days_ago is None else (RunEnded(phase="DONE", why="delivered"),)
    written(where, first, prepared, *end, at=at)
    return where


def left(where: Layout) -> set[str]:
    return {path.name for path in where.folder.iterdir()}


@pytest.fixture
def down(home: Settings) -> Shell:
    """The command where no server runs."""
    home.runs.mkdir(parents=True)
    return Shell(home.home)


def names(found: Finished, key: str) -> list[str]:
    return [one["name"] for one in found.json[key]]


async def test_what_an_ended_run_worked_with_goes_and_its_output_and_record_stay(home: Settings, down: Shell) -> None:
    where = made(home, "toy-1", ended_days_ago=1)
    found = await down("prune", "--json")
    assert (found.code, names(found, "runs")) == (0, ["toy-1"]), found.err
    assert found.json["bytes"] >= BULK
    assert left(where) == REMAINS
    assert (await down("status", "toy-1", "--json")).json["phase"] == "DONE"
    assert (await down("report", "toy-1")).out.strip() == str(where.output / "report.html")
    assert (where.output / "report.html").read_text() == "<p>good</p>"
    again = await down("prune")
    assert "Nothing to remove." in again.out


async def test_a_dry_run_says_what_would_go_and_touches_nothing(home: Settings, down: Shell) -> None:
    where = made(home, "toy-1", ended_days_ago=1)
    before = left(where)
    found = await down("prune", "--dry-run")
    assert found.code == 0
    assert "Would free 3.0 MB" in found.out
    assert left(where) == before


async def test_a_run_that_is_not_over_by_its_files_is_kept_while_nobody_can_be_asked(
    home: Settings, down: Shell
) -> None:
    where = made(home, "toy-1", ended_days_ago=None)
    before = left(where)
    for asked in (["prune"], ["prune", "toy-1", "--all"]):
        found = await down(*asked)
        assert found.code == 0
        assert "Kept: toy-1: no server answers, and by its files it is not over" in found.out
    assert left(where) == before


@pytest.mark.parametrize("pauses", [False, True])
async def test_a_run_under_way_is_never_touched_and_is_once_it_has_ended(
    home: Settings, client: Client, server: WorkflowEnvironment, pauses: bool
) -> None:
    stage, gate = holding()
    shell = Shell(home.home, {"TEMPORAL_ADDRESS": server.client.service_client.config.target_host})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        where = made(home, handle.id, ended_days_ago=3)  # as a file that was tampered with, or copied, would have it
        before = left(where)
        await until(handle, tuning)
        if pauses:
            await handle.execute_update(BuildWorkflow.pause, "lunch")
        found = await shell("prune", handle.id, "--all")
        assert f"Kept: {handle.id}: it is under way" in found.out
        assert left(where) == before
        if pauses:
            await handle.execute_update(BuildWorkflow.resume)
        gate.set()
        await handle.result()
    found = await shell("prune", "--json")
    assert names(found, "runs") == [handle.id], found.out
    assert left(where) == REMAINS


async def test_a_run_that_ended_without_a_word_is_over_as_the_server_has_it(
    home: Settings, client: Client, server: WorkflowEnvironment
) -> None:
    async with staged(client, Stage()) as queue:
        handle = await start(client, queue, spec(candidates=1))
        where = made(home, handle.id, ended_days_ago=None)
        await handle.terminate()
    shell = Shell(home.home, {"TEMPORAL_ADDRESS": server.client.service_client.config.target_host})
    found = await shell("prune", "--json")
    assert names(found, "runs") == [handle.id], found.out
    assert left(where) == REMAINS


async def test_runs_are_chosen_by_age_by_number_and_by_name(home: Settings, down: Shell) -> None:
    for days in (1, 5, 9, 20):
        made(home, f"toy-{days}", ended_days_ago=days)
    assert set(names(await down("prune", "--dry-run", "--json", "--older-than", 6), "runs")) == {"toy-9", "toy-20"}
    assert set(names(await down("prune", "--dry-run", "--json", "--keep", 3), "runs")) == {"toy-20"}
    assert names(await down("prune", "--dry-run", "--json", "toy-5"), "runs") == ["toy-5"]
    assert names(await down("prune", "--dry-run", "--json", "toy-5", "--older-than", 6), "runs") == []


async def test_a_name_that_fits_none_or_several_is_refused(home: Settings, down: Shell) -> None:
    for days in (1, 5):
        made(home, f"toy-{days}", ended_days_ago=days)
    several, none = await down("prune", "toy"), await down("prune", "other")
    assert (several.code, none.code) == (2, 2)
    assert "begins 2 runs" in several.err
    assert "there is no run 'other'" in none.err


async def test_whole_runs_go_only_where_some_are_named_or_bounded(home: Settings, down: Shell) -> None:
    where = made(home, "toy-1", ended_days_ago=1)
    refused = await down("prune", "--all")
    assert refused.code == 2
    assert "name the runs" in refused.err
    assert (await down("prune", "toy-1", "--all")).code == 0
    assert not where.folder.exists()


async def test_a_run_in_another_playground_is_pruned_there_and_its_link_goes_with_it(
    home: Settings, down: Shell, tmp_path: Path
) -> None:
    where = made(home, "toy-1", ended_days_ago=1, folder=tmp_path / "elsewhere" / "toy-1")
    (home.runs / "toy-1").symlink_to(where.folder)
    assert (await down("prune", "toy-1")).code == 0
    assert left(where) == REMAINS
    assert (home.runs / "toy-1").is_symlink()
    assert (await down("prune", "toy-1", "--all")).code == 0
    assert not where.folder.exists()
    assert not (home.runs / "toy-1").is_symlink()


async def test_a_link_to_a_folder_of_something_else_is_not_followed(home: Settings, down: Shell) -> None:
    where = made(home, "toy-1", ended_days_ago=None)
    other = made(home, "toy-2", ended_days_ago=3, folder=home.home / "other")
    (home.runs / "toy-3").symlink_to(other.folder)
    before = left(other)
    found = await down("prune")
    assert f"Kept: toy-3: {other.folder} is the folder of toy-2" in found.out
    assert left(other) == before
    assert where.folder.exists()


async def test_links_within_a_run_are_removed_and_what_they_point_to_is_not(
    home: Settings, down: Shell, tmp_path: Path
) -> None:
    where = made(home, "toy-1", ended_days_ago=1)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    (where.job("j1") / "out").symlink_to(mine)
    (where.folder / "loose").symlink_to(mine)
    assert (await down("prune")).code == 0
    assert (mine / "thesis.txt").read_text() == "years of work"


async def test_what_no_run_needs_any_more_goes_too_and_what_one_needs_stays(home: Settings, down: Shell) -> None:
    where, gone = made(home, "toy-1", ended_days_ago=1), made(home, "toy-2", ended_days_ago=1)
    for name in ("of-toy-1", "of-toy-2", ".conda-1234abcd", ".half.wheels", "locks"):
        (home.home / "environments" / name).mkdir(parents=True)
    digest = uuid4().hex * 2
    cache = home.home / "weights" / digest
    cache.mkdir(parents=True)
    (cache / "model.safetensors").write_bytes(b"w" * BULK)
    weights = {"name": "org/model", "revision": "r", "digest": digest, "size": BULK, "files": 1}
    (where.weights / "org--model").mkdir()
    (where.weights / "org--model.json").write_text(json.dumps({"weights": weights, "path": "/weights/org--model"}))
    os.link(cache / "model.safetensors", where.weights / "org--model" / "model.safetensors")
    (home.home / "weights" / "drafts" / "key").mkdir(parents=True)

    found = await down("prune", "toy-2", "--all", "--json")
    assert found.code == 0, found.err
    assert not gone.folder.exists()
    assert set(names(found, "shared")) == {
        "environments/.conda-1234abcd", "environments/.half.wheels", "environments/of-toy-2", "weights/drafts/key"
    }  # fmt: skip
    assert cache.is_dir()

    found = await down("prune", "toy-1", "--json")
    assert names(found, "shared") == [f"weights/{digest}"]
    assert found.json["bytes"] >= 2 * BULK  # the job, and the weights once both of their links are gone
    assert (home.home / "environments" / "of-toy-1").is_dir()  # the delivered model runs in it
    assert not cache.exists()


async def test_what_runs_share_is_left_alone_while_one_is_under_way(home: Settings, down: Shell) -> None:
    made(home, "toy-1", ended_days_ago=1)
    made(home, "toy-2", ended_days_ago=None)
    draft = home.home / "environments" / ".conda-1234abcd"
    draft.mkdir(parents=True)
    found = await down("prune")
    assert "Kept: environments and weights that runs share: not all runs are over: toy-2" in found.out
    assert draft.is_dir()


async def test_the_environment_that_all_runs_begin_with_stays(home: Settings, down: Shell) -> None:
    lock = "numpy==2.3.0\n"
    environments._remember(home.home / "environments", environments.BASE, lock)
    base = home.home / "environments" / environments.digest(lock)
    base.mkdir()
    where = made(home, "toy-1", ended_days_ago=1)
    assert (await down("prune", "toy-1", "--all")).code == 0
    assert not where.folder.exists()
    assert base.is_dir()


# --- its jobs ---------------------------------------------------------------------------------------------------------


Training = Callable[[Layout], Awaitable[list[psutil.Process]]]


@pytest_asyncio.fixture(loop_scope="session")
async def training(home: Settings) -> AsyncIterator[Training]:
    """Starts a job of the run, `j2`, that would go on for a minute: its supervisor and all below that."""
    started: list[LocalJobs] = []

    async def start_job(where: Layout) -> list[psutil.Process]:
        started.append(LocalJobs(where.jobs, home.home, ("cpu:0",), "none"))
        running = where.job("j2") / "running"
        code = f"import pathlib, time; pathlib.Path({str(running)!r}).touch(); time.sleep(60)"
        train = Step(name="train", argv=("python", "-c", code), mounts=(), workdir="/", seconds=60)
        limits = Limits(grace_seconds=2.0)
        await started[-1].start(
            JobSpec(purpose="train", steps=(train,), environment=sys.prefix, limits=limits), id="j2"
        )
        while not running.exists():
            soon = datetime.now(UTC) + timedelta(seconds=0.05)
            assert not (await started[-1].wait("j2", until=soon)).ended, started[-1].log("j2")
        [supervisor] = processes.supervisors(str(where.job("j2").resolve()))
        return [supervisor, *supervisor.children(recursive=True)]

    yield start_job
    for jobs in started:
        await jobs.stop_all()


async def test_a_run_whose_jobs_still_run_is_kept_while_nobody_can_be_asked(
    home: Settings, down: Shell, training: Training
) -> None:
    where = made(home, "toy-1", ended_days_ago=1)
    job = await training(where)
    found = await down("prune")
    assert "Kept: toy-1: its jobs still run: j2" in found.out
    assert (where.job("j1") / "log.txt").exists()
    assert all(process.is_running() for process in job)


async def test_a_run_that_was_terminated_from_outside_is_pruned_and_its_jobs_are_stopped(
    home: Settings, client: Client, server: WorkflowEnvironment, training: Training
) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spec(candidates=1))
        where = made(home, handle.id, ended_days_ago=None)
        job = await training(where)
        shell = Shell(home.home, {"TEMPORAL_ADDRESS": server.client.service_client.config.target_host})
        await shell("prune")
        assert all(process.is_running() for process in job), "the run is under way"
        await handle.terminate()
        gate.set()
    assert names(await shell("prune", "--dry-run", "--json"), "runs") == [handle.id]
    assert all(process.is_running() for process in job), "nothing is touched by a dry run"
    found = await shell("prune", "--json")
    assert names(found, "runs") == [handle.id], found.out
    assert left(where) == REMAINS
    _, alive = psutil.wait_procs(job, timeout=10)
    assert alive == []


async def test_a_job_that_nobody_supervises_does_not_run(home: Settings, down: Shell) -> None:
    """As where its supervisor and all workers were killed, or the machine went down."""
    where = made(home, "toy-1", ended_days_ago=1)
    order = Order(
        id="j1",
        spec=JobSpec(purpose="train", steps=(), environment=""),
        sandbox="none",
        ordered_at=datetime.now(UTC),
    )
    (where.job("j1") / "spec.json").write_text(order.model_dump_json())
    found = await down("prune", "--json")
    assert names(found, "runs") == ["toy-1"], found.out
    assert left(where) == REMAINS


# --- runs that begin meanwhile ----------------------------------------------------------------------------------------


def unused(settings: Settings) -> list[Path]:
    """Environments that no run needs."""
    made(settings, "toy-1", ended_days_ago=1)
    paths = [settings.home / "environments" / name for name in ("1234", "5678")]
    for path in paths:
        path.mkdir(parents=True)
        (path / environments.COMPLETE).touch()
    return paths


async def test_an_environment_that_is_being_made_is_left_alone(home: Settings, down: Shell) -> None:
    busy, free = unused(home)
    with locked(busy.with_name("1234.lock")):
        found = await down("prune", "--json")
    assert (found.code, names(found, "shared")) == (0, ["environments/5678"])
    assert [one["name"] for one in found.json["kept"]] == ["environments/1234"]
    assert (busy.exists(), free.exists()) == (True, False)


async def test_what_runs_share_stays_where_a_run_begins_while_others_are_removed(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = unused(home)
    real = pruning.remove

    def begins(gone: Iterable[Path]) -> list[str]:
        if "toy-2" not in runs.local_runs(home):
            made(home, "toy-2", ended_days_ago=None)
        return real(gone)

    monkeypatch.setattr(pruning, "remove", begins)
    found = await pruning.prune(home, None, pruning.Choice(), dry_run=False)
    assert [one.name for one in found.runs] == ["toy-1"]
    assert found.shared == ()
    assert [one.why for one in found.kept] == [pruning.WANTED] * 2
    assert all((path / environments.COMPLETE).exists() for path in paths)


async def test_half_an_environment_does_not_pass_for_whole(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the command is killed while it removes."""
    paths = unused(home)
    removed = iter((True, False))

    def killed(gone: Iterable[Path]) -> list[str]:
        if next(removed):
            return []
        raise KeyboardInterrupt(*gone)

    with monkeypatch.context() as patch:
        patch.setattr(pruning, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            await pruning.prune(home, None, pruning.Choice(), dry_run=False)
    assert [path.exists() for path in paths] == [False, True]
    assert (paths[0].with_name(".1234.gone") / environments.COMPLETE).exists()
    await pruning.prune(home, None, pruning.Choice(), dry_run=False)
    assert [path for path in (home.home / "environments").iterdir() if path.is_dir()] == []
