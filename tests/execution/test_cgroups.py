"""Control groups: where they are made, of either version, and what is read from them. The kernel's part is played by
files here; `test_hostile` has the real thing, where this machine allows it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from activities.execution import cgroups
from schemas.job import Limits

LIMITS = Limits(memory_mb=100, processes=20)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The mount of version 2, in which this process is below a service that systemd delegated."""
    process, root = tmp_path / "process", tmp_path / "cgroup"
    process.mkdir()
    (process / "cgroup").write_text("0::/system.slice/aibuildai.service/worker\n")
    (process / "mountinfo").write_text(f"30 23 0:26 / {root} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n")
    service = root / "system.slice" / "aibuildai.service"
    (service / "worker").mkdir(parents=True)
    for folder in (service, service / "worker"):
        (folder / "cgroup.controllers").write_text("cpu memory pids\n")
        (folder / "cgroup.subtree_control").write_text("")
    try:
        os.setxattr(service, "user.delegate", b"1")
    except OSError:
        pytest.skip("this file system keeps no attributes")
    monkeypatch.setattr(cgroups, "PROCESS", process)
    monkeypatch.setattr(cgroups, "REMOVAL", 0.02)
    return service


def as_the_kernel_makes(group: Path) -> Path:
    """The files of a new group."""
    group.mkdir()
    for name in ("cgroup.procs", "memory.max", "memory.swap.max", "pids.max"):
        (group / name).write_text("")
    return group


def test_a_group_lies_beside_the_workers_own_where_that_has_processes(tree: Path) -> None:
    (tree / "worker" / "cgroup.subtree_control").unlink()  # as a group with processes of its own passes nothing on
    made = as_the_kernel_makes(tree / "aibuildai-x-0")
    found = cgroups.group("x-0", LIMITS)
    assert found is not None
    assert found.memory == found.pids == made
    assert (tree / "cgroup.subtree_control").read_text() == "+memory +pids"
    written = {name: (made / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max")}
    assert written == {"memory.max": str(100 << 20), "memory.swap.max": "0", "pids.max": "160"}
    found.join()
    assert (made / "cgroup.procs").read_text() == "0", "the process that writes"


def test_what_the_kernel_did_is_read(tree: Path) -> None:
    made = as_the_kernel_makes(tree / "worker" / "aibuildai-x-0")
    found = cgroups.group("x-0", LIMITS)
    assert found is not None
    assert not found.out_of_memory()
    assert not found.out_of_tasks()
    (made / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n")
    (made / "pids.events").write_text("max 3\n")
    (made / "memory.stat").write_text(f"anon {50 << 20}\nfile {900 << 20}\nshmem {7 << 20}\n")
    assert found.out_of_memory()
    assert found.out_of_tasks()
    assert found.memory_mb() == 57, "without what is only cached"


def test_beside_a_service_that_was_not_given_away_none_is_made(tree: Path) -> None:
    (tree / "worker" / "cgroup.subtree_control").unlink()
    os.removexattr(tree, "user.delegate")
    as_the_kernel_makes(tree / "aibuildai-x-0")
    assert cgroups.group("x-0", LIMITS) is None


def test_where_no_controller_is_delegated_none_is_made(tree: Path) -> None:
    for folder in (tree, tree / "worker"):
        (folder / "cgroup.controllers").write_text("cpu\n")
    assert cgroups.group("x-0", LIMITS) is None


def test_a_group_without_the_files_that_limit_it_is_not_taken(tree: Path) -> None:
    assert cgroups.group("x-0", LIMITS) is None
    assert not (tree / "aibuildai-x-0").exists()


def test_a_group_that_takes_no_process_is_not_taken(tree: Path) -> None:
    """Else a job that is not in it would be bounded by nobody: the supervisor leaves it to the kernel."""
    made = as_the_kernel_makes(tree / "worker" / "aibuildai-x-0")
    (made / "cgroup.procs").unlink()
    (made / "cgroup.procs").mkdir()  # which refuses to be written by root, too
    assert cgroups.group("x-0", LIMITS) is None


def test_without_control_groups_at_all_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "PROCESS", tmp_path)
    assert cgroups.group("x-0", LIMITS) is None


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def says_once(file: Path, text: str) -> None:
    """Whoever reads it first finds the text, and who reads it again nothing."""
    with file.open("w") as pipe:  # opened once someone reads
        empty = file.with_name("empty")
        empty.touch()
        empty.replace(file)
        pipe.write(text)


def test_what_is_in_a_group_without_a_switch_of_its_own_is_killed(tree: Path, sleeper: subprocess.Popen[bytes]) -> None:
    made = as_the_kernel_makes(tree / "worker" / "aibuildai-x-0")
    (made / "cgroup.procs").write_text(f"{sleeper.pid}\n")
    cgroups.clear("x-0")
    assert sleeper.wait(10) == -signal.SIGKILL


def test_a_process_that_took_the_id_of_one_that_was_in_the_group_is_left_alone(
    tree: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    made = as_the_kernel_makes(tree / "worker" / "aibuildai-x-0")
    (made / "cgroup.procs").unlink()
    os.mkfifo(made / "cgroup.procs")
    kernel = Thread(target=says_once, args=(made / "cgroup.procs", f"{sleeper.pid}\n"))
    kernel.start()
    cgroups.clear("x-0")
    kernel.join()
    sleeper.terminate()
    assert sleeper.wait(10) == -signal.SIGTERM, "and was not killed before"
