"""Twenty runs at once on one worker: all deliver, and neither its memory nor its decisions grow with their number.

Once with played agents, where nothing else takes a core, and once with real data, sandboxes, trainings and scores.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import pytest

from activities.workspace.layout import Layout
from schemas.job import JobState
from tests.whole import scripted
from tests.workflows.crowd import HEAD, Crowd, crowd, server

MANY = 20
MEGABYTE = 1_000_000
LINEAR = 0.01  # rmse of the line that is fitted: what remains is the rounding of prices


def shown(*crowds: Crowd) -> None:
    sys.stdout.write(HEAD + "".join(f"{one.line}\n" for one in crowds))


def jobs(crowd: Crowd) -> list[list[JobState]]:
    """Of each run."""
    return [list(scripted.jobs(Layout.of(state.spec.run))) for state in crowd.states]


def outcomes(run: Iterable[JobState]) -> list[tuple[str, str]]:
    return [(job.id, job.phase) for job in run]


async def test_twenty_played_runs_deliver_while_memory_and_decisions_stay_level(tmp_path: Path) -> None:
    async with server() as (client, address):
        one = await crowd(client, address, 1, tmp_path)
        many = await crowd(client, address, MANY, tmp_path)
    shown(one, many)
    assert [(state.phase, state.verified) for state in many.states] == [("DONE", True)] * MANY
    assert many.memory < one.memory + MANY * 2.5 * MEGABYTE
    assert median(many.decisions) < 3 * median(one.decisions) + 0.05
    assert many.wall < 2 * one.wall


@pytest.mark.timeout(2_400)  # about five minutes of two free cores; more where others need them too
async def test_twenty_real_runs_deliver_and_take_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    async with scripted.place(tmp_path) as place:
        one = await place.together(1, minutes=60)
        many = await place.together(MANY, minutes=60)
    shown(one, many)
    assert [(state.phase, state.verified) for state in many.states] == [("DONE", True)] * MANY
    assert all(state.report_score and state.report_score.value < LINEAR for state in many.states)
    [alone], every = jobs(one), jobs(many)
    assert [outcomes(run) for run in every] == [outcomes(alone)] * MANY, "no job is missing, fails or is repeated"
    together = [job for run in every for job in run]
    assert {job.sandbox for job in together} == {"bubblewrap"}
    assert {job.device for job in together} == set(scripted.DEVICES)
    for device in scripted.DEVICES:
        assert scripted.most_at_once([job for job in together if job.device == device]) == 1
    assert many.memory < one.memory + MANY * 5 * MEGABYTE
    assert median(many.decisions) < 5 * median(one.decisions) + 0.1  # while trainings take both cores
