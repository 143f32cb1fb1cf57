"""A run to be replayed is found as any run is, and has to have been recorded."""

from pathlib import Path

import pytest

from activities.errors import BadInput
from activities.workspace.layout import Layout
from ops.recorded import recorded
from ops.settings import Settings
from tests.workflows.facts import spoken


@pytest.fixture
def run(tmp_path: Path) -> Layout:
    """A run that was recorded, of which one turn of one invocation is kept."""
    layout = Layout(tmp_path / "home" / "runs" / "toy-20261121-0406-mvz")
    exchange = layout.exchange("setup.1", 1)
    exchange.parent.mkdir(parents=True)
    exchange.write_text("{}")
    layout.spec.write_text(spoken(seed=7).model_dump_json())
    return layout


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


async def test_by_its_id_by_the_beginning_of_it_or_by_its_folder(home: Settings, run: Layout) -> None:
    for name in (run.folder.name, "toy", str(run.folder)):
        found = await recorded(home, name)
        assert found.layout.folder == run.folder.resolve()
        assert (found.spec.settings.model, found.spec.settings.seed) == ("claude-opus-5-5", 7)


async def test_a_run_that_was_not_recorded_says_how_it_would_have_been(home: Settings, run: Layout) -> None:
    run.exchange("setup.1", 1).unlink()
    with pytest.raises(BadInput, match=r"--replay toy: .* holds no exchanges; only a run started with --record does"):
        await recorded(home, "toy")


async def test_a_run_that_is_not_there_or_cannot_be_read_is_named(home: Settings, run: Layout) -> None:
    with pytest.raises(BadInput, match=r"--replay other: there is no run 'other'"):
        await recorded(home, "other")
    run.spec.write_text("{")
    with pytest.raises(BadInput, match=r"--replay toy: .*run.json cannot be read"):
        await recorded(home, "toy")
