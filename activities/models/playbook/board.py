"""What the manager reads off its turns: where each candidate stands, what is in flight, what time there is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Literal

from activities.models.playbook.conversation import Conversation
from activities.models.playbook.revision import apart
from schemas.candidate import Candidate
from schemas.event import Event, InvocationFailed, InvocationReported, PersonSteered
from schemas.metric import Score
from schemas.role import CodeReport, DesignReport, Role, TuneReport
from schemas.state import Board, ManageRequest

CUTS = 1  # tunes that the time cut off, after which it is the code that takes too long
Last = Literal["design", "code", "tune", "failed", "none"]


@dataclass(frozen=True)
class Standing:
    """A candidate, with what only the events tell.

    `last` is what it came to last; `barren` counts tunes since its last code that brought nothing better; `spent` is
    true if its last tune found nothing more to train; `cut` if its last tune ran out of time without a score.
    """

    card: Candidate
    busy: bool = False
    last: Last = "none"
    barren: int = 0
    spent: bool = False
    cut: bool = False

    @property
    def number(self) -> int:
        return self.card.number

    @property
    def score(self) -> Score | None:
        return self.card.best.score if self.card.best is not None else None

    @property
    def seconds(self) -> float:
        """What its best training took."""
        return self.card.best.seconds if self.card.best is not None else 0.0

    @property
    def gone(self) -> bool:
        return self.card.status == "discarded"


@dataclass(frozen=True)
class View:
    """The board as the manager's rules see it."""

    board: Board
    standings: tuple[Standing, ...]
    notes: tuple[str, ...]  # what people wrote since the last turn
    turn: int

    @classmethod
    def of(cls, conversation: Conversation) -> "View":
        turns = [ManageRequest.model_validate(turn) for turn in conversation.turns]
        now = turns[-1]
        busy = {flight.candidate for flight in now.board.in_flight}
        asked = _minutes_asked(conversation)
        standings = [_standing(card, card.number in busy, turns, asked) for card in now.board.candidates]
        notes = tuple(event.note for event in now.happenings if isinstance(event, PersonSteered))
        return cls(now.board, tuple(sorted(standings, key=lambda s: s.number)), notes, now.turn)

    @property
    def seconds(self) -> float:
        return self.board.seconds_to_explore

    @property
    def free(self) -> list[Standing]:
        """What can be worked on now."""
        return [standing for standing in self.standings if not standing.busy and not standing.gone]

    @property
    def ranked(self) -> list[Standing]:
        """Those with a score that are not discarded, the best first."""
        scored = [standing for standing in self.standings if standing.score is not None and not standing.gone]
        return sorted(scored, key=cmp_to_key(_by_score))

    @property
    def leader(self) -> Standing | None:
        return self.ranked[0] if self.ranked else None

    @property
    def room(self) -> int:
        """Invocations that may be started now."""
        calls = self.board.agent_calls_left
        return self.board.slots if calls is None else min(self.board.slots, calls)

    @property
    def coded(self) -> list[Standing]:
        """Coded, or being coded: these fill the places that there are, discarded or not."""
        return [s for s in self.standings if s.card.codes or self.at_work(s.number, Role.CODER)]

    @property
    def trains_now(self) -> int:
        return sum(flight.role is Role.TUNER for flight in self.board.in_flight)

    def at_work(self, number: int, role: Role) -> bool:
        return any(flight.candidate == number and flight.role is role for flight in self.board.in_flight)

    def beaten(self, standing: Standing) -> bool:
        """True if the leader's whole interval is better than the candidate's."""
        leader = self.leader
        if leader is None or leader.score is None or standing.score is None or leader is standing:
            return False
        return apart(leader.score, standing.score)


def _by_score(left: Standing, right: Standing) -> int:
    if left.score is None or right.score is None:
        return 0
    return -1 if left.score.beats(right.score) else 1 if right.score.beats(left.score) else left.number - right.number


def _standing(card: Candidate, busy: bool, turns: Sequence[ManageRequest], asked: dict[int, float]) -> Standing:
    """By the reports that the turns told of; what they do not tell any more is taken from the card."""
    last: Last = "none"
    tunes_since: int | None = None
    spent = cut = False
    for turn in turns:
        for event in _of(card.number, turn.happenings):
            if isinstance(event, InvocationFailed):
                last = "failed"
                continue
            if (
                isinstance(event.report, TuneReport)
                and card.tunes <= CUTS
                and _cut(event.report, asked.get(card.number))
            ):
                last, cut = "tune", True
                continue
            if event.report.problem is not None:
                last = "failed"
                continue
            match event.report:
                case DesignReport():
                    last, spent = "design", False
                case CodeReport():
                    last, tunes_since, spent = "code", 0, False
                case TuneReport() as report:
                    last = "tune"
                    tunes_since = None if tunes_since is None else tunes_since + 1
                    spent, cut = not report.trials, False
                case _:
                    continue
    if last == "none":
        last = _last_by_card(card)
    barren = card.stale if tunes_since is None else min(card.stale, tunes_since)
    return Standing(card, busy, last, barren, spent, cut)


def _of(number: int, happenings: Iterable[Event]) -> list[InvocationReported | InvocationFailed]:
    found: list[InvocationReported | InvocationFailed] = []
    for event in happenings:
        if isinstance(event, InvocationFailed) and event.candidate == number:
            found.append(event)
        if isinstance(event, InvocationReported) and getattr(event.report, "candidate", None) == number:
            found.append(event)
    return found


def _last_by_card(card: Candidate) -> Last:
    if card.failures:
        return "failed"
    if card.codes == 0:
        return "design" if card.designs else "none"
    return "tune" if card.tunes else "code"


def _cut(report: TuneReport, minutes: float | None) -> bool:
    """No score, and the time went into training: most of it, or the last training never came to an end."""
    full = [trial for trial in report.trials if not trial.quick]
    if not full or any(trial.score is not None for trial in full):
        return False
    unended = full[-1].problem is None
    return unended or (minutes is not None and sum(trial.seconds for trial in full) >= 0.6 * minutes * 60)


def _minutes_asked(conversation: Conversation) -> dict[int, float]:
    """The last tune's minutes, by candidate."""
    asked: dict[int, float] = {}
    for call in conversation.all("tune"):
        number, minutes = call.arguments.get("candidate"), call.arguments.get("minutes")
        if isinstance(number, int) and isinstance(minutes, int | float):
            asked[number] = float(minutes)
    return asked
