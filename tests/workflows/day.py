"""A day of a run, played: reports as long as real ones, and trainings that take their time on the run's own clock."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from schemas.budget import Spend, Usage
from schemas.decision import Code, Decision, Design, Finish, Tune
from schemas.role import CodeReport, CodeRequest, DesignReport, DesignRequest, TuneReport, TuneRequest
from schemas.state import Board, Managed, ManageRequest
from tests.workflows.facts import trial
from tests.workflows.stage import Stage

MINUTES = 20  # of a training, and up to 18 more
PASSING = "time that a training takes"
SENTENCES = "It trains in time and the curve still falls, so a longer schedule with a lower rate comes next. "
SPEND = Spend(
    usage=Usage(input_tokens=4_000, output_tokens=2_500, cache_write_5m_tokens=9_000, cache_read_tokens=180_000),
    dollars=0.31,
    model_calls=24,
    model_seconds=190.0,
)


def words(characters: int) -> str:
    return (SENTENCES * (characters // len(SENTENCES) + 1))[:characters]


class TimePasses(Interceptor):
    """An activity that is under way keeps the server from skipping time: so what it would take passes after it.

    `seconds` says how much that is.
    """

    def __init__(self, seconds: Callable[[StartActivityInput], float] | None = None) -> None:
        self._seconds = seconds or of_training

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        seconds = self._seconds

        class Outbound(WorkflowOutboundInterceptor):
            def start_activity(self, input: StartActivityInput) -> Any:
                handle, passes = super().start_activity(input), seconds(input)
                return asyncio.create_task(_later(handle, passes)) if passes else handle

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound


def of_training(input: StartActivityInput) -> float:
    if input.activity != "tuner":
        return 0.0
    request: TuneRequest = input.args[0]
    return min(60.0 * (MINUTES + 3 * ((2 * request.candidate + 3 * request.card.tunes) % 7)), request.seconds)


async def _later(handle: Any, seconds: float) -> Any:
    report = await handle
    await workflow.sleep(timedelta(seconds=seconds), summary=PASSING)
    return report


class Day(Stage):
    """Each candidate is designed, coded, tuned and now and then mended, until so many invocations were made."""

    def __init__(self, invocations: int) -> None:
        super().__init__()
        self.asked = deque(maxlen=10)  # what a day asks for is not this process's to keep
        self._most = invocations

    async def _manager(self, request: ManageRequest) -> Managed:
        steps = self._steps(request.board)
        return Managed(
            invocation=request.invocation, decisions=steps, thought=words(500), spend=SPEND,
            tool_uses=tuple(f"toolu_{request.turn:04d}_{place:019d}" for place in range(len(steps))),
        )  # fmt: skip

    def _steps(self, board: Board) -> tuple[Decision, ...]:
        done = sum(one.designs + one.codes + one.tunes for one in board.candidates) + len(board.in_flight)
        room = min(board.slots, max(self._most - done, 0))
        busy = {flight.candidate for flight in board.in_flight}
        known = {one.number: one for one in board.candidates}
        steps: list[Decision] = []
        for number in range(1, board.max_candidates + 1):
            one = known.get(number)
            if number in busy:
                continue
            if one is None or not one.designs:
                steps.append(Design(candidate=number, brief=words(600)))
            elif one.codes <= one.tunes // 2:
                steps.append(Code(candidate=number, brief=words(700)))
            else:
                steps.append(Tune(candidate=number, minutes=45, brief=words(600)))
        if not room and not board.in_flight:
            return (Finish(why=words(300)),)
        return tuple(steps[:room])

    async def _designer(self, request: DesignRequest) -> DesignReport:
        return (await super()._designer(request)).model_copy(
            update={
                "summary": words(1_200), "approach": words(90), "family": "boosted trees", "spend": SPEND,
                "revision": f"{request.candidate:040x}",
            }
        )  # fmt: skip

    async def _coder(self, request: CodeRequest) -> CodeReport:
        return (await super()._coder(request)).model_copy(update={"summary": words(1_000), "spend": SPEND, "turns": 24})

    async def _tuner(self, request: TuneRequest) -> TuneReport:
        """A full training and three quick ones; its candidate gets slowly better."""
        jobs = [f"{request.invocation}.j{number}" for number in range(1, 5)]
        best = jobs[-1]
        self.scores = {
            **dict(list(self.scores.items())[-20:]),
            best: 1.0 / (1 + request.candidate + request.card.tunes),
        }
        trials = [trial(job, 0.9, 240.0, quick=True) for job in jobs[:-1]] + [trial(best, self.scores[best], 1_400.0)]
        return TuneReport(
            invocation=request.invocation, candidate=request.candidate, summary=words(1_200), best=best, spend=SPEND,
            trials=tuple(one.model_copy(update={"note": words(150), "revision": "f" * 40}) for one in trials),
        )  # fmt: skip
