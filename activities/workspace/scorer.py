"""The scorer: the one source of scores, in a process of its own outside the sandbox.

`python -m activities.workspace.scorer` reads a request as JSON from its standard input and writes a reply as JSON to
its standard output. Nothing it reads is unpickled, and no withheld label is in what it says.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from activities.errors import NeedsPerson, ToolFailed
from activities.handing import handed_on
from activities.heavy import heavy
from activities.workspace.blend import Method
from activities.workspace.layout import Layout
from activities.workspace.leaving import leave
from activities.workspace.scoring import ScorerReply, ScorerRequest, answer
from schemas.candidate import Member
from schemas.metric import Score
from schemas.task import Task
from schemas.tool import Evaluated

_SECONDS = 300.0


async def score_members(
    layout: Layout,
    task: Task,
    members: Sequence[Member],
    method: Method,
    *,
    split: Literal["select", "report"] = "select",
    job_part: str | None = None,
    threshold: float | None = None,
    trials: Sequence[Member] = (),
) -> Score:
    """The score of a trial or of a blend. `job_part` scores one part alone, such as the one fold of a quick trial.

    `trials` are the members as they were scored on `select`, where `members` are other trainings of them. ToolFailed
    names what is wrong with the predictions; NeedsPerson what is wrong with the task's own grade.py.
    """
    found = await evaluate_members(
        layout, task, members, method, split=split, job_part=job_part, threshold=threshold, trials=trials
    )
    return found.score


async def evaluate_members(
    layout: Layout,
    task: Task,
    members: Sequence[Member],
    method: Method,
    *,
    split: Literal["select", "report"] = "select",
    job_part: str | None = None,
    threshold: float | Literal["tune"] | None = None,
    trials: Sequence[Member] = (),
) -> Evaluated:
    """The score, and for several members how far each two agree; with `tune`, at the threshold that is best."""
    if not members:
        raise ToolFailed("there are no members to score")
    request = ScorerRequest(
        folder=str(layout.folder),
        task=task,
        members=tuple(members),
        method=method,
        split=split,
        job_part=job_part,
        threshold=threshold,
        trials=tuple(trials),
    )
    reply = await _asked(request)
    if reply.evaluated is None:
        problem = reply.problem or "the scorer gave no score"
        raise NeedsPerson(f"the task's own metric: {problem}") if reply.blame == "grade" else ToolFailed(problem)
    return reply.evaluated


async def _asked(request: ScorerRequest) -> ScorerReply:
    async with heavy():
        return await _answered(request)


async def _answered(request: ScorerRequest) -> ScorerReply:
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "activities.workspace.scorer"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**handed_on(), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate(request.model_dump_json().encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"the scorer ended with {process.returncode}: {err.decode(errors='replace')[-2_000:]}")
    return ScorerReply.model_validate_json(out)


def main() -> None:
    reply = answer(ScorerRequest.model_validate_json(sys.stdin.read()))
    sys.stdout.write(reply.model_dump_json())


if __name__ == "__main__":
    main()
    leave()
