"""Preparation: the settled task, the agents' view, and what is withheld from it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from activities.fence import Fence, fenced
from activities.workspace.custom import check_grade
from activities.workspace.layout import Layout
from activities.workspace.metrics import is_custom
from activities.workspace.own_split import check_own_split, run_own_split
from activities.workspace.parts import CLASSES, ESTIMATE, FINAL
from activities.workspace.profile import profile_view
from activities.workspace.settle import Settled, settle, task_name
from activities.workspace.tables import is_table
from activities.workspace.taskfile import Given, files_below, read_given
from activities.workspace.views import TASK_JSON, Views
from schemas.profile import DataProfile
from schemas.task import Task

_MOST_DIGESTS = 100


@dataclass(frozen=True)
class Preparation:
    """What preparation came to. `data` maps files to SHA-256 digests, `withheld` parts to rows withheld for them."""

    task: Task
    profile: DataProfile
    data: dict[str, str]
    withheld: dict[str, int]
    notes: tuple[str, ...]


DESCRIPTION = 20_000  # characters


def prepare(folder: Path, layout: Layout, *, seed: int = 0, attempt: int = 1) -> Preparation:
    """Settles the task of `folder`, and writes views and parts into the run's folder; raises BadInput.

    The same folder and seed give the same bytes. What a preparation that was cut off left behind is done again: views
    are written elsewhere first, and `task.json` comes last. Raises Superseded where a later attempt has begun.
    """
    given = read_given(folder)
    with fenced(layout.fence("prepare"), attempt) as fence:
        draft = _room(layout, fence)
        if given.file.split_script is not None:
            return _prepare_own(given, layout, fence, draft, seed)
        settled = _settled(folder, seed)
        views = Views(settled)
        _write_parts(views, draft / "withheld" / "parts")
        (draft / "withheld" / CLASSES).write_text(json.dumps(settled.classes), encoding="utf-8")
        views.to_train(draft / "view", settled.division.view)
        profile = _told(profile_view(draft / "view", settled.task), settled.given)
        counts = {name: int(labelled.sum()) for name, (_, labelled) in settled.division.select.items()}
        counts["report"] = int(settled.division.report.sum())
        _put(layout, fence, draft, settled.task, profile)
        return Preparation(settled.task, profile, digests(given.data), counts, settled.notes)


def check(folder: Path, *, seed: int = 0) -> Task | None:
    """Raises what `prepare` would of a task folder, writing nothing; None where its own script has to run for more."""
    given = read_given(folder)
    if given.file.split_script is not None:
        check_own_split(given)
        return None
    return _settled(folder, seed).task


def _settled(folder: Path, seed: int) -> Settled:
    settled = settle(folder, seed=seed)
    if is_custom(settled.task.metric.name):
        check_grade(settled.given.folder, settled.task, settled.labels, settled.classes)
    return settled


def _prepare_own(given: Given, layout: Layout, fence: Fence, draft: Path, seed: int) -> Preparation:
    """A task whose own script makes the parts; of what it wrote, agents see what `select` trains on."""
    parts = draft / "withheld" / "parts"
    own = run_own_split(given, parts, name=task_name(given), seed=seed)
    (draft / "withheld" / CLASSES).write_text("{}", encoding="utf-8")
    for view in [path for part in parts.iterdir() for path in (part / "fit", part / "inputs") if path.is_dir()]:
        (view / TASK_JSON).write_text(own.task.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (view / "description.md").write_text(given.description, encoding="utf-8")
    shutil.copytree(parts / "select" / "fit", draft / "view")
    files = [path.relative_to(draft / "view").as_posix() for path in files_below(draft / "view")]
    bare = DataProfile(
        rows=own.task.rows, test_rows=own.task.test_rows, columns=(), targets=(), files=tuple(files)[:50]
    )
    profile = _told(bare, given)
    _put(layout, fence, draft, own.task, profile)
    return Preparation(own.task, profile, digests(given.data), own.withheld, ())


def _told(profile: DataProfile, given: Given) -> DataProfile:
    """With the task in words: the setup agent, which sees no file of the data, reads it there."""
    return profile.model_copy(update={"description": given.description[:DESCRIPTION]})


def _room(layout: Layout, fence: Fence) -> Path:
    """A folder to prepare in, once what was prepared before is gone."""
    for old in (layout.settled, layout.view, layout.withheld):
        fence.remove(old)
    draft = fence.draft()
    (draft / "withheld").mkdir(parents=True)
    (draft / "withheld").chmod(0o700)
    return draft


def _put(layout: Layout, fence: Fence, draft: Path, task: Task, profile: DataProfile) -> None:
    """Moves all to its place; the settled task last, for it says that the rest is there."""
    fence.put(draft / "withheld", layout.withheld)
    fence.put(draft / "view", layout.view)
    fence.write(layout.profile, profile.model_dump_json(indent=2))
    fence.write(layout.settled, task.model_dump_json(indent=2))


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every data file; of many files, one over those of a subfolder, or over all."""
    each = {path.relative_to(folder).as_posix(): _digest(path) for path in files_below(folder)}
    if len(each) <= _MOST_DIGESTS:
        return each
    grouped: dict[str, list[str]] = {}
    for name, digest in each.items():
        top, _, rest = name.partition("/")
        kept = f"{top}/" if rest else top if is_table(Path(top)) else "other files"
        grouped.setdefault(kept, []).append(f"{name} {digest}\n")
    if len(grouped) > _MOST_DIGESTS:  # thousands of folders or tables must not fill the history
        lines = [f"{name} {digest}\n" for name, digest in each.items()]
        return {f"{len(each)} files": hashlib.sha256("".join(lines).encode()).hexdigest()}
    return {
        name: each[name] if name in each else hashlib.sha256("".join(lines).encode()).hexdigest()
        for name, lines in grouped.items()
    }


def _write_parts(views: Views, parts: Path) -> None:
    settled = views.settled
    for name, (fit, predict) in settled.division.select.items():
        views.to_train(parts / name / "fit", fit)
        views.to_predict(parts / name / "inputs", predict)
        views.labels(parts / name / "labels.parquet", predict)
    report = settled.division.report
    views.to_train(parts / ESTIMATE / "fit", ~report)
    if report.any():
        views.to_predict(parts / ESTIMATE / "inputs", report)
        views.labels(parts / ESTIMATE / "labels.parquet", report)
    views.to_train(parts / FINAL / "fit", np.ones(len(report), dtype=bool))
    if settled.test is not None:
        views.to_deliver(parts / FINAL / "inputs")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, _sha256).hexdigest()


_sha256: Callable[[], "hashlib._Hash"] = hashlib.sha256
