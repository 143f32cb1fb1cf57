"""What bad input gets: exit code 2, a message that names it, nothing started and nothing left behind."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from activities.execution import sandbox, surroundings
from ops.cli import run_command
from ops.connection import read_server
from ops.settings import Settings
from tests.ops.conftest import Shell


@pytest.fixture
def here(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Commands in this process; the logging that they set up is undone."""
    monkeypatch.setenv("AIBUILDAI_HOME", str(home.home))
    monkeypatch.setenv("COLUMNS", "200")
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield home
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give a task folder, or --data-dir"),
        (["/no/such/folder"], "/no/such/folder: there is no such folder"),
        (["TASK", "--minutes", "0.5"], "30 s is too small"),
        (["TASK", "--minutes", "soon"], "--minutes"),
        (["TASK", "--model", "gpt"], "'gpt'"),
        (["TASK", "--model", "claude-opus-5-5"], "claude-opus-5-5 (--model) cannot be asked: set ANTHROPIC_API_KEY"),
        (["TASK", "--set", "models.tuner=server/qwen"], "(--set models.tuner) cannot be asked: set ANTHROPIC_BASE_URL"),
        (["TASK", "--model", "foundry/mine"], "ANTHROPIC_FOUNDRY_API_KEY"),
        (["TASK", "--model", "claude-x", "--fallback", "gpt"], "--fallback: model 'gpt' is not available"),
        (["TASK", "--model", "claude-x", "--fallback", "playbook"], "--fallback playbook: it cannot take over"),
        (["TASK", "--effort", "huge"], "--effort: "),
        (["TASK", "--max-dollars", "0"], "--max-dollars: "),
        (["TASK", "--replay", "nothing"], "--replay nothing: there is no run 'nothing'"),
        (["TASK", "--set", "replay=/no/run"], "/no/run holds no exchanges"),
        (["TASK", "--set", "models.coder=gpt"], "'gpt'"),
        (["TASK", "--set", "sedd=3"], "did you mean seed"),
        (["TASK", "--set", "seed=2024-02-30"], "--set seed=2024-02-30: '2024-02-30' is not a value"),
        (["TASK", "--policy", "genius"], "genius"),
        (["TASK", "--candidates", "0"], "candidates"),
        (["TASK", "--data-dir", "/usr/lib"], "/usr/lib lies below /usr, which generated code can read as a whole"),
        (["TASK", "--data-dir", "/no/data"], "/no/data: there is no such folder"),
        (["TASK", "--instruction", "@/no/text"], "@/no/text cannot be read"),
        (["TASK", "--colour", "red"], "--colour"),
    ],
)
def test_bad_input_is_named_and_starts_nothing(
    here: Settings, task: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = here
    code = run_command(["run", *[str(task) if word == "TASK" else word for word in arguments], "--json"])
    out, err = capsys.readouterr()
    assert code == 2, err
    assert says in err
    assert json.loads(out)["exit"] == 2
    assert read_server(home) is None
    assert not home.home.exists()


@pytest.fixture
def shown(here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with labelled tables that every sandbox shows, as it does /usr."""
    folder = tmp_path / "shown"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "train.csv").write_text("id,a,height\n1,2,3.0\n")
    monkeypatch.setattr(surroundings, "SYSTEM", ("/usr", str(folder), *surroundings.SYSTEM[1:]))
    monkeypatch.setenv("AIBUILDAI_LOW_DISK_MB", str(10**9))  # the next thing that is looked at
    return folder


@pytest.mark.parametrize(
    ("content", "link", "named"),
    [
        ("data: {shown}/data", None, "data"),
        ("data: ../shown/data", None, "data"),
        ("", "data", "data"),
        ("train: {shown}/data/train.csv", None, "data/train.csv"),
        ("train: mine.csv", "mine.csv", "data/train.csv"),
        ("split: {{kind: files, report_file: ../../shown/data/train.csv}}", None, "data/train.csv"),
    ],
)
def test_labels_that_a_task_leads_to_are_not_where_generated_code_can_read(
    here: Settings,
    task: Path,
    shown: Path,
    content: str,
    link: str | None,
    named: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (task / "task.yaml").write_text(content.format(shown=shown))
    if link is not None:
        if (task / link).is_dir():
            (task / link).rename(task / "own")
        (task / link).symlink_to(shown / named)
    assert run_command(["run", str(task)]) == 2
    says = f"{shown / named} lies below {shown}, which generated code can read as a whole: keep it elsewhere"
    assert says in capsys.readouterr().err
    assert read_server(here) is None
    assert not here.home.exists()


def test_without_a_sandbox_nothing_is_out_of_sight(
    here: Settings, task: Path, shown: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No folder is worse than another then; the person has said so."""
    (task / "data").rename(shown / "own")
    (task / "data").symlink_to(shown / "own")
    assert run_command(["run", str(task), "--sandbox", "none"]) == 2
    assert "little disk is left" in capsys.readouterr().err


async def test_bad_data_is_named_by_file_and_column(shell: Shell, home: Settings, task: Path) -> None:
    (task / "task.yaml").write_text("target: weight\n")
    found = await shell("run", task)
    assert found.code == 2
    assert "weight" in found.err
    assert not home.home.exists()


async def test_a_home_that_cannot_be_written_is_named(shell: Shell, task: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shell.home = tmp_path / "file" / "home"
    found = await shell("run", task)
    assert found.code == 2
    assert f"the home folder {shell.home} cannot be written" in found.err


async def test_a_playground_that_cannot_be_written_is_named_before_anything_starts(
    shell: Shell, home: Settings, task: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    found = await shell("run", task, "--playground-dir", tmp_path / "file")
    assert found.code == 2
    assert f"--playground-dir {tmp_path / 'file'} cannot be written" in found.err
    assert not home.home.exists()


async def test_where_little_disk_is_left_no_run_starts_and_doctor_says_so(
    shell: Shell, home: Settings, task: Path
) -> None:
    shell.variables["AIBUILDAI_LOW_DISK_MB"] = str(10**9)
    found = await shell("run", task)
    assert found.code == 2
    assert "little disk is left" in found.err
    assert f"MB are free at {home.home}, and 1,000,000,000 MB must be" in found.err
    assert not home.home.exists()
    checks = (await shell("doctor", "--json")).json
    [disk] = [check for check in checks if check["name"] == "disk"]
    assert disk["level"] == "bad"
    assert "delete or move what is not needed" in disk["advice"]


@pytest.fixture
def unconfined(here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose bubblewrap fails as the real one does where namespaces are forbidden, and that has nothing else."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sandbox, "programs", lambda: (str(program),))
    monkeypatch.setattr(sandbox, "which", lambda name: None)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-planted")
    monkeypatch.setenv("AIBUILDAI_LOW_DISK_MB", str(10**9))  # the next thing that is looked at


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "claude-opus-5-5"], "claude-opus-5-5 would write code that can do whatever this user can"),
        (["--set", "models.coder=claude-opus-5-5"], "neither bubblewrap nor Docker or Podman"),
        (["--model", "claude-opus-5-5"], "`--sandbox none` starts the run all the same"),
        (["--sandbox", "bubblewrap"], "the sandbox 'bubblewrap' does not work here"),
        (["--model", "claude-opus-5-5", "--sandbox", "none"], "little disk is left"),
        ([], "little disk is left"),
    ],
)
def test_without_a_sandbox_a_language_model_does_not_start_unless_a_person_says_so(
    here: Settings, unconfined: None, task: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", str(task), *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not here.home.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, ""),
        (["--log-level", "silly", "list"], 2, "'silly' is not one of"),
        (["nothing"], 2, "No such command 'nothing'"),
    ],
)
def test_what_is_no_command_is_said_without_a_traceback(
    here: Settings, arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == code
    err = capsys.readouterr().err
    assert says in err
    assert bool(err) == bool(says)
    assert not here.home.exists()


async def test_a_temporal_that_cannot_be_reached_is_a_failure_not_bad_input(shell: Shell, task: Path) -> None:
    shell.variables["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    found = await shell("run", task, "--detach")
    assert found.code == 1
    assert "Temporal at 127.0.0.1:1 cannot be reached" in found.err
    assert list(shell.home.glob("runs/*")) == []


async def test_task_init_writes_what_it_found_with_reasons_and_never_over_a_persons_own(
    shell: Shell, task: Path
) -> None:
    found = await shell("task", "init", task, "--json")
    assert found.code == 0, found.err
    assert (found.json["task"]["target"], found.json["task"]["metric"]) == ("height", "rmse")
    text = (task / "task.yaml").read_text()
    assert "target: height" in text
    again = await shell("task", "init", task)
    assert again.code == 2
    assert "--force" in again.err
    assert (await shell("task", "init", task, "--force")).code == 0


async def test_doctor_says_what_to_do_before_anything_was_started(shell: Shell) -> None:
    found = await shell("doctor")
    assert found.code == 0, found.out
    assert "ok    python: " in found.out
    assert "warn  server: the embedded server was not started yet\n      `aibuildai up` starts it" in found.out


async def test_acts_on_a_run_that_is_not_there_start_nothing(shell: Shell, home: Settings) -> None:
    for arguments in (["pause", "x"], ["status", "x"], ["stop", "x"], ["history", "x"], ["report", "x"]):
        found = await shell(*arguments)
        assert found.code == 2, arguments
        assert "there is no run 'x'" in found.err
    assert read_server(home) is None
