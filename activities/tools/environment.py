"""`inspect_environment` and `install`: the setup agent's tools."""

from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from schemas.tool import InspectEnvironment, Install


class SettingUp:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[Tool, ...]:
        inspect = "What candidates' code runs in: Python, packages with versions, cores, memory, devices, free disk."
        install = (
            "Adds packages to the candidates' environment, by requirement specifiers. It is a new layer, so what is "
            "there keeps its version; a problem is told in words."
        )
        return (
            Tool("inspect_environment", inspect, InspectEnvironment, self.inspect, reads_only=True),
            Tool("install", install, Install, self.install),
        )

    async def inspect(self, _given: InspectEnvironment, _call: Call) -> Done: ...

    async def install(self, given: Install, _call: Call) -> Done: ...
