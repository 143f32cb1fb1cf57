"""What workers start outside the sandbox gets the variables that it needs, and no key."""

import ast
from pathlib import Path

import pytest

from activities.execution.uv import make_environment
from activities.handing import DEVICES, ENGINES, INSTALLERS, handed_on
from tests.execution.test_keys import KEY, NAMES

ACTIVITIES = Path(__file__).parents[1] / "activities"
STARTERS = {"run", "Popen", "call", "check_call", "check_output", "create_subprocess_exec", "create_subprocess_shell"}
SANDBOXED = ACTIVITIES / "knowledge" / "recipes"  # they run in a job, whose variables are chosen already
BARRED = {"system", "popen", "posix_spawn", "posix_spawnp", "spawnl", "spawnv", "execv", "execvp"}


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={KEY}")
    monkeypatch.setenv("https_proxy", "http://proxy:8080")
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "of the index")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/docker.sock")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")


def test_a_key_is_in_no_family() -> None:
    given = handed_on(INSTALLERS, ENGINES, DEVICES)
    assert KEY not in str(given)
    assert not set(NAMES) & set(given)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (INSTALLERS, "https_proxy"),
        (INSTALLERS, "UV_INDEX_OURS_PASSWORD"),
        (ENGINES, "DOCKER_HOST"),
        (DEVICES, "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_each_gets_what_is_its_own_and_nothing_of_the_others(family: str, name: str) -> None:
    assert name in handed_on(family)
    assert name not in handed_on()
    assert "PATH" in handed_on(family)


def test_uv_gets_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, seen = tmp_path / "uv", tmp_path / "seen"
    program.write_text(f"#!/bin/sh\nenv > {seen}\n")
    program.chmod(0o755)
    monkeypatch.setattr("activities.execution.uv.find_uv_bin", lambda: str(program))
    make_environment(tmp_path / "environment")
    assert "PATH=" in seen.read_text()
    assert KEY not in seen.read_text()


def test_nothing_is_started_with_all_that_a_worker_has() -> None:
    files = [file for file in ACTIVITIES.rglob("*.py") if SANDBOXED not in file.parents]
    calls = [(file.name, call) for file in files for call in _starts(file)]
    assert len(calls) > 10, "they are found"
    assert [(name, call.lineno) for name, call in calls if "env" not in {one.arg for one in call.keywords}] == []


def _starts(file: Path) -> list[ast.Call]:
    """Calls that start a program by one of the standard library's ways."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    named = [(call, _module(call.func), call.func.attr) for call in calls if isinstance(call.func, ast.Attribute)]
    assert not [call.lineno for call, module, name in named if module == "os" and name in BARRED], file
    return [call for call, module, name in named if module in ("subprocess", "asyncio") and name in STARTERS]


def _module(function: ast.Attribute) -> str:
    return function.value.id if isinstance(function.value, ast.Name) else ""
