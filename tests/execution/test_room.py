"""How much is free on disk, against a mark below which nothing new is begun."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from activities.errors import LittleDisk, NeedsPerson
from activities.execution.jobs import LocalJobs
from activities.execution.room import Room, free_mb, size_mb
from tests.execution.conftest import Bench

ENDLESS = 10**9  # MB that no disk has


def test_room_is_looked_for_where_a_folder_will_be_made(tmp_path: Path) -> None:
    assert free_mb(tmp_path / "to" / "be" / "made") == pytest.approx(free_mb(tmp_path), rel=0.05)


def test_with_more_free_than_the_mark_all_is_well(tmp_path: Path) -> None:
    Room((tmp_path,), mark_mb=1).check()


def test_a_mark_of_nothing_is_never_missed(tmp_path: Path) -> None:
    Room((tmp_path,), mark_mb=0).check()


def test_too_little_names_the_folder_what_is_free_the_mark_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LittleDisk) as lacking:
        Room((tmp_path, Path("/proc")), mark_mb=ENDLESS).check()
    assert lacking.value.folder == tmp_path
    words = str(lacking.value)
    assert f"MB are free at {tmp_path}, and 1,000,000,000 MB must be" in words
    assert "AIBUILDAI_LOW_DISK_MB" in words
    assert "delete or move" in words


def test_what_is_about_to_be_written_must_fit_beside_the_mark(tmp_path: Path) -> None:
    room = Room((tmp_path,), mark_mb=1)
    (tmp_path / "model").mkdir()
    with (tmp_path / "model" / "weights").open("wb") as file:
        file.truncate(5 * 2**20)
    room.check(size_mb([tmp_path / "model"]))
    with pytest.raises(NeedsPerson, match=r"beside the 1,000,000,000 MB that are about to be written"):
        room.check(ENDLESS)
    assert size_mb([tmp_path / "model", tmp_path / "none"]) == 5


def test_the_size_of_what_lies_deeper_than_a_path_can_name_counts(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("n" * 250, dir_fd=at)
        below = os.open("n" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=at)
    os.truncate(file, 5 * 2**20)
    os.close(file)
    os.close(at)
    assert size_mb([tmp_path]) == 5


def test_each_folder_counts(tmp_path: Path) -> None:
    assert Room((tmp_path, Path("/proc")), mark_mb=1).lacking() == Path("/proc")  # where nothing can be written


async def test_a_job_is_not_begun_with_too_little_and_one_that_ran_is_found_all_the_same(bench: Bench) -> None:
    full = Room((bench.root,), mark_mb=ENDLESS)
    spec = bench.spec(bench.step("print('once')"))
    jobs = LocalJobs(bench.root / "jobs", bench.home, ("cpu:0",), "bubblewrap", room=full.check)
    with pytest.raises(LittleDisk):
        await jobs.start(spec, id="tuner.1.1.j1")
    assert not (bench.root / "jobs" / "tuner.1.1.j1").exists()
    roomy = LocalJobs(bench.root / "jobs", bench.home, ("cpu:0",), "bubblewrap", room=replace(full, mark_mb=1).check)
    await roomy.start(spec, id="tuner.1.1.j1")
    assert (await jobs.start(spec, id="tuner.1.1.j1")).id == "tuner.1.1.j1"
    await jobs.stop("tuner.1.1.j1")
