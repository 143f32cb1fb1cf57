"""A blend's repository: what will be delivered must be what is scored, so the system writes what was left to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from activities.errors import ToolFailed
from activities.knowledge import catalogue
from activities.tools.bench import Bench
from activities.workspace.predictions import read_classes
from activities.workspace.ranks import RANKS, Scales, select_scales, written
from schemas.candidate import Member

FILE, SCRIPT = "blend.json", "inference.py"


@dataclass(frozen=True)
class Blend:
    """What is to be delivered, as it was reported."""

    members: Sequence[Member]
    method: str
    threshold: float | None = None

    @property
    def said(self) -> tuple[dict[int, float], str, float | None]:
        return {member.candidate: member.weight for member in self.members}, self.method, self.threshold

    @property
    def text(self) -> str:
        members = [{"candidate": member.candidate, "weight": member.weight} for member in self.members]
        cut = {} if self.threshold is None else {"threshold": self.threshold}
        return json.dumps({"method": self.method, **cut, "members": members}, indent=1) + "\n"


def complete_blend(bench: Bench, blend: Blend) -> None:
    """Writes `blend.json`, the script and the ranks' scales where they are not there.

    Raises ToolFailed where the repository says something else than was reported.
    """
    file, script = bench.worktree / FILE, bench.worktree / SCRIPT
    if file.is_file():
        _check(file.read_text(errors="replace"), blend)
    else:
        file.write_text(blend.text, encoding="utf-8")
    if not script.is_file():
        recipe = catalogue.entry("blend", bench.profile, bench.task)
        script.write_text(recipe.files[SCRIPT], encoding="utf-8")
    if blend.method == "rank":
        classes = read_classes(bench.layout)
        found = select_scales(bench.layout, bench.task, blend.members, classes)
        (bench.worktree / RANKS).write_text(_scales(bench, blend, found), encoding="utf-8")


def _scales(bench: Bench, blend: Blend, found: Sequence[Scales]) -> str:
    by_member = {
        member.candidate: {name: [one.tolist() for one in pair] for name, pair in written(scales, bench.task).items()}
        for member, scales in zip(blend.members, found, strict=True)
    }
    return json.dumps(by_member) + "\n"


def _check(text: str, blend: Blend) -> None:
    try:
        given = json.loads(text)
        members = {int(one["candidate"]): float(one["weight"]) for one in given["members"]}
        said = members, given["method"], given.get("threshold")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolFailed(f"{FILE} cannot be read: {error!r}") from None
    if said != blend.said:
        raise ToolFailed(f"{FILE} names other members, weights, threshold or method than your report; make them agree")
