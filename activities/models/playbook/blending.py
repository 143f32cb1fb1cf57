"""Greedy forward selection with replacement: the weights of a blend are how often each member was picked."""

from dataclasses import dataclass
from typing import Literal

from activities.models.playbook.conversation import Call, Conversation
from schemas.candidate import Candidate
from schemas.metric import Direction, Score
from schemas.role import AggregateRequest
from schemas.tool import Evaluate, Evaluated, MemberChoice

Mix = tuple[MemberChoice, ...]
Counts = tuple[tuple[int, int], ...]  # candidate -> how often it was picked

MARGIN = 0.04  # of the leader's half interval, by which a step must improve: members cost a training each
FAR = 6.0  # half intervals behind the leader, from where on a candidate is not considered
MOST_CANDIDATES = 4
MOST_MEMBERS = 3  # delivery trains each again, and the run's reserve is for three
MOST_PICKS = 6
FIRST_SHARES = ((1, 1), (2, 1))  # of the leader and a second: half, or a third
MOST_LOOKS = 16  # at the withheld labels of `select`
KEPT = 45.0  # seconds, with less than which nothing more is looked at: to report, and for delivery
DELIVERING = 45.0  # seconds of delivery beside trainings: looks, estimate, checks, package
AGAIN, AGAIN_FOLDS = 1.4, 2.6  # how long delivery trains a member, against its trial (one fold's part of it)
SECONDS_PER_LOOK = 4.0  # guessed; looks of one step run side by side


@dataclass(frozen=True)
class Blending:
    """What the evaluations so far come to."""

    candidates: dict[int, Candidate]  # considered, the best first
    method: Literal["mean", "vote"]
    seen: dict[Counts, Score]
    agreement: dict[Counts, float]
    failed: set[Counts]
    left: float | None
    refused: bool  # the method does not work for these members
    room: float | None  # seconds of their trials, up to which delivery can train members again

    @classmethod
    def of(cls, conversation: Conversation, request: AggregateRequest) -> "Blending | None":
        considered = _considered(request.candidates)
        if not considered:
            return None
        calls = conversation.all("evaluate")
        means = [call for call in calls if call.arguments.get("method", "mean") != "vote"]
        labels = request.task.metric.predicts == "label"
        vote = labels and bool(means) and all(call.failed for call in means)
        # never ranks: recipes give calibrated probabilities, whose means lose nothing
        current: Literal["mean", "vote"] = "vote" if vote else "mean"
        mine = [call for call in calls if call.arguments.get("method", "mean") == current]
        seen, agreement, failed = _results(mine)
        left = _left(calls, request.seconds)
        refused = bool(mine) and not seen and len(failed) >= 1
        return cls(considered, current, seen, agreement, failed, left, refused, _room(request))

    @property
    def leader(self) -> int:
        return next(iter(self.candidates))

    @property
    def leading_score(self) -> Score:
        best = self.candidates[self.leader].best
        assert best is not None
        assert best.score is not None
        return best.score

    @property
    def margin(self) -> float:
        score = self.leading_score
        return MARGIN * abs(score.high - score.low) / 2

    @property
    def path(self) -> list[tuple[Counts, Score]]:
        """The selection's steps so far, from the leader alone; each is better than the one before by the margin."""
        steps: list[tuple[Counts, Score]] = [(((self.leader, 1),), self.leading_score)]
        while len(steps) < MOST_PICKS:
            here, score = steps[-1]
            options = self._options(here)
            known = [(option, self.seen[option]) for option in options if option in self.seen]
            if len(known) + sum(option in self.failed for option in options) < len(options) or not known:
                break
            option, found = _best(known)
            if not self._improves(found, score):
                break
            steps.append((option, found))
        return steps

    @property
    def blends(self) -> bool:
        return len(self.path[-1][0]) > 1

    @property
    def single(self) -> Mix:
        return self._mix(((self.leader, 1),))

    @property
    def best(self) -> Mix:
        return self._mix(self.path[-1][0])

    def following(self) -> list[Mix]:
        """What to evaluate next; nothing once no step improves, or looks or time are used up."""
        if len(self.candidates) < 2 or self.refused:
            return []
        if self.left is not None and self.left < KEPT:
            return []
        here, _ = self.path[-1]
        if sum(count for _, count in here) >= MOST_PICKS:
            return []
        fresh = [option for option in self._options(here) if option not in self.seen and option not in self.failed]
        looks = MOST_LOOKS - len(self.seen) - len(self.failed)
        return [self._mix(option) for option in fresh] if len(fresh) <= looks else []

    def why_asking(self, number: int) -> str:
        here, score = self.path[-1]
        return f"{_words(here)} has {score.value:.5g}; {number} ways to add a member are looked at ({self.method})."

    def verdict(self) -> str:
        return "The blend is better." if self.blends else "The best single candidate stands."

    def summary(self) -> str:
        steps = self.path
        first, last = steps[0][1], steps[-1][1]
        looks = len(self.seen) + len(self.failed)
        line = (
            f"Candidate {self.leader} alone: {first.metric.name} {first.value:.5g} ({first.low:.5g} to"
            f" {first.high:.5g}). {looks} blends of {len(self.candidates)} candidates were looked at on select."
        )
        agree = "; ".join(f"{_words(counts)}: {value:.3f}" for counts, value in sorted(self.agreement.items())[:6])
        shown = f" Agreement of members: {agree}." if agree else ""
        if self.blends:
            words = f"{_words(steps[-1][0])} by {self.method}, {last.value:.5g}"
            what = f" Chosen: {words}; each step gained more than {self.margin:.2g}."
        else:
            what = f" No blend gained more than {self.margin:.2g}, {MARGIN:.0%} of half the interval."
        return line + shown + what

    def _improves(self, found: Score, score: Score) -> bool:
        return found.beats(score) and abs(found.value - score.value) > self.margin

    def _options(self, here: Counts) -> list[Counts]:
        """One more pick of any candidate, within the number of members that delivery can bear."""
        counts = dict(here)
        numbers = [n for n in self.candidates if n in counts or len(counts) < MOST_MEMBERS]
        numbers = [n for n in numbers if n in counts or self._fits({*counts, n})]
        if len(counts) == 1:
            others = [n for n in numbers if n not in counts]
            return [_with(counts, n, picks) for n in others for picks in FIRST_SHARES]
        made = [_with({**counts}, n, (1, 1)) for n in numbers]
        return [option for option in made if not _multiple(option)]

    def _fits(self, members: set[int]) -> bool:
        """Delivery can train them all again; where it cannot even train the leader, nothing is lost by a blend."""
        if self.room is None or self._seconds({self.leader}) > self.room:
            return True
        return self._seconds(members) <= self.room

    def _seconds(self, members: set[int]) -> float:
        """Of the members' trials: delivery trains them side by side, as a machine with two devices can."""
        trials = [trial for number in sorted(members) if (trial := self.candidates[number].best) is not None]
        return max(max(trial.seconds for trial in trials), sum(trial.seconds for trial in trials) / 2)

    def _mix(self, counts: Counts) -> Mix:
        total = sum(count for _, count in counts)
        picks: list[MemberChoice] = []
        for number, count in counts:
            best = self.candidates[number].best
            assert best is not None
            picks.append(MemberChoice(candidate=number, job=best.job, weight=round(count / total, 6)))
        return tuple(picks)


