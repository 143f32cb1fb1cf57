"""The setup agent: what the run has to work with, for the others to know; later what a candidate's design asks for."""

import asyncio
from collections.abc import Sequence

from activities.assignment import Assignment
from activities.tools.base import Tool
from activities.tools.bench import Bench
from activities.tools.environment import SettingUp, fetched
from activities.tools.files import Writing
from activities.tools.knowing import Knowing
from activities.tools.reporting import Reporting
from activities.tools.roots import Joined
from activities.workspace import notes
from schemas.role import Role, SetupReport, SetupRequest
from schemas.tool import Fetched

NOTES = "SETUP.md"


def assignment(request: SetupRequest) -> Assignment[SetupReport]:
    def unable(why: str) -> SetupReport:
        return SetupReport(invocation=request.invocation, attempt=request.attempt, problem=why)

    def tools(bench: Bench) -> Sequence[Tool]:
        """Nothing here reads the data: what is known of it is its profile."""
        if asked_for(request):
            notes.begin(bench.layout.setup_notes)
        return (
            *SettingUp(bench).tools(),
            *(() if asked_for(request) else _first(bench)),
            *Reporting(bench, request.attempt, unable).tools(Role.SETUP),
        )

    async def settled(bench: Bench, report: SetupReport) -> SetupReport:
        found = fetched(bench)
        done = report.model_copy(update={"weights": tuple(one.weights for one in found)})
        await asyncio.to_thread(_note, bench, request, done, found)
        return done

    return Assignment(request, candidate=None, start=(), tools=tools, unable=unable, settled=settled)


def asked_for(request: SetupRequest) -> bool:
    """True if a design asks for more, False for the run's first setup."""
    return bool(request.weights or request.packages)


def _first(bench: Bench) -> tuple[Tool, ...]:
    writing = Writing(bench.layout.folder, Joined(None, {}), only=(NOTES,))
    return Knowing(bench).profile_tool(), writing.write_tool()


def _note(bench: Bench, request: SetupRequest, report: SetupReport, found: tuple[Fetched, ...]) -> None:
    """What came is noted by rules: several candidates may ask at once, and none may lose what another wrote."""
    on_weights = notes.on_weights(found) if found else ""
    if not asked_for(request):
        if found:
            notes.add(bench.layout.setup_notes, "Pretrained weights", on_weights)
        return
    heading = f"Added for candidate {request.candidate} ({request.invocation})"
    installed = f"Installed: {', '.join(report.installed) or 'nothing'}.\n"
    text = f"{report.summary}\n\n{installed}\n{on_weights}"
    notes.add(bench.layout.setup_notes, heading, text)
