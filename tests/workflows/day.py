"""A day of a run, played: reports as long as real ones, and roles that take their time on the run's own clock."""

import math
from collections import deque
from datetime import datetime
from typing import Any

from temporalio import activity

from activities.bookkeeping import ledger_of
from schemas.budget import Spend, Usage
from schemas.decision import Code, Decision, Design, Finish, Tune
from schemas.delivery import Published, PublishRequest
from schemas.event import LedgerEntry
from schemas.role import CodeReport, CodeRequest, DesignReport, DesignRequest, TuneReport, TuneRequest
from schemas.state import Board, Managed, ManageRequest
from tests.workflows.facts import trial
from tests.workflows.stage import Stage

SLOT = 7.0  # minutes; reports come in slots, so that which ones a turn handles does not hang on this machine's speed
APART = 0.2  # minutes between the candidates' reports of a slot: all come during the turn that the first one causes
TURN = 1.5
SENTENCES = "It trains in time and the curve still falls, so a longer schedule with a lower rate comes next. "
SPEND = Spend(
    usage=Usage(input_tokens=4_000, output_tokens=2_500, cache_write_5m_tokens=9_000, cache_read_tokens=180_000),
    dollars=0.31,
    model_calls=24,
    model_seconds=190.0,
)


def words(characters: int) -> str:
    return (SENTENCES * (characters // len(SENTENCES) + 1))[:characters]


def taken(name: str, request: Any, at: datetime) -> float:
    """Seconds that an activity of this day takes when it starts at that moment."""
    match request:
        case ManageRequest():
            return 60.0 * TURN
        case DesignRequest():
            return _seconds(1, request.candidate, at)
        case CodeRequest():
            return _seconds(2, request.candidate, at)
        case TuneRequest():
            return _seconds(1 + (request.candidate + 3 * request.card.tunes) % 5, request.candidate, at)
        case _:
            return 0.0


def _seconds(slots: int, candidate: int, at: datetime) -> float:
    began = at.timestamp() / 60.0
    end = math.ceil(began / SLOT + slots - 1) * SLOT + APART * candidate
    return 60.0 * (end - began)


class Day(Stage):
    """Each candidate is designed, coded, tuned and now and then mended, until so many invocations were made."""

    def __init__(self, invocations: int) -> None:
        super().__init__()
        self.asked = deque(maxlen=10)  # what a day asks for is not this process's to keep
        self.ledger: list[LedgerEntry] = []
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

    async def _publish(self, request: PublishRequest) -> Published:
        """Reads the ledger as the real one does: while its execution is at hand, and need not be replayed for it."""
        info = activity.info()
        assert info.workflow_id is not None, "publish is called by a workflow"
        execution = activity.client().get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
        self.ledger += await ledger_of(execution)
        return Published()

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