def _with(counts: dict[int, int], number: int, shares: tuple[int, int]) -> Counts:
    """One more pick; `shares` says how often what is there, and the pick, are counted."""
    there, pick = shares
    scaled = {key: count * there for key, count in counts.items()}
    return tuple(sorted({**scaled, number: scaled.get(number, 0) + pick}.items()))


def _considered(candidates: tuple[Candidate, ...]) -> dict[int, Candidate]:
    """Those with a score that are not hopelessly behind, the best first."""
    scored = [(c.best.score, c) for c in candidates if c.best is not None and c.best.score is not None]
    if not scored:
        return {}
    higher = scored[0][0].metric.direction is Direction.HIGHER
    scored.sort(key=lambda pair: (-pair[0].value if higher else pair[0].value, pair[1].number))
    leading = scored[0][0]
    reach = FAR * max(abs(leading.high - leading.low) / 2, 1e-12)
    near = [c for score, c in scored if abs(score.value - leading.value) <= reach]
    return {c.number: c for c in near[:MOST_CANDIDATES]}


def _room(request: AggregateRequest) -> float | None:
    """Seconds of trials that delivery has the time to repeat on all rows."""
    if request.run_seconds is None:
        return None
    folds = request.task.split.folds
    return (request.run_seconds - DELIVERING) / (AGAIN_FOLDS / folds if folds else AGAIN)


def _results(calls: list[Call]) -> tuple[dict[Counts, Score], dict[Counts, float], set[Counts]]:
    seen: dict[Counts, Score] = {}
    agreement: dict[Counts, float] = {}
    failed: set[Counts] = set()
    for call in calls:
        counts = _counts(Evaluate.model_validate(call.arguments).members)
        told = call.read(Evaluated)
        if told is None:
            failed.add(counts)
            continue
        seen[counts] = told.score
        if len(counts) == 2 and len(told.agreement) == 2:
            agreement[counts] = told.agreement[0][1]
    return seen, agreement, failed


def _counts(members: list[MemberChoice]) -> Counts:
    """The picks that weights stand for: the smallest whole numbers in their proportion."""
    for total in range(1, MOST_PICKS + 1):
        counts = [member.weight * total for member in members]
        if all(count > 0.5 and abs(count - round(count)) < 1e-3 for count in counts):
            return tuple(sorted((m.candidate, round(c)) for m, c in zip(members, counts, strict=True)))
    return tuple(sorted((member.candidate, 1) for member in members))


def _multiple(counts: Counts) -> bool:
    """True if the same blend has smaller numbers, such as 2:2 for 1:1."""
    return len(counts) > 1 and any(all(count % d == 0 for _, count in counts) for d in range(2, MOST_PICKS))


def _best(known: list[tuple[Counts, Score]]) -> tuple[Counts, Score]:
    best = known[0]
    for option in known[1:]:
        if option[1].beats(best[1]):
            best = option
    return best


def _words(counts: Counts) -> str:
    if len(counts) == 1:
        return f"candidate {counts[0][0]}"
    numbers = ", ".join(str(number) for number, _ in counts)
    return f"candidates {numbers} at {':'.join(str(count) for _, count in counts)}"


def _left(calls: list[Call], seconds: float | None) -> float | None:
    for call in reversed(calls):
        told = call.read(Evaluated)
        if told is not None and told.seconds_left is not None:
            return told.seconds_left
    return None if seconds is None else seconds - SECONDS_PER_LOOK * len(calls)
