"""What operators see of a run in Temporal's UI: its current details, in Markdown, written when somebody looks."""

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.worker import (
    HandleQueryInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from schemas.candidate import Candidate
from schemas.state import RunState

METADATA = "__temporal_workflow_metadata"  # the query by which the UI asks for them


class Details(Interceptor):
    """Adds the details to what Temporal tells of a run: few look, and a run has thousands of events."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002 - the interceptor's signature
    ) -> type[WorkflowInboundInterceptor]:
        return _Looks


class _Looks(WorkflowInboundInterceptor):
    async def handle_query(self, input: HandleQueryInput) -> Any:
        answer = await super().handle_query(input)
        if input.query == METADATA:
            run: Any = workflow.instance()
            answer.current_details = details(run.state(), workflow.now())
        return answer


def details(state: RunState, now: datetime) -> str:
    """The run at a glance."""
    left = max((state.clock.deadline - now).total_seconds(), 0.0) / 60
    lines = [f"**{state.phase}** · {left:.0f} min left · {state.invocations} agent calls · {_money(state)}", ""]
    if state.paused:
        lines += [f"PAUSED by {state.paused}: {state.pause_why}", ""]
    if state.task:
        lines += [f"{state.task.name}: {state.task.metric.name}, {state.task.metric.direction} is better", ""]
    if state.candidates:
        lines += ["| candidate | approach | status | best | trials |", "|---|---|---|---|---|"]
        lines += [_row(candidate) for candidate in state.candidates.values()]
    flights = [f"- {flight.invocation}, until {flight.deadline:%H:%M:%S}" for flight in state.in_flight.values()]
    return "\n".join([*lines, "", *flights])


def _row(candidate: Candidate) -> str:
    score = candidate.best.score if candidate.best else None
    value = f"{score.value:.5g} [{score.low:.5g}, {score.high:.5g}]" if score else ""
    return f"| {candidate.number} | {candidate.approach} | {candidate.status} | {value} | {candidate.trials} |"


def _money(state: RunState) -> str:
    spend, most = state.spend, state.budget
    dollars = "cost unknown" if spend.dollars is None else f"${spend.dollars:.2f}"
    if most.dollars is not None:
        dollars += f" of ${most.dollars:.2f}"
    tokens = f"{spend.usage.tokens:,} tokens" if spend.usage.tokens or most.tokens is not None else ""
    if most.tokens is not None:
        tokens += f" of {most.tokens:,}"
    return " · ".join(part for part in (dollars, tokens) if part)
