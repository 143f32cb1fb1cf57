"""Prepared tasks to score predictions of."""

from pathlib import Path

import pytest

from tests.workspace import tasks
from tests.workspace.scene import Scene


@pytest.fixture
def houses(tmp_path: Path) -> Scene:
    return Scene(tmp_path, tasks.houses(tmp_path / "given", metric="mae"))


@pytest.fixture
def flowers(tmp_path: Path) -> Scene:
    return Scene(tmp_path, tasks.flowers(tmp_path / "given"))
