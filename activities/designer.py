"""The designer: a candidate's strategy, first or revised, in its PLAN.md."""

from collections.abc import Sequence

from activities.assignment import Assignment, committed
from activities.tools.base import Tool
from activities.tools.bench import Bench
from activities.tools.files import Reading, Writing
from activities.tools.knowing import Knowing
from activities.tools.reporting import Reporting
from activities.tools.trees import candidate_tree
from schemas.role import DesignReport, DesignRequest, Role

PLAN = "PLAN.md"


def assignment(request: DesignRequest) -> Assignment[DesignReport]:
    """Starts from the candidate's revision, else from the first parent's; the others are drawn on."""

    def unable(why: str) -> DesignReport:
        return DesignReport(
            invocation=request.invocation, attempt=request.attempt, candidate=request.candidate, problem=why
        )

    def tools(bench: Bench) -> Sequence[Tool]:
        tree = candidate_tree(bench, dict(request.parents))
        return (
            *Reading(tree).tools(),
            Knowing(bench).profile_tool(),
            Knowing(bench).retrieve_tool(),
            Writing(bench.worktree, tree, only=(PLAN,)).write_tool(),
            *Reporting(bench, request.attempt, unable).tools(Role.DESIGNER),
        )

    own = (request.revision,) if request.revision else ()
    start = (*own, *(revision for _, revision in request.parents))
    return Assignment(request, request.candidate, start, tools, unable, _settled)


async def _settled(bench: Bench, report: DesignReport) -> DesignReport:
    return report.model_copy(update={"revision": await committed(bench)})
