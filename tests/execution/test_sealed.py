"""Of a step that saw withheld rows, nothing is shown that could be a row of them."""

import shutil
from pathlib import Path

import pytest

from activities.execution import sealed
from tests.execution.conftest import Bench


async def test_a_sealed_step_cannot_speak_through_names(bench: Bench) -> None:
    code = (
        "import os\nos.symlink('/', '/out/row 17 has label 4')\n"
        "print('Traceback (most recent call last):')\n"
        "print('  File \"/repository/.//././train.py\", line 1, in x\\nValueError')\n"
        "raise SystemExit(1)\n"
    )
    await bench.run(bench.step(code, sealed=True))
    log = bench.jobs.log("tuner.1.1.j1")
    assert "label" not in log
    assert "removed 1 links" in log
    assert 'File "/repository/train.py", line 1' in log


async def test_what_claims_to_be_very_many_frames_is_read_once_and_in_part(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []

    def read(path: Path, errors: str) -> str:
        reads.append(path.name)
        return path.read_bytes().decode(errors=errors)

    monkeypatch.setattr(Path, "read_text", read)
    frames = "".join(f'  File "/repository/train.py", line {line % 2 + 1}\n' for line in range(50_000))
    claimed = "".join(f"json.decoder.Kind{number}: x\n" for number in range(50_000))
    package = bench.environment / "lib" / "python3.11" / "site-packages" / "json"
    step = bench.step("first\nsecond\n", sealed=True)
    package.mkdir(parents=True, exist_ok=True)
    (package / "decoder.py").write_text("")
    text = sealed.shown(f"{sealed.STARTS}\n{frames}{claimed}", step, str(bench.environment))
    shutil.rmtree(package)
    assert text.count("File ") == sealed.MOST_FRAMES
    assert reads.count("train.py") == 1
    assert reads.count("decoder.py") <= sealed.MOST_LOOKED_AT


async def test_of_a_sealed_step_only_the_place_and_kind_of_its_error_are_shown(bench: Bench) -> None:
    code = (
        "class Leak_17(Exception):\n    pass\nprint('row 17 has label 4')\n"
        "print('Traceback (most recent call last):\\n  File \"/repository/label 4\", line 4, in row_17')\n"
        "def read(row):\n    return int('label 4')\nread(17)\n"
    )
    state = await bench.run(bench.step(code, sealed=True))
    log = bench.jobs.log("tuner.1.1.j1")
    assert state.phase == "failed"
    assert 'File "/repository/train.py", line 7\n    read(17)' in log
    assert "ValueError" in log
    assert "invalid literal" not in log
    assert "row" not in log.replace("read(row)", "").replace("withheld rows", "")
    assert "label 4" not in str(state.problem)
    assert "label 4" not in log.replace("return int('label 4')", "")
