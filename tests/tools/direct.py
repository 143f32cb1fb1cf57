"""Jobs that run at once and without a sandbox: the protocol's promises, in one process."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from schemas.job import JobSpec, JobState, Step, StepState


class DirectJobs:
    """`started` names the jobs that were really run. Paths of the sandbox become those of the host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[str] = []
        self.specs: dict[str, JobSpec] = {}

    async def start(self, spec: JobSpec, *, id: str) -> JobState:
        if (self._folder / id / "state.json").exists():
            return self._state(id)
        self.started.append(id)
        self.specs[id] = spec
        begun, steps = datetime.now(UTC), []
        for step in spec.steps:
            steps.append(await self._run(step, id))
            if steps[-1].problem:
                break
        failed = steps[-1].problem
        state = JobState(
            id=id,
            purpose=spec.purpose,
            phase="failed" if failed else "done",
            queued_at=begun,
            started_at=begun,
            ended_at=datetime.now(UTC),
            steps=tuple(steps),
            problem=failed and f"{steps[-1].name}: {failed}",
        )
        (self._folder / id / "state.json").write_text(state.model_dump_json())
        return state

    async def wait(self, id: str, *, until: datetime) -> JobState:
        return self._state(id)

    async def stop(self, id: str) -> JobState:
        return self._state(id)

    def log(self, id: str, *, characters: int = 6_000) -> str:
        path = self._folder / id / "log.txt"
        return path.read_text()[-characters:] if path.exists() else ""

    def _state(self, id: str) -> JobState:
        return JobState.model_validate_json((self._folder / id / "state.json").read_bytes())

    async def _run(self, step: Step, id: str) -> StepState:
        places = {mount.target: mount.source for mount in step.mounts}
        first = sys.executable if step.argv[0] == "python" else step.argv[0]
        argv = [first, *(self._host(word, places) for word in step.argv[1:])]
        began = asyncio.get_running_loop().time()
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=places[step.workdir], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await process.communicate()
        with (self._folder / id / "log.txt").open("ab") as log:
            log.write(out)
        problem = f"ended with exit code {process.returncode}" if process.returncode else None
        for path in map(Path, step.expect):
            if problem is None and not (path.is_file() or (path.is_dir() and any(path.iterdir()))):
                problem = f"left no {path.name}"
        seconds = asyncio.get_running_loop().time() - began
        return StepState(name=step.name, seconds=seconds, exit_code=process.returncode, problem=problem)

    @staticmethod
    def _host(word: str, places: dict[str, str]) -> str:
        for target in sorted(places, key=len, reverse=True):
            if word == target or word.startswith(f"{target}/"):
                return places[target] + word[len(target) :]
        return word
