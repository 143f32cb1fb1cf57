"""What the role modules say of an invocation, and how it is carried out: one conversation, journaled, to a report."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from temporalio import activity

from activities.agent import prompting
from activities.agent.doing import Doing
from activities.agent.journal import FileJournal, last_tree, opening
from activities.agent.journaled import Journaled
from activities.agent.limits import LimitReached, Limits, utc_now
from activities.agent.live import Live
from activities.agent.loop import converse
from activities.agent.outages import Backoff, Mind, Outages
from activities.agent.purse import Purse
from activities.agent.records import Ended, Result, fell_back, spent
from activities.agent.searching import searches
from activities.errors import Impossible
from activities.execution.base import Jobs
from activities.fence import Fence, fenced, numbers
from activities.models.base import Model
from activities.models.prices import FREE
from activities.tools.base import Tool, Toolbox
from activities.tools.bench import Bench
from activities.tools.reporting import installs
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository
from schemas.budget import Money
from schemas.job import Limits as JobLimits
from schemas.role import AnyRequest, ModelChoice, Report, Role

R = TypeVar("R", bound=Report)

SEARCHES = 8  # of the web, in one call of a model

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Equipment:
    """What the host gives an attempt. `purse` is None for a model that is free."""

    model: Model
    jobs: Jobs
    job_limits: JobLimits
    home: Path
    devices: tuple[str, ...]
    sandbox: str
    doing: Doing
    fallback: Model | None = None
    purse: Purse | None = None
    room: Callable[[], None] | None = None  # raises LittleDisk
    outages: Outages = field(default_factory=Outages)
    backoff: Backoff = field(default_factory=Backoff)

    def money(self) -> Money | None:
        """What agents may still spend; None where that is not counted."""
        if self.purse is None:
            return None
        left = self.purse.left()
        return Money(dollars=left.dollars, tokens=left.tokens)

    def minds(self, choice: ModelChoice) -> tuple[Mind, ...]:
        """The chosen model, and the one to fall back on."""
        chosen = Mind(choice.name, self.model)
        if choice.fallback is None or self.fallback is None:
            return (chosen,)
        return chosen, Mind(choice.fallback, self.fallback)


@dataclass(frozen=True)
class Assignment(Generic[R]):
    """One role's invocation: `candidate` is None where it has no repository, `start` what its repository begins with.

    The first of `start` is checked out; all are parents of what is committed. `unable` makes the report of what could
    not be done, and `settled` completes a report with what the repository came to.
    """

    request: AnyRequest
    candidate: int | None
    start: tuple[str, ...]
    tools: Callable[[Bench], Sequence[Tool]]
    unable: Callable[[str], R]
    settled: Callable[[Bench, R], Awaitable[R]]
    cut_short: Callable[[Bench, str], R] | None = None  # what is reported where the conversation could not go on


async def carry_out(assignment: Assignment[R], equipment: Equipment) -> R:
    """The invocation's report. What older attempts did is taken over; what they had not finished is done again."""
    request = assignment.request
    layout = Layout.of(request.run)
    rendered = prompting.system(request)
    journal = await FileJournal.open(
        layout.journals(request.invocation),
        request.attempt,
        prompting.opening(request),
        now=utc_now,
        prompts=prompting.digest(rendered),
    )
    try:
        bench = await _bench(assignment, equipment, journal)
        agent = Journaled(_live(assignment, equipment, bench, rendered), journal)
        report = await _report(assignment, bench, agent, journal)
        report = report.model_copy(
            update={
                "attempt": request.attempt,
                "spend": spent(journal.records),
                "turns": agent.replies,
                "fell_back": fell_back(journal.records),
                "searches": searches(journal.records),
            }
        )
        await journal.append(Ended(at=bench.limits.now(), report=report.model_dump(mode="json")))
    finally:
        journal.close()
        if equipment.purse is not None:
            equipment.purse.close(request.invocation, request.attempt)
    _remove_worktrees(layout, request.invocation, request.attempt)
    return report


async def _report(assignment: Assignment[R], bench: Bench, agent: Journaled, journal: FileJournal) -> R:
    try:
        results = await converse(agent, [opening(journal.records)])
        report = _given(assignment, results)
    except (Impossible, LimitReached) as end:
        why = str(end)[:8_000]
        report = assignment.cut_short(bench, why) if assignment.cut_short else assignment.unable(why)
    except asyncio.CancelledError:
        if not _called_off():
            raise
        await bench.stop_jobs()
        shown = _called_in(assignment, bench)
        if shown is None:
            raise
        report = shown
    if report.problem is not None:
        _log.info("could not be done", why=report.problem[:200])
        return report
    return await assignment.settled(bench, report)


