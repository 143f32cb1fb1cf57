"""What workers start outside the sandbox gets the variables that it needs, and no key."""

import ast
import re
from pathlib import Path

import pytest

from activities.execution.uv import make_environment
from activities.handing import DEVICES, ENGINES, INSTALLERS, handed_on
from tests.execution.test_keys import KEY, NAMES

ROOT = Path(__file__).parents[1]
LOOKED_AT = ("activities", "ops", "workflows")
SANDBOXED = ROOT / "activities" / "knowledge" / "recipes"  # they run in a job, whose variables are chosen already
OURS = ("ops/workers.py", "ops/bench.py")  # they start workers and commands of ours, which need all, keys too
READERS = (  # they look through all variables, for their names or for keys, and start nothing
    *("activities/handing.py", "activities/hiding.py", "ops/settings.py", "ops/surroundings.py", "ops/telemetry.py"),
)
STARTERS = re.compile(
    r"subprocess\.(run|call)|(.*\.)?(Popen|check_call|check_output|(create_)?subprocess_(exec|shell)|spawn)"
)
BARRED = re.compile(r"os\.((exec|spawn)\w+|posix_spawnp?|system|popen|fork\w*)|subprocess\.get(status)?output")
WHOLE_OR_START = re.compile(rf"os\.environb?|{STARTERS.pattern}|{BARRED.pattern}")
WATCHED, OTHER_WAYS = ("os", "subprocess", "asyncio"), ("multiprocessing", "pty", "asyncio.subprocess")


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
    files = [ROOT / "worker.py", *(file for top in LOOKED_AT for file in (ROOT / top).rglob("*.py"))]
    texts = {str(file.relative_to(ROOT)): file.read_text() for file in files if SANDBOXED not in file.parents}
    assert sum(len(_starts(ast.parse(text))) for text in texts.values()) > 12, "they are found"
    assert {name: found for name, text in texts.items() if name not in OURS and (found := wrongs(text, name))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run(command)",
        "subprocess.run(command, env=None)",
        "subprocess.Popen(command, env=os.environ)",
        "subprocess.Popen(command, env={**os.environ, 'A': '1'})",
        "given = os.environ.copy()\nsubprocess.run(command, env=given)",
        "asyncio.create_subprocess_exec(*command)",
        "asyncio.subprocess.create_subprocess_shell(command)",
        "loop.subprocess_exec(protocol, command)",
        "spawn(command, log=log, folder=folder)",
        "spawn(command, log=log, folder=folder, environment=os.environ)",
        *("import subprocess as s", "from subprocess import run", "from asyncio import create_subprocess_exec"),
        *("from os import environ", "from os import execve", "from pty import spawn", "import multiprocessing"),
        *("os.execve(a, b, c)", "os.spawnve(m, a, b, c)", "os.posix_spawn(a, b, c)", "os.system(a)", "os.fork()"),
        "subprocess.getoutput(command)",
    ],
)
def test_each_way_to_do_so_would_be_found(text: str) -> None:
    assert wrongs(text)


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run(command, env=handed_on(), check=False)",
        "spawn(command, log=log, folder=folder, environment={'PATH': os.environ['PATH']})",
        "import os\nfrom os import PathLike\nPATH = os.environ.get('PATH') if 'PATH' in os.environ else ''",
        "os.environ['AIBUILDAI_HOME'] = home",
    ],
)
def test_what_is_handed_on_by_name_is_not(text: str) -> None:
    assert wrongs(text) == []


def wrongs(text: str, name: str = "") -> list[str]:
    """Lines of a module that start a program with all variables of this process, or in a way that is not looked at."""
    tree = ast.parse(text)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) and _hides(node)]
    barred = [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and BARRED.fullmatch(ast.unparse(node))
    ]
    whole = [] if name in READERS else _whole(tree)
    return [
        ast.unparse(node) for node in (*imports, *barred, *whole, *(call for call in _starts(tree) if not _told(call)))
    ]


def _starts(tree: ast.AST) -> list[ast.Call]:
    """Calls that start a program by one of the standard library's ways, or by ops' own."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if STARTERS.fullmatch(ast.unparse(call.func))]


def _told(call: ast.Call) -> bool:
    """True if it says which variables the program gets."""
    given = next((one.value for one in call.keywords if one.arg in ("env", "environment")), None)
    return given is not None and not (isinstance(given, ast.Constant) and given.value is None)


def _hides(node: ast.Import | ast.ImportFrom) -> bool:
    """True if what it imports could start programs, or hand on all variables, under a name that is not looked for."""
    if isinstance(node, ast.Import):
        return any(one.name in OTHER_WAYS or (one.asname and one.name in WATCHED) for one in node.names)
    if node.module not in WATCHED:
        return node.module in OTHER_WAYS
    return any(WHOLE_OR_START.fullmatch(f"{node.module}.{one.name}") for one in node.names)


def _whole(tree: ast.AST) -> list[ast.Attribute]:
    """Each `os.environ` that is more than one variable of it, read or set by its name."""
    by_name: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in ("get", "pop")):
            by_name.add(node.value)
        elif isinstance(node, ast.Compare):
            by_name.update(node.comparators)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ"]
    return [node for node in found if node not in by_name]
