"""Twenty runs at once on one worker: all deliver, and neither its memory nor its decisions grow with their number."""

from pathlib import Path
from statistics import median

from tests.workflows.crowd import crowd, server

MEGABYTE = 1_000_000
OF_A_RUN = 6  # megabytes that a worker may hold for one more run


async def test_twenty_runs_deliver_while_memory_and_decisions_stay_level(tmp_path: Path) -> None:
    async with server() as (client, address):
        one = await crowd(client, address, 1, tmp_path)
        many = await crowd(client, address, 20, tmp_path)
    assert [state.phase for state in many.states] == ["DONE"] * 20
    assert all(state.verified for state in many.states)
    assert many.memory < one.memory + 20 * OF_A_RUN * MEGABYTE
    assert median(many.decisions) < 5 * median(one.decisions) + 0.1
    assert many.wall < 4 * one.wall
