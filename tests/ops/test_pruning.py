"""What ended runs left is removed, and nothing else: real folders, a real server, the real command."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.execution import environments
from activities.execution.folder import Order
from activities.workspace.layout import Layout
from ops.settings import Settings
from schemas.base import RunRef
from schemas.delivery import Prepared
from schemas.event import Event, LedgerEntry, RunEnded, RunPrepared
from schemas.job import JobSpec
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


async def test_a_run_whose_jobs_still_run_is_kept(home: Settings, down: Shell) -> None:
    where = made(home, "toy-1", ended_days_ago=1)
    asked = JobSpec(purpose="train", steps=(), environment="")
    order = Order(id="j1", spec=asked, sandbox="none", ordered_at=datetime.now(UTC))
    (where.job("j1") / "spec.json").write_text(order.model_dump_json())
    found = await down("prune")
    assert "Kept: toy-1: its jobs still run: j1" in found.out
    assert (where.job("j1") / "log.txt").exists()
