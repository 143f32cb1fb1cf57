"""What ended runs left is removed, and nothing else: real folders, a real server, the real command."""

from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from ops.settings import Settings
from tests.ops.conftest import Shell
from tests.ops.pruned import BULK, REMAINS, left, made, names
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, holding, staged, start, tuning, until
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(120)


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
