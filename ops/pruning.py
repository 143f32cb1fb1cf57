"""What ended runs left on disk, and what of it can go: nothing of a run that is not over, or cannot be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import BadInput
from activities.execution import environments
from activities.execution.durable import try_lock
from activities.execution.jobs import LocalJobs
from activities.workspace import pretrained
from activities.workspace.layout import Layout
from ops import runs
from ops.errors import CommandFailed
from ops.removing import freed, remove
from ops.settings import Settings
from schemas.base import Record
from schemas.event import InvocationReported, RunPrepared
from schemas.role import SetupReport
from schemas.run import RunSpec

BLOCK = "environments and weights that runs share"
WANTED = "it is being made, or a run has begun that may want it"


@dataclass(frozen=True)
class Choice:
    """Which ended runs: all, or those named, that ended so long ago, that are not among the newest so many."""

    names: tuple[str, ...] = ()
    older_than: timedelta | None = None
    newest: int = 0
    everything: bool = False  # their output and record too


class Gone(Record):
    """What was removed, or would be, and the bytes of disk that it gives back."""

    name: str
    bytes: int


class Kept(Record):
    name: str
    why: str


class Pruned(Record):
    dry_run: bool
    runs: tuple[Gone, ...]
    shared: tuple[Gone, ...]
    kept: tuple[Kept, ...]  # what was asked for, or stands in the way
    problems: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in (*self.runs, *self.shared))


async def prune(settings: Settings, client: Client | None, choice: Choice, *, dry_run: bool) -> Pruned:
    """Removes what the chosen runs left, and what no run needs any more of what they shared."""
    local = runs.local_runs(settings)
    found = {name: await _over(settings, client, name) for name in local}
    over = {name: when for name, when in found.items() if isinstance(when, datetime)}
    chosen = _chosen(choice, over, local)
    named = [name for name in local if _named(name, choice)]
    kept = [Kept(name=name, why=why) for name, why in found.items() if isinstance(why, str) and name in named]
    left = {name: _left(settings, name, everything=choice.everything) for name in chosen}
    left = {name: paths for name, paths in left.items() if paths}
    blocked = [name for name, why in found.items() if isinstance(why, str)]
    if blocked:
        kept.append(Kept(name=BLOCK, why=f"not all runs are over: {', '.join(blocked[:5])}"))
        shared = []
    else:
        shared = _shared(settings, [name for name in local if not (choice.everything and name in chosen)], set(left))
    sizes = freed([*left.values(), *([path] for path in shared)])
    plan = Pruned(
        dry_run=dry_run,
        runs=tuple(Gone(name=name, bytes=size) for name, size in zip(left, sizes, strict=False)),
        shared=tuple(
            Gone(name=str(path.relative_to(settings.home)), bytes=size)
            for path, size in zip(shared, sizes[len(left) :], strict=True)
        ),
        kept=tuple(kept),
    )
    gone = dict(zip(shared, plan.shared, strict=True))
    return plan if dry_run else await _carried_out(settings, plan, left, gone, local)


def _named(name: str, choice: Choice) -> bool:
    return not choice.names or any(name.startswith(asked) for asked in choice.names)


def _chosen(choice: Choice, over: dict[str, datetime], local: Sequence[str]) -> list[str]:
    for asked in choice.names:
        fitting = [name for name in local if name.startswith(asked)]
        if not fitting:
            raise BadInput(f"there is no run {asked!r} in this home folder: `aibuildai list` shows them")
        if len(fitting) > 1 and asked not in fitting:
            raise BadInput(f"{asked!r} begins {len(fitting)} runs, write more of it: {', '.join(sorted(fitting)[:8])}")
    newest = sorted(over, key=lambda name: over[name], reverse=True)[: choice.newest]
    latest = datetime.now(UTC) - (choice.older_than or timedelta(0))
    return [name for name, ended in over.items() if _named(name, choice) and name not in newest and ended <= latest]


async def _over(settings: Settings, client: Client | None, run: str) -> datetime | str:
    """When the run ended, or why it is not to be touched."""
    where = runs.layout(settings, run)
    try:
        owner = RunSpec.model_validate_json(where.spec.read_bytes()).run.id
        ended = runs.ended(settings, run)
    except (CommandFailed, OSError, ValueError) as error:
        return f"it cannot be read: {error}"
    if owner != run:
        return f"{where.folder} is the folder of {owner}"
    closed = None if client is None else await _closed(client, run)
    when = closed or (ended.ended if ended is not None else None)
    if when is None:
        return "no server answers, and by its files it is not over" if client is None else "it is not over by its files"
    if isinstance(when, str):
        return when
    try:
        jobs = _jobs(settings, run).supervised()
    except ValueError as error:
        return f"its jobs cannot be read: {error}"
    # what the server has closed has nobody who waits for a job, even if it was terminated without a word
    return f"its jobs still run: {', '.join(jobs)}" if jobs and closed is None else when


def _jobs(settings: Settings, run: str) -> LocalJobs:
    return LocalJobs(folder=runs.layout(settings, run).jobs, home=settings.home, devices=())


async def _closed(client: Client, run: str) -> datetime | str | None:
    """When its last execution closed, or why that is not known; None if the server does not know it (any more)."""
    try:
        found = await runs.handle(client, run).describe()
    except RPCError as error:
        return None if error.status == RPCStatusCode.NOT_FOUND else f"it cannot be asked: {error.message}"
    except ValueError:  # a status that the SDK has no name for, such as of a workflow that was paused from outside
        return "it is under way"
    if found.status in (None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
        return "it is under way"
    return found.close_time


def _left(settings: Settings, run: str, *, everything: bool) -> list[Path]:
    """Paths of the run that can go, at their real place: a run in another playground is a link in the home folder."""
    where = runs.layout(settings, run)
    if everything:
        return [where.folder]
    kept = {where.spec, where.settled, where.task, where.ledger, where.histories, where.output, where.pruned}
    return sorted(path for path in where.folder.iterdir() if path not in kept)


async def _carried_out(
    settings: Settings, plan: Pruned, left: dict[str, list[Path]], shared: dict[Path, Gone], known: Sequence[str]
) -> Pruned:
    """Stops and removes what was planned. What runs share goes only while no run has begun that is not `known`."""
    problems: list[str] = []
    stuck: set[str] = set()
    for name, paths in left.items():
        try:
            await _jobs(settings, name).stop_all()
        except (OSError, RuntimeError, ValueError) as error:
            stuck.add(name)
            problems.append(f"{name} is kept: its jobs could not be stopped: {error}")
        else:
            problems += _removed(settings, name, paths)
    gone, kept = [], list(plan.kept)
    for path, one in shared.items():
        try:
            taken = None if stuck else _taken(settings, path, known)
        except OSError as error:  # such as another command that removes it, too
            problems.append(f"{path} could not be removed: {error.strerror}")
            continue
        if taken is None:
            kept.append(Kept(name=one.name, why=WANTED))
            continue
        gone.append(one)
        problems += remove([taken])
    runs_gone = tuple(one for one in plan.runs if one.name not in stuck)
    return plan.model_copy(
        update={"runs": runs_gone, "shared": tuple(gone), "kept": tuple(kept), "problems": tuple(problems)}
    )


def _removed(settings: Settings, run: str, paths: list[Path]) -> list[str]:
    where, link = runs.layout(settings, run), settings.runs / run
    where.pruned.touch()
    problems = remove(paths)
    if link.is_symlink() and where.folder in paths:
        link.unlink()
    return problems


def _taken(settings: Settings, path: Path, known: Sequence[str]) -> Path | None:
    """The path under a name that nobody asks for: half of it gone, it must not pass for whole. None if it is wanted.

    Its lock is that of who makes it; a run is listed before any work for it begins.
    """
    lock = try_lock(path.with_name(f"{path.name.lstrip('.').partition('.')[0]}.lock"))
    if lock is None:
        return None
    try:
        if not set(runs.local_runs(settings)) <= set(known):
            return None
        return path if path.name.startswith(".") else path.rename(path.with_name(f".{path.name}.gone"))
    finally:
        lock.release()


def _shared(settings: Settings, remaining: Sequence[str], pruned: set[str]) -> list[Path]:
    """Environments, weights and drafts that no remaining run needs. The environment that all begin with stays."""
    layouts = {name: runs.layout(settings, name) for name in remaining}
    needed = {environments.made_base(settings.home)} | {path for one in layouts.values() for path in _environments(one)}
    digests = {
        found.weights.digest
        for name, where in layouts.items()
        if name not in pruned and where.weights.is_dir()
        for found in pretrained.of_run(where.weights)
    }
    made, cache = settings.home / "environments", settings.home / "weights"
    return [
        *(path for path in _folders(made) if path not in needed and path.name != environments.MEMORY),
        *(path for path in _folders(cache) if path.name not in {"known", "drafts", *digests}),
        *_folders(cache / "drafts"),
    ]


def _folders(where: Path) -> list[Path]:
    return sorted(path for path in where.iterdir() if path.is_dir()) if where.is_dir() else []


def _environments(where: Layout) -> set[Path]:
    """Those that a run had: its delivered model still runs in one of them."""
    found: set[Path] = set()
    for entry in runs.read_ledger(where):
        if isinstance(entry.event, RunPrepared):
            found.add(Path(entry.event.prepared.environment))
        if isinstance(entry.event, InvocationReported) and isinstance(entry.event.report, SetupReport):
            found.add(Path(entry.event.report.environment))
    return found
