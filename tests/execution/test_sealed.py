"""Of a step that saw withheld rows, nothing is shown that could be a row of them."""

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
