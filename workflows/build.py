"""The workflow of one AI-building run: phases, people's updates, queries, and going on in new executions."""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Literal, get_args

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from schemas.delivery import HoldRequest, PrepareRequest, PublishRequest, ReleaseRequest
from schemas.event import (
    CandidateDiscarded,
    Continued,
    LedgerEntry,
    PersonSteered,
    PhaseEntered,
    RunEnded,
    RunExtended,
    RunPaused,
    RunPrepared,
    RunResumed,
    RunStarted,
    StopRequested,
)
from schemas.person import Extension, Stop
from schemas.role import Caps
from schemas.state import Build, RunState
from workflows import limits, money, room
from workflows.attempts import ONCE, Attempts, GivenUp
from workflows.calls import HOLD, PREPARE, PUBLISH, RELEASE
from workflows.delivering import Delivery
from workflows.exploring import Explorer
from workflows.invocations import Invocations
from workflows.policy import policy_for
from workflows.record import Record

PAGE_BYTES = 256_000  # of one answer to the ledger query
Ending = Literal["DONE", "STOPPED", "FAILED"]
LINGER = timedelta(seconds=60)  # for the last look at jobs that still run


@workflow.defn(name="Build")
class BuildWorkflow:
    """One run, over all its executions. Its history is the record of what was decided."""

    @workflow.init
    def __init__(self, build: Build) -> None:
        carried = build.carried
        clock = limits.first_clock(workflow.info().start_time, build.budget, build.settings.reserve)
        self._record = Record(carried or RunStarted(spec=build.spec, clock=clock))
        self._attempts = Attempts(self._record)
        self._invocations = Invocations(self._record, self._attempts)
        self._held = bool(carried and carried.state.paused)
        self._told = money.whole(self._record.state.budget)  # agents at work know of so much
        self._epoch = build.epoch
        self._main: asyncio.Task[tuple[Ending | None, str]] | None = None

    @workflow.run
    async def run(self, build: Build) -> RunState:
        self._record.searched.show(None, self._record.state)
        beside = [asyncio.create_task(work) for work in (self._hold(), room.watch(self._record))]
        self._main = asyncio.create_task(self._phases(prepared=build.carried is not None))
        try:
            # shielded, so that a cancelled workflow still lands what is in flight
            phase, why = await asyncio.shield(self._main)
        except asyncio.CancelledError:
            phase, why = "STOPPED", await self._cut()
        for task in beside:
            task.cancel()
        if phase is None:
            await self._continue()
        else:
            await self._to_its_end(self._end(phase, why))
        return self._record.state

    async def _phases(self, *, prepared: bool) -> tuple[Ending | None, str]:
        """How the run ends, and why; None if a new execution is to go on."""
        if not prepared:
            problem = await self._prepare()
            if problem is not None:
                return ("STOPPED" if self._record.state.stop == "now" else "FAILED"), problem
        explorer = Explorer(self._record, policy_for(self._record, self._attempts), self._invocations)
        why = await explorer.run()
        if not why:
            return None, ""
        if self._record.state.stop == "now":
            return "STOPPED", why
        self._record.add(PhaseEntered(phase="AGGREGATING", why=why))
        problem = await Delivery(self._record, self._attempts, self._invocations).run()
        if self._record.state.stop is not None:
            return "STOPPED", self._record.state.why or "a person stopped the run"
        return ("DONE", "delivered and verified") if problem is None else ("FAILED", problem)

    async def _cut(self) -> str:
        """The main line was cancelled, by a person's stop or from Temporal's side."""
        if self._record.state.stop != "now":
            if workflow.cancellation_reason() is None:
                raise asyncio.CancelledError  # a worker, or a replay, forgets the instance: nothing happened to the run
            self._record.add(StopRequested(why="the workflow was cancelled"))
        if self._main is not None:
            self._main.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._main
        return self._record.state.why or "a person stopped the run"

    async def _to_its_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Also where the workflow is cancelled meanwhile: a run that ends says so, and leaves nothing behind."""
        ending = asyncio.create_task(work)
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                if workflow.cancellation_reason() is None:
                    raise  # a worker, or a replay, forgets the instance
        ending.result()

    async def _prepare(self) -> str | None:
        spec = self._record.state.spec
        request = PrepareRequest(run=spec.run, seed=spec.settings.seed, sandbox=spec.settings.sandbox)
        try:
            prepared = await self._attempts.run(PREPARE, request, invocation="prepare", summary="prepare the data")
        except GivenUp as error:
            return f"the task could not be prepared: {error.why}"
        self._record.add(RunPrepared(prepared=prepared), tell=True)
        if self._record.state.stop is None:
            await self._invocations.setup(limits.explore_until(self._record.state))
        self._record.add(PhaseEntered(phase="EXPLORING"))
        return None

    async def _continue(self) -> None:
        """A new execution takes over, with the state and nothing in flight."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        epoch = self._record.state.spec.epoch + 1
        self._record.add(Continued(epoch=epoch))
        await self._publish(report=False)
        spec = self._record.state.spec
        workflow.continue_as_new(Build(**spec.model_dump(), carried=self._record.carried()))

    async def _end(self, phase: Ending, why: str) -> None:
        self._invocations.cancel()
        await self._invocations.landed()
        spec = self._record.state.spec
        request = ReleaseRequest(run=spec.run, sandbox=self._record.state.sandbox)
        try:
            released = await self._attempts.run(
                RELEASE, request, invocation="release", summary="stop what still runs", until=workflow.now() + LINGER
            )
            why += f"; stopped jobs: {', '.join(released.stopped)}" if released.stopped else ""
        except GivenUp as error:
            why += f"; whether jobs still run is unknown: {error.why}"
        self._record.add(RunEnded(phase=phase, why=why[:8_000]))
        await self._publish(report=True)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _publish(self, *, report: bool) -> None:
        """Writes ledger and history, and again if something happened meanwhile: the files end where the run does."""
        spec, number, written = self._record.state.spec, 0, -1
        while written != self._record.state.seq:
            written, number = self._record.state.seq, number + 1
            request = PublishRequest(run=spec.run, epoch=self._epoch, report=report)
            name = f"publish.{spec.epoch}" + (f".{number}" if number > 1 else "")
            try:
                await self._attempts.run(PUBLISH, request, invocation=name, summary="ledger and reports")
            except GivenUp as error:
                workflow.logger.error("ledger and reports were not written", extra={"why": error.why})
                return

    async def _hold(self) -> None:
        """Tells agents at work to hold while the run is paused, to go on after, and of money that a person gave."""
        while True:
            await workflow.wait_condition(self._something_to_tell)
            state, budget = self._record.state, money.whole(self._record.state.budget)
            caps = money.caps_now(state) if budget != self._told else Caps()
            request = HoldRequest(
                run=state.spec.run, held=bool(state.paused), seq=state.seq, why=state.pause_why, caps=caps
            )
            try:
                await workflow.execute_activity(
                    HOLD.name,
                    request,
                    activity_id=f"hold.{state.seq}",
                    summary="hold" if request.held else "go on",
                    start_to_close_timeout=HOLD.cap,
                    heartbeat_timeout=HOLD.heartbeat,
                    retry_policy=ONCE,
                )
                self._held, self._told = request.held, budget
            except ActivityError as error:  # a mark that is missing delays a pause, and one that is left stops agents
                workflow.logger.warning("agents were not told", extra={"error": str(error)})
                await workflow.sleep(5, summary="before agents are told again")

    def _something_to_tell(self) -> bool:
        state = self._record.state
        return bool(state.paused) != self._held or money.whole(state.budget) != self._told

    # --- what people do: each appends an event and returns ------------------------------------------------------

    @workflow.update(description="A note to the manager, read at its next turn")
    def steer(self, note: str) -> None:
        self._record.add(PersonSteered(note=note), tell=True)

    @steer.validator
    def _check_steer(self, note: str) -> None:
        self._alive()
        if not 0 < len(note.strip()) <= 8_000:
            raise ApplicationError("a note has 1 to 8,000 characters", type="BadInput")

    @workflow.update(description="Admit nothing new; agents hold before their next turn, jobs finish")
    def pause(self, why: str = "") -> None:
        self._record.add(RunPaused(by="person", why=why))

    @pause.validator
    def _check_pause(self, why: str = "") -> None:
        self._alive()
        if self._record.state.paused == "person":
            raise ApplicationError("the run is paused already", type="BadInput")
        if len(why) > 8_000:
            raise ApplicationError("a reason has at most 8,000 characters", type="BadInput")

    @workflow.update(description="Go on after a pause")
    def resume(self) -> None:
        self._record.add(RunResumed(), tell=True)

    @resume.validator
    def _check_resume(self) -> None:
        self._alive()
        if not self._record.state.paused:
            raise ApplicationError("the run is not paused", type="BadInput")

    @workflow.update(description="More time, money, tokens or agent calls")
    def extend(self, more: Extension) -> None:
        state = self._record.state
        clock, longer = state.clock, timedelta(minutes=more.minutes)
        budget = state.budget
        self._record.add(
            RunExtended(
                clock=clock.model_copy(
                    update={"explore_until": clock.explore_until + longer, "deadline": clock.deadline + longer}
                ),
                budget=budget.model_copy(
                    update={
                        "seconds": budget.seconds + more.minutes * 60,
                        "dollars": None if budget.dollars is None else budget.dollars + more.dollars,
                        "tokens": None if budget.tokens is None else budget.tokens + more.tokens,
                        "agent_calls": None if budget.agent_calls is None else budget.agent_calls + more.agent_calls,
                    }
                ),
            ),
            tell=True,
        )

    @extend.validator
    def _check_extend(self, more: Extension) -> None:
        self._alive()
        if not (more.minutes or more.dollars or more.tokens or more.agent_calls):
            raise ApplicationError("give minutes, dollars, tokens or agent calls to extend by", type="BadInput")
        budget = self._record.state.budget
        asked = [name for name in ("dollars", "tokens", "agent_calls") if getattr(more, name)]
        if without := [name.replace("_", " ") for name in asked if getattr(budget, name) is None]:
            raise ApplicationError(f"the run has no limit of {' and '.join(without)} to extend", type="BadInput")
        if more.minutes and self._record.state.phase not in ("PREPARING", "EXPLORING"):
            raise ApplicationError(f"the run is {self._record.state.phase}; more time helps no more", type="BadInput")

    @workflow.update(description="Stop working on a candidate; its results stay")
    def discard(self, candidate: int, why: str = "") -> None:
        self._record.add(CandidateDiscarded(candidate=candidate, why=why, by="person"), tell=True)
        self._invocations.cancel(candidate)

    @discard.validator
    def _check_discard(self, candidate: int, why: str = "") -> None:
        self._alive()
        state = self._record.state
        if len(why) > 8_000:
            raise ApplicationError("a reason has at most 8,000 characters", type="BadInput")
        if candidate not in state.candidates or state.candidates[candidate].status == "discarded":
            standing = [str(c.number) for c in state.candidates.values() if c.status != "discarded"]
            raise ApplicationError(
                f"there is no candidate {candidate}; there are: {', '.join(standing) or 'none'}", type="BadInput"
            )

    @workflow.update(description="End the run, at once or with what is trained delivered")
    def stop(self, how: Stop) -> None:
        self._record.add(StopRequested(deliver=how.deliver, why=how.why))
        if not how.deliver and self._main is not None:
            self._main.cancel()

    @stop.validator
    def _check_stop(self, how: Stop) -> None:  # noqa: ARG002 - a validator has its update's arguments
        self._alive()
        if self._record.state.stop == "now":
            raise ApplicationError("the run is being stopped already", type="BadInput")

    def _alive(self) -> None:
        phase = self._record.state.phase
        if phase in get_args(Ending):
            raise ApplicationError(f"the run is over: {phase}", type="BadInput")

    # --- what people and programs read --------------------------------------------------------------------------

    @workflow.query(description="The state, folded from the ledger")
    def state(self) -> RunState:
        return self._record.state

    @workflow.query(description="Entries of this execution after the given number, a page at a time")
    def ledger(self, after: int = 0) -> list[LedgerEntry]:
        page: list[LedgerEntry] = []
        size = 0
        for entry in self._record.entries:
            if entry.seq <= after:
                continue
            size += len(entry.model_dump_json())
            if page and size > PAGE_BYTES:
                break
            page.append(entry)
        return page

    @property
    def entries(self) -> list[LedgerEntry]:
        """This execution's part of the ledger, for replay."""
        return self._record.entries
