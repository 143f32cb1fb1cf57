import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops import processes
from ops.processes import Process, spawn, stop, stop_all, tail

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def started(tmp_path: Path, code: str) -> Process:
    return spawn([sys.executable, "-c", code], log=tmp_path / "log", folder=tmp_path)


def until_it_says(process: Process, word: str) -> None:
    while word not in Path(process.log).read_text():
        assert process.alive
        os.sched_yield()


def test_a_process_runs_in_a_session_of_its_own_and_ends_when_asked(tmp_path: Path) -> None:
    process = started(tmp_path, "import time; time.sleep(60)")
    assert process.alive
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert stop(process, grace=10)
    assert not process.alive
    assert not stop(process, grace=10)


def test_one_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = started(tmp_path, STUBBORN)
    until_it_says(process, "deaf")
    began = time.monotonic()
    assert stop(process, grace=0.3)
    assert 0.3 <= time.monotonic() - began < 5
    assert not process.alive


def test_the_grace_is_shared_by_all_that_are_stopped_together(tmp_path: Path) -> None:
    both = [started(tmp_path, STUBBORN), spawn([sys.executable, "-c", STUBBORN], log=tmp_path / "b", folder=tmp_path)]
    for process in both:
        until_it_says(process, "deaf")
    began = time.monotonic()
    assert stop_all(both, grace=0.5) == both
    assert time.monotonic() - began < 0.95


def test_another_process_that_took_the_id_is_neither_alive_nor_signalled(tmp_path: Path) -> None:
    other = started(tmp_path, "import time; time.sleep(60)")
    record = other.model_copy(update={"born": other.born + "0"})
    assert not record.alive
    assert not stop(record, grace=1)
    assert other.alive
    stop(other, grace=10)


def test_one_that_died_but_was_not_waited_for_counts_as_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()  # it has closed its output, so it is about to die
    while processes.born(child.pid) is not None:
        os.sched_yield()
    child.wait()
    child.stdout.close()


def test_the_end_of_a_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {n}" for n in range(5_000)))
    assert tail(log, 2) == "line 4998\nline 4999"
    assert tail(tmp_path / "none") == ""


def test_a_log_that_grew_large_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_BYTES", 10)
    log = tmp_path / "worker.log"
    log.write_text("x" * 11)
    process = spawn([sys.executable, "-c", ""], log=log, folder=tmp_path)
    assert (tmp_path / "worker.1.log").read_text() == "x" * 11
    assert processes.gone(process, seconds=10)
    assert log.read_text() == ""