def _called_in(assignment: Assignment[R], bench: Bench) -> R | None:
    """What an invocation that is called off has to show: its finished trainings count, whoever ends it."""
    if assignment.cut_short is None:
        return None
    report = assignment.cut_short(bench, "it was called off")
    if report.problem is not None:
        return None
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()  # the report is made in what follows
    return report


def _given(assignment: Assignment[R], results: Sequence[Result]) -> R:
    """The report that a tool made, of the type that this role gives."""
    report = next(result.report for result in results if result.report is not None)
    expected = type(assignment.unable(""))
    if not isinstance(report, expected):
        raise TypeError(f"{assignment.request.invocation} reported {type(report).__name__}, not {expected.__name__}")
    return report


async def _bench(assignment: Assignment[R], equipment: Equipment, journal: FileJournal) -> Bench:
    """The repository as the last complete result left it, in a working tree of this attempt's own."""
    request = assignment.request
    layout = Layout.of(request.run)
    repository = Repository(layout.git_dir)
    bench = Bench(
        layout=layout,
        task=request.task,
        invocation=request.invocation,
        candidate=assignment.candidate,
        environment=request.environment,
        jobs=equipment.jobs,
        repository=repository,
        worktree=layout.worktree(request.invocation, request.attempt),
        parents=assignment.start,
        limits=Limits(deadline=request.deadline, max_turns=request.max_turns, held=layout.held, room=equipment.room),
        doing=equipment.doing,
        done=lambda: [record for record in journal.records if isinstance(record, Result)],
        training_seconds=request.training_seconds,
        job_limits=equipment.job_limits,
        home=equipment.home,
        devices=equipment.devices,
        sandbox=equipment.sandbox,
        money=equipment.money,
        attempt=request.attempt,
    )
    installed = [done.environment for done in installs(bench) if done.problem is None]
    bench.environment = installed[-1] if installed else request.environment
    if assignment.candidate is not None:
        with _fence(bench, assignment.candidate):  # from here on nothing that was cut off before shows its work
            await repository.init()
            start = assignment.start[0] if assignment.start else await repository.empty()
            await repository.checkout(last_tree(journal.records) or start, bench.worktree)
    return bench


def _live(assignment: Assignment[R], equipment: Equipment, bench: Bench, system: str) -> Live:
    async def no_tree() -> None:
        return None

    request, toolbox = assignment.request, Toolbox(assignment.tools(bench))
    searching = request.web and request.role is Role.DESIGNER and request.model.name not in FREE
    return Live(
        invocation=request.invocation,
        attempt=request.attempt,
        minds=equipment.minds(request.model),
        effort=request.model.effort,
        web_searches=SEARCHES if searching else 0,
        cache="1h" if request.role is Role.TUNER else "5m",
        context_tokens=request.context_tokens,
        readable=assignment.candidate is not None and toolbox.has("read_file"),
        purse=equipment.purse,
        outages=equipment.outages,
        backoff=equipment.backoff,
        system=system,
        toolbox=toolbox,
        limits=bench.limits,
        doing=equipment.doing,
        snapshot=no_tree if assignment.candidate is None else bench.tree,
    )


async def committed(bench: Bench) -> str:
    """The revision that the repository came to; people see it at once."""
    tree = await bench.tree()
    number = bench.candidate or 0
    if len(bench.parents) == 1 and await bench.repository.tree_of(bench.parents[0]) == tree:
        revision = bench.parents[0]
    else:
        revision = await bench.repository.commit(tree, bench.parents, bench.invocation)
    await publish(bench, number, revision)
    return revision


async def publish(bench: Bench, number: int, revision: str) -> None:
    """Points the candidate's ref, and the folder for people, to a revision. Raises Superseded."""
    with _fence(bench, number) as fence:
        await bench.repository.name(number, revision, fence.check)
        made = fence.draft()
        await bench.repository.checkout(revision, made)
        fence.put(made, bench.layout.repository(number))


def _fence(bench: Bench, number: int) -> AbstractContextManager[Fence]:
    """Among all that work on a candidate's repository: a later invocation, or attempt, has the higher numbers."""
    return fenced(bench.layout.fence(f"candidate-{number}"), *numbers(bench.invocation), bench.attempt)


def _called_off() -> bool:
    """True if the workflow cancelled; a worker that shuts down, or a lost attempt, leaves its jobs to the next one."""
    details = activity.cancellation_details() if activity.in_activity() else None
    return details is not None and details.cancel_requested and not details.worker_shutdown


def _remove_worktrees(layout: Layout, invocation: str, attempt: int) -> None:
    """This attempt's and the older ones'. A later one has its own: this attempt may be one that was cut off."""
    for number in range(1, attempt + 1):
        shutil.rmtree(layout.worktree(invocation, number), ignore_errors=True)
