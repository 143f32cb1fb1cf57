"""`inspect_environment` and `install`: the setup agent's tools."""

import asyncio
from pathlib import Path

from activities.execution import environments
from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from schemas.tool import InspectEnvironment, Install, Installed


class SettingUp:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[Tool, ...]:
        inspect = "What candidates' code runs in: Python, packages with versions, cores, memory, devices, free disk."
        install = (
            "Adds packages to the candidates' environment, by requirement specifiers. It is a new layer, so what is "
            "there keeps its version."
        )
        return (
            Tool("inspect_environment", inspect, InspectEnvironment, self.inspect, reads_only=True),
            Tool("install", install, Install, self.install),
        )

    async def inspect(self, _given: InspectEnvironment, _call: Call) -> Done:
        bench = self._bench
        facts = await asyncio.to_thread(
            environments.facts,
            Path(bench.environment),
            devices_of_host=bench.devices,
            sandbox=bench.sandbox,
        )
        return Done(facts)

    async def install(self, given: Install, _call: Call) -> Done:
        """Idempotent: an environment is named by what is in it, and made once."""
        bench = self._bench
        before = Path(bench.environment)
        bench.doing.now(f"installs {', '.join(given.packages)}")
        after = await asyncio.to_thread(environments.extend, before, given.packages)
        had = set(environments.lock(before).splitlines())
        added = tuple(line for line in environments.lock(after).splitlines() if line not in had)
        bench.environment = str(after)
        return Done(Installed(environment=str(after), packages=added))
