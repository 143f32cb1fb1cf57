"""A worker's host may show other folders than the one that the run was started from, so it looks for itself."""

from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.execution import sandbox, surroundings
from activities.host import Host
from activities.preparation import PreparationActivities
from activities.workspace.layout import Layout
from schemas.base import RunRef
from schemas.delivery import PrepareRequest


async def test_labels_that_this_worker_would_show_are_not_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, layout = tmp_path / "shown", Layout(tmp_path / "run")
    shown.mkdir()
    layout.task.mkdir(parents=True)
    (layout.task / "task.yaml").write_text(f"data: {shown}\n")
    monkeypatch.setattr(surroundings, "SYSTEM", ("/usr", str(shown), *surroundings.SYSTEM[1:]))
    monkeypatch.setattr(sandbox, "programs", lambda: ("true",))  # a sandbox that works
    activities = PreparationActivities(Host(tmp_path / "home", ("cpu:0",)))
    request = PrepareRequest(run=RunRef(id="r", folder=str(layout.folder)), seed=0)
    with pytest.raises(ApplicationError, match=f"{shown} lies below {shown}, which generated code can read") as no:
        await ActivityEnvironment().run(activities.prepare, request)
    assert (no.value.type, no.value.non_retryable) == ("BadInput", True)
    assert not layout.view.exists()
