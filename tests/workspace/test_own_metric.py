"""A metric of the task's own, from its grade.py."""

import tempfile
from pathlib import Path

import pytest

from activities.errors import BadInput, NeedsPerson, ToolFailed
from activities.workspace.prepare import check
from activities.workspace.scorer import score_members
from tests.workspace import tasks
from tests.workspace.scene import Scene, off_by

GRADE = """
import numpy as np

def cost(truth, predicted):
    print("grading")
    assert list(truth["id"]) == list(predicted["id"])
    return float(np.abs(truth["price"] - predicted["price"]).max())
"""


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tasks.houses(tmp_path / "given", metric="grade.py:cost", direction="lower")
    (folder / "grade.py").write_text(GRADE)
    return folder


@pytest.fixture
def scene(tmp_path: Path, given: Path) -> Scene:
    return Scene(tmp_path, given)


async def test_an_own_metric_grades_frames(scene: Scene) -> None:
    score = await score_members(scene.layout, scene.task, [scene.predict("j", off_by(4.0))], "single")
    assert score.value == pytest.approx(4.0)


async def test_predictions_that_an_own_metric_has_no_value_for_pause_no_run(given: Path, scene: Scene) -> None:
    member = scene.predict("j", off_by(4.0))
    (given / "grade.py").write_text(f"{GRADE}\ndef cost(truth, predicted):\n    return float('nan')\n")
    with pytest.raises(ToolFailed, match="gave nan for these predictions"):
        await score_members(scene.layout, scene.task, [member], "single")
    once = (
        "\ncalls = []\ndef cost(truth, predicted):\n    calls.append(1)\n    return 7.0 if len(calls) == 1 else 1 / 0\n"
    )
    (given / "grade.py").write_text(GRADE + once)
    score = await score_members(scene.layout, scene.task, [member], "single")
    assert (score.value, score.low, score.high) == (7.0, 7.0, 7.0)


async def test_an_own_metric_that_fails_is_a_persons_to_mend(given: Path, scene: Scene) -> None:
    (given / "grade.py").write_text(f"{GRADE}\ndef cost(truth, predicted):\n    raise KeyError('cost')\n")
    with pytest.raises(NeedsPerson, match=r"grade.py:cost failed: KeyError"):
        await score_members(scene.layout, scene.task, [scene.predict("j", off_by(4.0))], "single")


def test_an_own_metric_is_tried_without_a_copy_of_the_labels_on_disk(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stay there if the process that tries it were killed."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    looks = "\nimport os\ndef cost(truth, predicted):\n    return len(os.listdir(os.environ['TMPDIR'])) or 1 / 0\n"
    (given / "grade.py").write_text(GRADE + looks)
    with pytest.raises(BadInput, match="ZeroDivisionError"):
        check(given)
