"""Docker and Podman, built to their command lines: what they are asked, by an executable that writes it down."""

import os
from pathlib import Path

import pytest

from activities.execution import sandbox
from activities.execution.container import IMAGE, Container
from schemas.job import Limits
from tests.execution.conftest import Bench

ENGINE = """#!/bin/sh
printf '%s\\n' "$*" >> {log}
case "$1" in
  image) exit {inspected} ;;
  import) wc -c >> {log} ;;
  run) case "$*" in *aibuildai-probe*) exit {works} ;; esac
       echo 'from the container'; {act} ;;
esac
"""


def engine(folder: Path, *, name: str = "docker", inspected: int = 0, works: int = 0, act: str = "exit 0") -> Path:
    """The folder for PATH; `asked` in it has a line for each call."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(ENGINE.format(log=folder / "asked", inspected=inspected, works=works, act=act))
    program.chmod(0o755)
    return program


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "engine"
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def asked(path: Path) -> list[str]:
    """What was asked after the trial."""
    lines = (path / "asked").read_text().splitlines()
    return [line for line in lines if line.startswith(("run", "rm")) and "probe" not in line]


async def test_a_job_runs_in_a_container_that_is_removed_by_its_name(bench: Bench, path: Path) -> None:
    engine(path)
    bench.jobs = bench.another("container")
    state = await bench.run("", limits=Limits(memory_mb=700, processes=33))
    assert (state.phase, state.sandbox, state.steps[0].limited_by) == ("done", "container", "container")
    assert bench.jobs.log("tuner.1.1.j1") == "from the container\n"
    before, run, after = asked(path)
    name = run.split("--name ")[1].split()[0]
    assert before == after == f"rm --force {name}"
    for words in (
        *("--rm", "--pull never", "--network none", "--read-only", "--cap-drop ALL", "no-new-privileges"),
        *("--memory 700m", "--memory-swap 700m", "--pids-limit 33", "--cpuset-cpus 0", f"--volume={bench.out}:/out:rw"),
        *("--env=PYTHONHASHSEED=0", f"{IMAGE} {bench.environment}/bin/python train.py"),
    ):
        assert f" {words}" in run, words
    assert "docker.sock" not in run


async def test_a_network_that_is_granted_is_the_engines_own_not_the_hosts(bench: Bench, path: Path) -> None:
    """So that the host's loopback is not in it; and what saw withheld rows gets none."""
    engine(path)
    bench.jobs = bench.another("container")
    state = await bench.run(bench.step(""), bench.step("", name="predict", sealed=True), network=True)
    assert state.phase == "done"
    train, predict = (line for line in asked(path) if line.startswith("run"))
    assert "--network" not in train
    assert "/etc/resolv.conf" not in train
    assert "--network none" in predict


async def test_one_that_overstays_its_time_is_removed(bench: Bench, path: Path) -> None:
    engine(path, act="sleep 60")
    bench.jobs = bench.another("container")
    state = await bench.run(bench.step("", seconds=0.3), limits=Limits(grace_seconds=0.1))
    assert "time-out" in str(state.problem)
    assert asked(path)[-1].startswith("rm --force aibuildai-")


def test_the_image_is_made_of_nothing_where_it_is_not_there(path: Path) -> None:
    """Everything is mounted into it: no registry is asked."""
    made = sandbox._try(Container(str(engine(path, inspected=1))))
    assert made.works, made.detail
    lines = (path / "asked").read_text().splitlines()
    assert lines[1:3] == [f"import - {IMAGE}", "10240"]
    assert not any(line.startswith("pull") for line in lines)


def test_an_engine_that_does_not_answer_is_said_with_what_to_do(path: Path) -> None:
    found = sandbox._try(Container(str(engine(path, works=125))))
    assert (found.works, "start its service, or let this user reach it" in found.detail) == (False, True)


def test_podman_keeps_the_users_id_where_it_runs_without_root(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Container(str(engine(path, name="podman")))
    for user, there in ((0, False), (1000, True)):
        monkeypatch.setattr(os, "getuid", lambda number=user: number)
        assert ("keep-id" in made._confinement(Limits(), (), network=False)) is there
