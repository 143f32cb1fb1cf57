"""The model's package: what is delivered, complete and runnable without this project."""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from activities.fence import fenced
from activities.workspace.layout import Layout
from activities.workspace.report.files import LOCK, read_facts, write_card
from schemas.candidate import Member
from schemas.delivery import Verified
from schemas.event import DeliveryVerified
from schemas.task import Task

LEFT_OUT = frozenset({".git", "__pycache__", "results", "data", "weights"})


def assemble(
    layout: Layout,
    task: Task,
    members: Sequence[Member],
    method: str,
    weights: Mapping[int, Path],
    environment_lock: str,
    *,
    code: Path,
    member_code: Mapping[int, Path] | None = None,
    verified: Verified | None = None,
    refitted: bool = False,
    submission: Path | None = None,
    order: tuple[int, ...] = (1,),
) -> Path:
    """Writes `output/model/`, and `output/submission.csv` where there is one; whole or not at all, and again if asked.

    Raises Superseded where one of higher `order` has begun: that is delivered, and not this.

    `code` and `member_code` are checkouts; `weights` the trained model of each candidate. A single model's weights are
    the content of `weights/`; a blend has `weights/K/` and `members/K/` for each candidate K beside the aggregator's
    `inference.py`. Symbolic links are left out: they would lead out of the package. `verified` and `refitted` are for
    the card, since the ledger learns of the check only once its package is there.
    """
    _check(code, members, weights, member_code or {}, blend=method != "single")
    with fenced(layout.fence("package"), *order) as fence:
        draft = fence.draft()
        draft.mkdir()
        _fill(draft, members, weights, code, member_code or {}, blend=method != "single")
        (draft / "task.json").write_text(task.model_dump_json(indent=1), encoding="utf-8")
        (draft / LOCK).write_text(_anywhere(environment_lock), encoding="utf-8")
        delivering = DeliveryVerified(verified=verified, refitted=refitted) if verified else None
        write_card(draft, read_facts(layout, delivering))
        predicted = submission.read_bytes() if submission is not None else None
        fence.put(draft, layout.output / "model")
        if predicted is not None:
            fence.write(layout.output / "submission.csv", predicted)
    return layout.output / "model"


def _check(
    code: Path, members: Sequence[Member], weights: Mapping[int, Path], member_code: Mapping[int, Path], *, blend: bool
) -> None:
    if not (code / "inference.py").is_file():
        raise FileNotFoundError(f"{code} has no inference.py, so there is no model to package")
    for number in {member.candidate for member in members}:
        folder = weights.get(number)
        if folder is None or not folder.is_dir() or not any(folder.iterdir()):
            raise FileNotFoundError(
                f"candidate {number} has no trained model to package: {folder or 'no folder given'}"
            )
        if blend and number not in member_code:
            raise FileNotFoundError(f"candidate {number} is a member of the blend, and its code was not checked out")


def _fill(
    draft: Path,
    members: Sequence[Member],
    weights: Mapping[int, Path],
    code: Path,
    member_code: Mapping[int, Path],
    *,
    blend: bool,
) -> None:
    _copy(code, draft, LEFT_OUT | {"members"} if blend else LEFT_OUT)
    for number in sorted({member.candidate for member in members}):
        _copy(weights[number], draft / "weights" / (str(number) if blend else ""))
        if blend:
            _copy(member_code[number], draft / "members" / str(number), LEFT_OUT)


def _copy(source: Path, target: Path, left_out: frozenset[str] = frozenset()) -> None:
    """Files and folders only. Names are left out at the top alone: further down they are the code's own."""

    def skipped(folder: str, names: Iterable[str]) -> set[str]:
        links = {name for name in names if (Path(folder) / name).is_symlink()}
        odd = {name for name in names if not ((Path(folder) / name).is_dir() or (Path(folder) / name).is_file())}
        return links | odd | (left_out & set(names) if Path(folder) == source else set()) | {"__pycache__"}

    shutil.copytree(source, target, ignore=skipped, dirs_exist_ok=True, copy_function=shutil.copyfile)


def _anywhere(lock: str) -> str:
    """Without the local part of versions such as 2.13.0+cpu: indexes that everyone reaches do not have those."""
    return re.sub(r"^([^\s#=]+==[^\s+;]+)\+[\w.]+", r"\1", lock, flags=re.MULTILINE)
