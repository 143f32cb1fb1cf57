"""Preparation: the settled task, the agents' view, and what is withheld from it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from activities.workspace.layout import Layout
from activities.workspace.parts import CLASSES, ESTIMATE, FINAL
from activities.workspace.profile import profile_view
from activities.workspace.settle import settle
from activities.workspace.taskfile import files_below
from activities.workspace.views import Views
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


def prepare(folder: Path, layout: Layout, *, seed: int = 0) -> Preparation:
    """Settles the task of `folder`, and writes views and parts into the run's folder; raises BadInput.

    The same folder and seed give the same bytes. What a preparation that was cut off left behind is done again: views
    are written under another name first, and `task.json` comes last.
    """
    settled = settle(folder, seed=seed)
    _clear(layout)
    draft = layout.folder / ".preparing"
    withheld = draft / "withheld"
    withheld.mkdir(parents=True, mode=0o700)
    views = Views(settled)
    _write_parts(views, withheld / "parts")
    (withheld / CLASSES).write_text(json.dumps(settled.classes), encoding="utf-8")
    views.to_train(draft / "view", settled.division.view)
    profile = profile_view(draft / "view", settled.task)
    withheld.rename(layout.withheld)
    (draft / "view").rename(layout.view)
    draft.rmdir()
    layout.profile.write_text(profile.model_dump_json(indent=2), encoding="utf-8")
    settled_draft = layout.settled.with_suffix(".draft")
    settled_draft.write_text(settled.task.model_dump_json(indent=2), encoding="utf-8")
    settled_draft.rename(layout.settled)
    counts = {name: int(labelled.sum()) for name, (_, labelled) in settled.division.select.items()}
    counts["report"] = int(settled.division.report.sum())
    return Preparation(settled.task, profile, digests(settled.given.data), counts, settled.notes)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every data file; of a subfolder with many files, one over theirs."""
    each = {path.relative_to(folder).as_posix(): _digest(path) for path in files_below(folder)}
    if len(each) <= _MOST_DIGESTS:
        return each
    grouped: dict[str, list[str]] = {}
    for name, digest in each.items():
        top, _, rest = name.partition("/")
        grouped.setdefault(f"{top}/" if rest else top, []).append(f"{name} {digest}\n")
    return {
        name: hashlib.sha256("".join(lines).encode()).hexdigest() if name.endswith("/") else each[name]
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


def _clear(layout: Layout) -> None:
    layout.settled.unlink(missing_ok=True)
    for folder in (layout.folder / ".preparing", layout.view, layout.withheld):
        if folder.exists():
            shutil.rmtree(folder)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, _sha256).hexdigest()


_sha256: Callable[[], "hashlib._Hash"] = hashlib.sha256
