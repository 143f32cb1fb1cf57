"""`inspect_environment`, `install` and `fetch_weights`: the setup agent's tools."""

import asyncio
from pathlib import Path

from activities.errors import ToolFailed
from activities.execution import conda, environments, machine, weights
from activities.execution.weights import Wanted
from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from activities.workspace import pretrained
from schemas.tool import Fetched, FetchWeights, InspectEnvironment, Install, Installed


class SettingUp:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[Tool, ...]:
        inspect = (
            "What candidates' code runs in: Python, packages with versions, cores, memory, devices, free disk, what "
            "one job gets of it; pretrained weights that this run has, and those at hand without a download."
        )
        install = (
            "Adds packages to the candidates' environment, by requirement specifiers, from wheels. It is a new layer, "
            "so what is there keeps its version. All packages of a call come, or none."
        )
        fetch = (
            "Fetches a pretrained model's files from the hub into this run: jobs that train see them read-only at the "
            f"`path` that is returned, below {pretrained.SEEN_AT}; inference does not. Takes safetensors where the "
            "model has them. A broken fetch goes on where it was when it is called again."
        )
        return (
            Tool("inspect_environment", inspect, InspectEnvironment, self.inspect, reads_only=True),
            Tool("install", install, Install, self.install),
            Tool("fetch_weights", fetch, FetchWeights, self.fetch),
        )

    async def inspect(self, _given: InspectEnvironment, _call: Call) -> Done:
        bench = self._bench
        facts = await asyncio.to_thread(
            machine.facts,
            Path(bench.environment),
            bench.home,
            devices_of_host=bench.devices,
            limits=bench.job_limits,
            network=bench.task.network,
            sandbox=bench.sandbox,
        )
        here = tuple(found.path for found in pretrained.of_run(bench.layout.weights))
        return Done(facts.model_copy(update={"weights": here}))

    async def install(self, given: Install, _call: Call) -> Done:
        """Idempotent: an environment is named by what is in it, and made once."""
        bench = self._bench
        before = Path(bench.environment)
        bench.doing.now(f"installs {', '.join(given.packages)} by {given.manager}")
        if given.manager == "conda":
            after = await asyncio.to_thread(environments.extend_by_conda, before, given.packages, given.channel)
        else:
            after = await asyncio.to_thread(environments.extend, before, given.packages)
        bench.environment = str(after)
        return Done(Installed(environment=str(after), packages=_added(before, after), **bench.left()))

    async def fetch(self, given: FetchWeights, _call: Call) -> Done:
        """Idempotent: a set is named by what is in it, and fetched once."""
        bench = self._bench
        asked = Wanted.of(given.name)
        wanted = Wanted(asked.name, given.revision or asked.revision, tuple(given.files))
        try:
            async with asyncio.timeout(bench.seconds(bench.limits.seconds_left)):
                found = await weights.fetch(bench.home, wanted, bench.doing.now)
        except TimeoutError:
            raise ToolFailed(
                f"time was over before {wanted.name} had come; what came is kept, and a later fetch goes on from there"
            ) from None
        return Done(await asyncio.to_thread(pretrained.link, bench.home, found, bench.layout.weights))


def fetched(bench: Bench) -> tuple[Fetched, ...]:
    """What this invocation fetched so far, each once."""
    results = [result for result in bench.done() if result.tool == "fetch_weights" and not result.is_error]
    found = [Fetched.model_validate_json(result.content) for result in results]
    return tuple({one.path: one for one in found}.values())


def _added(before: Path, after: Path) -> tuple[str, ...]:
    """What the new environment has and the old one had not, by name and version."""
    old, new = environments.lock(before), environments.lock(after)
    had = {*old.splitlines(), *conda.explicit(old)}
    wheels = [line for line in new.splitlines() if not line.startswith("#") and line not in had]
    return (*wheels, *(conda.named(url) for url in conda.explicit(new) if url not in had))
