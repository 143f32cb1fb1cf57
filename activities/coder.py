"""The coder: implements a candidate's plan, and shows that it runs."""

from collections.abc import Sequence

from activities.assignment import Assignment, committed
from activities.tools.base import Tool
from activities.tools.bench import Bench
from activities.tools.checking import Checking
from activities.tools.files import Reading, Writing
from activities.tools.knowing import Knowing
from activities.tools.reporting import Reporting
from activities.tools.trees import candidate_tree
from schemas.role import CodeReport, CodeRequest, Role


def assignment(request: CodeRequest) -> Assignment[CodeReport]:
    def unable(why: str) -> CodeReport:
        return CodeReport(
            invocation=request.invocation, attempt=request.attempt, candidate=request.candidate, problem=why
        )

    def tools(bench: Bench) -> Sequence[Tool]:
        tree = candidate_tree(bench)
        return (
            *Reading(tree).tools(),
            *Writing(bench.worktree, tree).tools(),
            Knowing(bench).retrieve_tool(),
            Knowing(bench).profile_tool(),
            *Checking(bench).tools(),
            *Reporting(bench, request.attempt, unable).tools(Role.CODER),
        )

    return Assignment(request, request.candidate, (request.revision,), tools, unable, _settled)


async def _settled(bench: Bench, report: CodeReport) -> CodeReport:
    return report.model_copy(update={"revision": await committed(bench)})
