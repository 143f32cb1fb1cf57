"""The aggregator: selects one training or blends several, in a repository of its own, and trains nothing."""

from collections.abc import Sequence

from activities.assignment import Assignment, committed
from activities.tools.base import Tool
from activities.tools.bench import Bench
from activities.tools.evaluating import Evaluating
from activities.tools.files import Reading, Writing
from activities.tools.knowing import Knowing
from activities.tools.reporting import Reporting
from activities.tools.trees import overview
from schemas.role import AggregateReport, AggregateRequest, Role

NUMBER = 0  # of the aggregator's own repository


def assignment(request: AggregateRequest) -> Assignment[AggregateReport]:
    revisions = {one.number: one.revision for one in request.candidates if one.revision is not None}

    def unable(why: str) -> AggregateReport:
        return AggregateReport(invocation=request.invocation, attempt=request.attempt, problem=why)

    def tools(bench: Bench) -> Sequence[Tool]:
        tree = overview(bench, revisions)
        return (
            *Reading(tree).tools(),
            Writing(bench.worktree, tree).write_tool(),
            Knowing(bench).retrieve_tool(),
            *Evaluating(bench).tools(),
            *Reporting(bench, request.attempt, unable).tools(Role.AGGREGATOR),
        )

    return Assignment(request, NUMBER, (), tools, unable, _settled)


async def _settled(bench: Bench, report: AggregateReport) -> AggregateReport:
    looks = sum(result.tool == "evaluate" and not result.is_error for result in bench.done())
    return report.model_copy(update={"revision": await committed(bench), "looks": looks})
