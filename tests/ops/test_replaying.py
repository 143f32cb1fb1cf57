from pathlib import Path

import pytest
from temporalio.client import Client

from ops import runs
from ops.settings import Settings
from tests.workflows.facts import spec
from tests.workflows.stage import Stage, staged, start, until

pytestmark = pytest.mark.timeout(60)


async def test_where_no_worker_answers_a_run_is_read_by_replaying_its_history(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Settings.load(tmp_path, {})
    async with staged(client, Stage()) as queue:
        handle = await start(client, queue, spec())
        await until(handle, lambda state: state.phase == "EXPLORING")
    entries = await runs.ledger(home, client, handle.id)  # its workers have just gone
    assert entries[0].event.kind == "run_started"
    known = await runs.known(home, client, handle.id)
    assert known.live is False
    assert known.state.phase == runs.folded(entries).phase != "PREPARING"
    await handle.terminate()


async def test_a_long_run_is_derived_over_all_its_executions(client: Client, tmp_path: Path) -> None:
    async with staged(client, Stage()) as queue:
        handle = await start(client, queue, spec(history_events=60))
        state = await handle.result()
        entries = await runs.replaying.derived(client, handle.id)
    assert state.spec.epoch >= 1
    assert [entry.seq for entry in entries] == list(range(1, state.seq + 1))
    assert entries[-1].digest == state.head
