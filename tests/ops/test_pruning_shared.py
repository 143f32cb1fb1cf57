"""Prune and what runs share: gone once no run needs it, kept where one is made or begins meanwhile."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import pytest

from activities.execution import environments
from activities.execution.durable import locked
from ops import pruning, runs
from ops.settings import Settings
from tests.ops.conftest import Shell
from tests.ops.pruned import BULK, made, names

pytestmark = pytest.mark.timeout(120)


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


async def test_it_stays_where_it_was_made_at_another_place_too(home: Settings, down: Shell) -> None:
    """As where the one who began it was stopped meanwhile."""
    lock = "numpy==2.3.0\n"
    environments._remember(home.home / "environments", environments.BASE, lock)
    half = home.home / "environments" / environments.digest(lock)
    base = half.with_name(f"{half.name}-2")
    for path in (half, base):
        path.mkdir()
    (base / environments.COMPLETE).touch()
    made(home, "toy-1", ended_days_ago=1)
    assert (await down("prune", "toy-1", "--all")).code == 0
    assert (half.exists(), base.exists()) == (False, True)


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
