"""`evaluate`: the scorer's word on one training, or on a blend of several."""

from collections.abc import Sequence

from activities.errors import ToolFailed
from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from activities.tools.trials import read_trial
from activities.workspace.layout import Layout
from activities.workspace.scorer import evaluate_members
from schemas.candidate import Member
from schemas.tool import Evaluate, MemberChoice


class Evaluating:
    """The aggregator's tool."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[Tool, ...]:
        what = (
            "The system's score, on the withheld rows that guided the exploration, of one training (method single) or "
            "of a blend: mean (of values or probabilities; labels by the mean of their probabilities), rank (of rank "
            "shares, for roc_auc), vote (of labels). Weights are shares, divided by their sum. Returns the score with "
            "its interval, and how far each two members agree: the correlation of numbers, or the share of equal "
            "labels. Takes seconds and trains nothing; each call is one more look at those rows, and is counted."
        )
        return (Tool("evaluate", what, Evaluate, self.evaluate, reads_only=True),)

    async def evaluate(self, given: Evaluate, _call: Call) -> Done:
        bench = self._bench
        members = members_of(bench.layout, given.members)
        bench.doing.now(f"evaluates {given.method} of {', '.join(str(member.candidate) for member in members)}")
        found = await evaluate_members(bench.layout, bench.task, members, given.method, threshold=given.threshold)
        return Done(found.model_copy(update=bench.left()))


def members_of(layout: Layout, chosen: Sequence[MemberChoice]) -> tuple[Member, ...]:
    """The trainings that were chosen. Raises ToolFailed for one that may not be delivered."""
    members = []
    for choice in chosen:
        file = read_trial(layout, choice.job)
        if file.candidate != choice.candidate:
            raise ToolFailed(f"{choice.job} is a training of candidate {file.candidate}, not {choice.candidate}")
        if file.trial.quick or file.trial.score is None:
            raise ToolFailed(f"{choice.job} is quick or has no score, so it cannot be chosen")
        weight = choice.weight
        members.append(Member(candidate=file.candidate, job=choice.job, revision=file.trial.revision, weight=weight))
    if len({member.candidate for member in members}) < len(members):
        raise ToolFailed("a candidate can be a member once; choose its best training")
    if not any(member.weight > 0 for member in members):
        raise ToolFailed("give at least one member a weight above 0")
    return tuple(members)
