"""What a worker registers is what the workflow calls, and nothing happens because `worker` was imported."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_type_hints
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import WorkerConfig

import worker
from activities.host import Host
from workflows.calls import CALLS, CONTROL, GPU_SUFFIX, Call

ROOT = Path(worker.__file__).parent


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "home", ("cpu:0",))


@pytest.fixture
def registered(client: Client, host: Host) -> dict[str, Callable[..., Any]]:
    return worker.activities(client, host)


def definition(function: Callable[..., Any]) -> str | None:
    found = activity._Definition.from_callable(function)
    return found.name if found else None


@asynccontextmanager
async def served(kind: str, client: Client, host: Host) -> AsyncIterator[WorkerConfig]:
    """A worker of that kind on a queue of its own, at work."""
    queue = f"{uuid4().hex}{GPU_SUFFIX if kind == 'gpu' else ''}"
    async with worker.served(queue, client, host) as made:
        yield made.config()


def test_every_call_is_declared_once() -> None:
    names = [call.name for call in CALLS]
    assert sorted(names) == sorted(set(names))


async def test_what_is_registered_is_what_is_called(registered: dict[str, Callable[..., Any]]) -> None:
    assert set(registered) == {call.name for call in CALLS}
    assert {name: definition(function) for name, function in registered.items()} == {name: name for name in registered}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_each_activity_takes_the_request_and_gives_the_report_that_are_declared(
    registered: dict[str, Callable[..., Any]],
    call: Call,  # type: ignore[type-arg]  # of any request and report
) -> None:
    hints = get_type_hints(registered[call.name])
    report = hints.pop("return")
    assert list(hints.values()) == [call.request]
    assert report is call.report


def test_the_queues_are_told_apart_by_their_names() -> None:
    assert not CONTROL.endswith(GPU_SUFFIX)
    assert {call.queue for call in CALLS} == {"control", "gpu"}


@pytest.mark.parametrize("kind", ["control", "gpu"])
async def test_each_queue_serves_its_own_calls_and_only_them(client: Client, host: Host, kind: str) -> None:
    async with served(kind, client, host) as config:
        activities = {definition(function) for function in config.get("activities", ())}
        workflows = [getattr(workflow._Definition.from_class(each), "name", "") for each in config.get("workflows", ())]
    assert activities == {call.name for call in CALLS if call.queue == kind}
    assert workflows == (["Build"] if kind == "control" else [])
    assert not host.home.exists(), "a worker without work leaves the home folder as it is"


WATCHED = """
import json, os, signal, sys, threading
before = dict(os.environ), {n: signal.getsignal(n) for n in signal.valid_signals()}, set(os.listdir('.'))
acts = []
def watch(event, arguments):
    if event == 'open' and isinstance(arguments[1], str) and set(arguments[1]) & set('wax+'):
        acts.append([event, str(arguments[0])])
    elif event in ('socket.connect', 'socket.bind', 'subprocess.Popen', 'os.mkdir', 'os.remove', 'os.rename'):
        acts.append([event, str(arguments[0])])
sys.addaudithook(watch)
import worker
after = dict(os.environ), {n: signal.getsignal(n) for n in signal.valid_signals()}, set(os.listdir('.'))
acts = [act for act in acts if not act[1].startswith((os.environ['MPLCONFIGDIR'], 'fc-list'))]
print(json.dumps({'acts': acts, 'threads': threading.active_count(), 'before': before[0], 'after': after[0],
                  'same': before[1:] == after[1:]}))
"""
LIBRARIES = "KMP_"  # scikit-learn sets two variables of OpenMP, and matplotlib lists the fonts in a cache of its own


def test_importing_worker_does_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    own = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    own["MPLCONFIGDIR"] = str(tmp_path / "matplotlib")
    done = subprocess.run([sys.executable, "-c", WATCHED], cwd=home, env=own, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)  # and nothing else was printed
    assert (seen["acts"], seen["threads"], seen["same"]) == ([], 1, True)
    changed = {name for name in seen["after"] if seen["before"].get(name) != seen["after"][name]}
    assert {name for name in changed if not name.startswith(LIBRARIES)} == set()
    assert list(home.iterdir()) == []
