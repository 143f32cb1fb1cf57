"""A task.yaml by looking: what it says is what looking settles."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from activities.workspace.draft import draft, render_task_yaml
from activities.workspace.settle import settle
from tests.workspace import tasks


@pytest.mark.parametrize("make", [tasks.houses, tasks.bikes, tasks.patients, tasks.flowers, tasks.intents])
def test_a_drafted_file_settles_the_same_task(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    folder = make(tmp_path)
    before = settle(folder).task
    (folder / "task.yaml").write_text(render_task_yaml(folder))
    after = settle(folder).task
    assert after.model_dump(exclude={"settled", "split"}) == before.model_dump(exclude={"settled", "split"})
    assert after.split.model_dump(exclude={"why"}) == before.split.model_dump(exclude={"why"})


def test_every_inferred_key_has_its_reason_above_it(tmp_path: Path) -> None:
    text = render_task_yaml(tasks.bikes(tmp_path))
    lines = text.splitlines()
    assert "the description says" in lines[lines.index("metric: rmsle") - 1]
    assert "blocks" in lines[lines.index("split:") - 1]
    assert "casual, registered" in text


def test_the_text_and_the_model_say_the_same(tmp_path: Path) -> None:
    folder = tasks.houses(tmp_path)
    assert yaml.safe_load(render_task_yaml(folder)) == draft(folder).model_dump(mode="json", exclude_defaults=True)
