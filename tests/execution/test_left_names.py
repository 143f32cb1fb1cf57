"""Whatever code leaves in its folders, the job ends once, its supervisor lives, and the agent is told."""

import json
import os
from pathlib import Path

import pytest

from activities.execution import mounts, processes
from activities.execution.walking import _opened, printable
from schemas.job import Mount, Step
from tests.execution.conftest import Bench

CHAIN = "import os\nos.chdir('/out')\nfor _ in range({levels}):\n    os.mkdir({name!r})\n    os.chdir({name!r})\n"
LEAVES = {
    "a link whose name is no text": (
        "import os\nos.symlink('/etc', b'/out/l\\xff')\n",
        r"the link /out/l\udcff, which has a name",
    ),
    "a pipe whose name is no text": ("import os\nos.mkfifo(b'/out/p\\xff')\n", r"/out/p\udcff, which has a name"),
    "a folder whose name is no text": (
        "import os\nos.makedirs(b'/out/d\\xff/e\\xfe')\nopen(b'/out/d\\xff/f', 'w').write('x')\n",
        r"/out/d\udcff, which has a name that is no UTF-8 text",
    ),
    "a name of several lines": ("import os\nos.mkfifo('/out/a]\\n[b')\n", r"/out/a]\n[b, which is no plain file"),
    "long names in each other": (CHAIN.format(levels=40, name="n" * 250), "n..., which is nested too deep"),
    "very many folders in each other": (CHAIN.format(levels=5_000, name="d"), "which is nested too deep"),
    "a link in the deep": (
        CHAIN.format(levels=100, name="d") + "os.symlink('/etc', 'link')\nopen('file', 'w').write('x')\n",
        "which is nested too deep",
    ),
    "a link to a name that is too long": ("import os\nos.symlink('x' * 3000, '/out/l')\n", "the link /out/l, which"),
    "a link to what is removed": (
        "import os\nos.mkfifo('/out/pipe')\nos.symlink('pipe', '/out/z')\nos.symlink('pipe', '/out/a')\n",
        "the link /out/z, which leads elsewhere or nowhere",
    ),
}


@pytest.mark.parametrize("kind", LEAVES)
async def test_what_no_reader_could_tell_of_is_removed_in_words(bench: Bench, kind: str) -> None:
    code, words = LEAVES[kind]
    state = await bench.run(code)
    assert (state.phase, state.restarts) == ("done", 0), state
    log = bench.jobs.log(state.id)
    assert log.startswith("[removed ")
    assert words in log
    left = [path for path in bench.out.rglob("*") if len(path.parts) > len(bench.out.parts) + mounts.DEEPEST]
    assert left == []
    assert all(not path.is_symlink() and str(path).isascii() for path in bench.out.rglob("*"))


async def test_a_name_that_is_no_text_is_not_spoken_of_by_a_sealed_step(bench: Bench) -> None:
    state = await bench.run(bench.step("import os\nos.mkfifo(b'/out/row 17\\xff')\n", sealed=True))
    assert (state.phase, state.restarts) == ("done", 0)
    log = bench.jobs.log(state.id)
    assert "removed 1 " in log
    assert "row 17" not in log


async def test_what_is_hidden_in_the_deep_counts_as_disk(bench: Bench) -> None:
    code = (
        CHAIN.format(levels=40, name="n" * 250) + "import time\nopen('big', 'wb').write(b'x' * 2**24)\ntime.sleep(9)\n"
    )
    limits = bench.spec(code).limits.model_copy(update={"disk_mb": 17})
    step = bench.step(code.replace("2**24)", "2**24)\nopen('more', 'wb').write(b'x' * 2**24)"))
    state = await bench.run(step, limits=limits)
    assert "17 MB is the limit" in str(state.problem)
    assert (state.restarts, list(bench.out.rglob("big"))) == (0, [])


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
async def test_a_worker_that_is_not_root_is_let_into_every_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setattr(processes, "SUPERVISOR", ("-m", "tests.execution.powerless"))
    code = (
        "import os\nos.makedirs('/out/a/b')\nopen('/out/a/b/file', 'w').write('x')\nos.mkfifo('/out/a/pipe')\n"
        f"for path in ('/out/a/b/file', '/out/a/b', '/out/a', '/out'):\n    os.chmod(path, {mode})\n"
    )
    state = await bench.run(code)
    assert (state.phase, state.restarts) == ("done", 0), state
    assert "removed /out/a/pipe, which is no plain file" in bench.jobs.log(state.id)
    modes = [path.stat().st_mode & 0o700 for path in (bench.out, bench.out / "a", bench.out / "a" / "b")]
    assert modes == [0o700] * 3
    assert (bench.out / "a" / "b" / "file").stat().st_mode & 0o400


async def test_a_folder_in_the_place_of_metrics_is_none(bench: Bench) -> None:
    state = await bench.run("import os\nos.mkdir('/out/metrics.jsonl')\nraise SystemExit(3)\n")
    assert (state.phase, state.restarts) == ("failed", 0)
    assert "exit code 3" in str(state.problem)


async def test_a_metric_whose_name_is_no_text_is_told(bench: Bench) -> None:
    code = (
        r"""open('/out/metrics.jsonl', 'w').write('{"loss\\ud800": NaN, "step": "\\udfff"}\n')"""
        + "\nraise SystemExit(3)\n"
    )
    state = await bench.run(code)
    assert (state.phase, state.restarts) == ("failed", 0)
    assert r"loss\ud800 is nan at step \udfff" in str(state.problem)


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container's service wrote it under another user."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").write_text("x")
    monkeypatch.setattr("activities.execution.walking._opened", refused("theirs"))
    step = Step(
        name="train",
        argv=(),
        mounts=(Mount(source=str(tmp_path), target="/out", writable=True),),
        workdir="/",
        seconds=1,
    )
    assert mounts.tidy(step) == ["could not remove /out/theirs, which is a folder that cannot be looked into"]
    assert mounts.used_mb(step) > 0


def refused(name: str) -> object:
    return lambda one, at: None if one == name else _opened(one, at)


@pytest.mark.parametrize("name", ["plain.png", "größe.png", os.fsdecode(b"\xff.png"), "\ud800", "two\nlines"])
def test_every_name_can_be_written_as_json(name: str) -> None:
    shown = printable(name)
    assert json.loads(json.dumps(shown).encode()) == shown
    assert shown.isprintable()
