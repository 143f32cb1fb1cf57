"""Why a job failed is told in words: its exit, its crash, and what it did not write."""

import pytest

from tests.execution.conftest import Bench


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise SystemExit(3)", "exit code 3, without output"),
        ("raise ValueError('no column age')", "exit code 1: ValueError: no column age"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashed with SIGSEGV"),
        ("pass", "it ended without an error, but did not write /out/model"),
        ("import os\nos.mkdir('/out/model')", "it ended without an error, but left the folder /out/model empty"),
        ("open('/out/model', 'w').close()", "it ended without an error, but /out/model is empty"),
    ],
)
async def test_a_failure_is_told_in_words(bench: Bench, code: str, problem: str) -> None:
    state = await bench.run(bench.step(code, expect=(str(bench.out / "model"),)))
    assert state.phase == "failed"
    assert str(state.problem).startswith(problem)


async def test_a_command_that_is_not_there_is_told(bench: Bench) -> None:
    state = await bench.run(bench.step("", argv=("no-such-command",)))
    assert "no-such-command" in str(state.problem)
