"""Roles that were cut off and come back: neither a candidate's repository nor the purse is theirs any more."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.agent.purse import Purse
from activities.assignment import publish
from activities.models.base import Model
from activities.models.scripted import ScriptedModel, says
from activities.roles import RoleActivities
from schemas.base import RunRef
from schemas.message import ModelRequest, Reply
from schemas.role import Caps, DesignRequest, ModelChoice
from tests.agent.requests import requests
from tests.late import git_that_waits, refused
from tests.tools.conftest import Work
from tests.tools.test_roles import DESIGNED

pytestmark = pytest.mark.timeout(120)


def roles(folder: Path, model: Model) -> RoleActivities:
    return RoleActivities(folder, ("cpu:0",), lambda _name: model, low_disk_mb=0)


@pytest.mark.parametrize("word", ["commit-tree", "for-each-ref", "update-ref", "read-tree"])
async def test_a_candidates_repository_stays_where_later_work_has_brought_it(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """The older attempt stands still before its commit, before its ref is looked at or moved, or before its folder."""
    bench, layout = work.bench, work.bench.layout
    request = DesignRequest(
        run=RunRef(id="run", folder=str(layout.folder)),
        task=bench.task,
        invocation="designer.1.1",
        candidate=1,
        brief="",
        deadline=datetime.now(UTC) + timedelta(minutes=5),
        environment="",
        sandbox="none",
    )
    work.write(**{"PLAN.md": "later"})
    later = await bench.revision("later")
    model = ScriptedModel((DESIGNED,))
    gate = git_that_waits(tmp_path / "bin", word, after="commit-tree")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    older = asyncio.ensure_future(ActivityEnvironment().run(roles(layout.folder, model).designer, request))
    await gate.reached()
    again = request.model_copy(update={"attempt": 2})
    report = await ActivityEnvironment().run(roles(layout.folder, ScriptedModel(())).designer, again)
    assert report.problem is None
    await publish(replace(bench, invocation="coder.1.2"), 1, later)
    gate.give()
    await refused(older)
    assert await bench.repository.read("refs/heads/candidate-1", "PLAN.md") == b"later"
    assert (layout.repository(1) / "PLAN.md").read_text() == "later"
    assert not [path for path in layout.fence("candidate-1").rglob("*") if path.is_file()]


async def test_a_call_of_the_manager_that_is_under_way_is_not_given_up_by_an_older_attempt(tmp_path: Path) -> None:
    asked: asyncio.Queue[asyncio.Future[Reply]] = asyncio.Queue()

    class Thinking:
        """Answers when it is told to."""

        async def ask(self, request: ModelRequest) -> Reply:
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            await asked.put(answer)
            return await answer

    given = requests(tmp_path)["manager, first"].model_copy(  # type: ignore[attr-defined]
        update={"model": ModelChoice(name="claude-opus-5-5"), "caps": Caps(tokens=10**9)}
    )
    managers = [roles(tmp_path, Thinking()).manager for _ in range(2)]
    attempts = []
    answers = []
    for number, manager in enumerate(managers, start=1):
        request = given.model_copy(update={"attempt": number})
        attempts.append(asyncio.ensure_future(ActivityEnvironment().run(manager, request)))
        answers.append(await asked.get())
    purse = Purse(tmp_path / "purse.jsonl", Caps())
    answers[0].set_result(says("too late"))
    await refused(attempts[0])
    assert purse.totals().reserved_tokens > 0
    answers[1].set_result(says("nothing to do"))
    await attempts[1]
    assert purse.totals().reserved_tokens == 0
