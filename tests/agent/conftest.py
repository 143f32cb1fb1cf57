"""A real git directory, a real journal, and an agent whose tools change real files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.agent.doing import Doing
from activities.agent.limits import Limits
from activities.workspace.repository import Repository


@pytest.fixture
async def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repositories" / "run.git")
    await made.init()
    return made


@pytest.fixture
def limits() -> Limits:
    return Limits(deadline=datetime.now(UTC) + timedelta(minutes=5), max_turns=20)


@pytest.fixture
def doing() -> Doing:
    return Doing()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a purse lies."""
    return tmp_path / "purse.jsonl"
