"""The setup agent: what the run has to work with, for the others to know."""

from collections.abc import Sequence

from activities.assignment import Assignment
from activities.tools.base import Tool
from activities.tools.bench import Bench
from activities.tools.environment import SettingUp
from activities.tools.files import Writing
from activities.tools.knowing import Knowing
from activities.tools.reporting import Reporting
from activities.tools.roots import Joined
from schemas.role import Role, SetupReport, SetupRequest

NOTES = "SETUP.md"


def assignment(request: SetupRequest) -> Assignment[SetupReport]:
    def unable(why: str) -> SetupReport:
        return SetupReport(invocation=request.invocation, attempt=request.attempt, problem=why)

    def tools(bench: Bench) -> Sequence[Tool]:
        return (
            *SettingUp(bench).tools(),
            Knowing(bench).profile_tool(),
            Writing(bench.layout.folder, Joined(None, {}), only=(NOTES,)).write_tool(),
            *Reporting(bench, request.attempt, unable).tools(Role.SETUP),
        )

    return Assignment(request, candidate=None, start=(), tools=tools, unable=unable, settled=_as_it_is)


async def _as_it_is(_bench: Bench, report: SetupReport) -> SetupReport:
    return report
