"""The manager mind: what to design, code, tune, revise or drop next, by the board alone."""

from collections.abc import Iterator

from activities.models.playbook import rounds
from activities.models.playbook.board import Standing, View
from activities.models.playbook.conversation import Conversation
from activities.models.playbook.step import Step, Use, use
from schemas.decision import Code, Decision, Design, Discard, Finish, Tune, Wait
from schemas.role import Role

PATIENCE = 2  # tunes in a row without a better score, after which a candidate rests
DESIGNS = 3  # of one candidate at most, revisions included
BUSY = 2  # trainings at once, below which what is beaten is worth tuning: the devices would idle
LEAST = 8.0  # seconds, in which nothing useful can be done any more
FAR = 4.0  # half-widths of the leader's interval between two scores, from which on nothing is hoped for


def next_step(conversation: Conversation) -> Step:
    view = View.of(conversation)
    decisions = decide(view)
    return Step(_thought(view, decisions), tuple(_use(decision) for decision in decisions))


def decide(view: View) -> list[Decision]:
    """What is admitted now, the most useful first; waiting or the end if there is nothing."""
    discards: list[Decision] = list(_discards(view))
    gone = {decision.candidate for decision in discards if isinstance(decision, Discard)}
    started: list[Decision] = []
    taken: set[int] = set(gone)
    for decision in _useful(view, gone):
        number = getattr(decision, "candidate", 0)
        if len(started) < view.room and number not in taken and view.seconds >= LEAST:
            started.append(decision)
            taken.add(number)
    if started or discards:
        return [*discards, *started]
    if view.board.in_flight:
        return [Wait(why=_waiting(view))]
    return [Finish(why=_ending(view))]


def _useful(view: View, gone: set[int]) -> Iterator[Decision]:
    """First what gives a first signal, then what widens, then what improves."""
    free = [standing for standing in view.free if standing.number not in gone]
    yield from _first_tunes(view, free)
    yield from _codes(view, free)
    yield from _designs(view, free, gone)
    yield from _mends(view, free)
    yield from _improvements(view, free)
    yield from _revisions(view, free)


def _first_tunes(view: View, free: list[Standing]) -> Iterator[Decision]:
    """Each candidate that was coded, or coded anew, is trained."""
    for standing in free:
        if standing.last != "code" or not rounds.fits_training(view, standing):
            continue
        minutes = rounds.first_tune(view, standing) / 60
        what = "Its revised code was not trained yet." if standing.score else "It has code and no score."
        brief = f"{what} {minutes:.1f} of {view.seconds / 60:.1f} min for an early signal, then its best changes."
        yield Tune(candidate=standing.number, minutes=round(minutes, 2), brief=brief)


def _codes(view: View, free: list[Standing]) -> Iterator[Decision]:
    """Revised plans, and of the new ones those of a kind that nobody else has; a second of a kind only at last."""
    for standing in free:
        if standing.last == "design" and standing.card.codes:
            yield Code(
                candidate=standing.number,
                brief=f"The plan was revised: {standing.card.approach}. Bring the code up to it.",
            )
    places = rounds.lines(view) - len(view.coded)
    designing = any(flight.role is Role.DESIGNER for flight in view.board.in_flight)
    families = {standing.card.family for standing in view.coded}
    waiting = [s for s in free if s.last == "design" and not s.card.codes]
    fresh = [s for s in waiting if s.card.family not in families]
    distinct = list({standing.card.family: standing for standing in reversed(fresh)}.values())[::-1]
    similar = [] if designing or _may_design(view) else [s for s in waiting if s not in distinct]
    for standing in (distinct + similar)[: max(places, 0)]:
        kind = standing.card.family or "its kind"
        yield Code(
            candidate=standing.number,
            brief=f"Implement the plan: {standing.card.approach}. {len(view.coded)} of {view.board.max_candidates}"
            f" candidates are coded, and none by {kind}.",
        )


def _may_design(view: View) -> bool:
    numbers = [standing.number for standing in view.standings]
    return max(numbers, default=0) < min(view.board.max_designs, rounds.designs(view))


def _designs(view: View, free: list[Standing], gone: set[int]) -> Iterator[Decision]:
    """New candidates, until there are as many as can be built; a design that failed is asked for once more."""
    for standing in free:
        if standing.card.revision is None and standing.card.failures == 1:
            yield Design(candidate=standing.number, brief=f"The first design failed: {standing.card.last[:300]}")
    if not rounds.fits_new_line(view):
        return
    open_places = rounds.lines(view) - len(view.coded)
    spare = rounds.designs(view) - rounds.lines(view)
    waiting = [s for s in view.standings if not s.gone and s.number not in gone and s not in view.coded]
    number = max((standing.number for standing in view.standings), default=0)
    for _ in range(open_places + (spare if open_places else 0) - len(waiting)):
        number += 1
        if number > view.board.max_designs:
            return
        taken = ", ".join(sorted({s.card.family for s in view.standings if s.card.family})) or "nothing yet"
        yield Design(
            candidate=number,
            brief=f"A strategy that differs in kind from the others ({taken}); {view.seconds:.0f} s are left for all.",
        )


def _mends(view: View, free: list[Standing]) -> Iterator[Decision]:
    """What failed gets one more try, another way."""
    for standing in free:
        card = standing.card
        if card.revision is None or card.best is not None or standing.last not in ("failed", "tune"):
            continue
        if not card.codes:
            yield Design(candidate=card.number, brief=f"This plan could not be coded: {card.last[:300]} Revise it.")
        elif standing.cut and rounds.fits_training(view, standing):
            seconds = rounds.first_tune(view, standing)
            brief = f"The time cut the last training off before it gave a score; now {seconds / 60:.1f} min."
            yield Tune(candidate=card.number, minutes=round(seconds / 60, 2), brief=brief)
        elif card.failures and view.seconds > rounds.CODING:
            yield Code(candidate=card.number, brief=f"No training gave a score: {card.last[:300]} Mend it.")


def _improvements(view: View, free: list[Standing]) -> Iterator[Decision]:
    """More time for what leads or may still lead; for what is beaten only while devices would idle."""
    training = view.trains_now
    for place, standing in enumerate(view.ranked, start=1):
        if standing not in free or _rests(standing) or not rounds.fits_training(view, standing):
            continue
        if view.beaten(standing) and training >= BUSY:
            continue
        training += 1
        seconds = rounds.next_tune(view, standing)
        brief = (
            f"It is {'the leader' if place == 1 else f'number {place}'} with {_value(standing)}; its best training took"
            f" {standing.seconds:.0f} s, {view.seconds:.0f} s are left: {seconds / 60:.1f} min to improve it."
        )
        yield Tune(candidate=standing.number, minutes=round(seconds / 60, 2), brief=brief)


def _revisions(view: View, free: list[Standing]) -> Iterator[Decision]:
    """A candidate that tuning no longer improves is designed anew, where the time allows."""
    for standing in view.ranked:
        exhausted = standing in free and _rests(standing) and standing.last == "tune"
        if not exhausted or standing.card.designs >= DESIGNS or not rounds.fits_revision(view, standing):
            continue
        how = "clearly beaten" if view.beaten(standing) else "no longer improved by its settings"
        brief = f"With {_value(standing)} it is {how} ({standing.barren} tunes brought nothing). Revise the strategy."
        yield Design(candidate=standing.number, brief=brief)


def _rests(standing: Standing) -> bool:
    """More tuning would bring nothing: it stagnates, has nothing left to try, or its last work failed."""
    failed = standing.last == "failed" and standing.card.failures >= PATIENCE
    return standing.barren >= PATIENCE or standing.spent or failed or standing.last in ("design", "code")


def _discards(view: View) -> Iterator[Discard]:
    """What failed too often, what is hopelessly behind, and designs that nobody will code."""
    for standing in view.free:
        why = _hopeless(view, standing)
        if why is not None:
            yield Discard(candidate=standing.number, why=why)


def _hopeless(view: View, standing: Standing) -> str | None:
    card = standing.card
    if card.best is None and card.failures:
        tried = card.failures if card.revision is None else card.codes or card.designs
        return f"It failed again after another try: {card.last[:300]}" if tried >= 2 and not standing.cut else None
    if standing.last == "tune" and _rests(standing) and card.designs >= 2:
        return _far_behind(view, standing)
    places = view.board.max_candidates - len(view.coded)
    settled = all(other.score is not None or other.gone for other in view.coded)
    if standing.last == "design" and not card.codes and places <= 0 and settled:
        return f"{view.board.max_candidates} candidates are coded, which is the most, and each has a score."
    return None


def _far_behind(view: View, standing: Standing) -> str | None:
    """Why nothing is hoped for any more: what is merely beaten rests, and may still help a blend."""
    leader = view.leader
    if leader is None or leader.score is None or standing.score is None or not view.beaten(standing):
        return None
    half = max(abs(leader.score.high - leader.score.low) / 2, 1e-12)
    if abs(leader.score.value - standing.score.value) <= FAR * half:
        return None
    return f"{_value(standing)} against candidate {leader.number}'s {_value(leader)}, and a revision did not help."


def _value(standing: Standing) -> str:
    score = standing.score
    return f"{score.metric.name} {score.value:.4g} ({score.low:.4g} to {score.high:.4g})" if score else "no score"


def _waiting(view: View) -> str:
    names = ", ".join(flight.invocation for flight in view.board.in_flight)
    free = f"{view.room} places are free, and nothing else is worth starting with {view.seconds:.0f} s left"
    return f"{names} at work; {free}."


def _ending(view: View) -> str:
    leader = view.leader
    if leader is None:
        return "No candidate could be built and trained, and nothing else is left to try."
    return (
        f"Candidate {leader.number} leads with {_value(leader)}; with {view.seconds:.0f} s left for exploring nothing"
        " else promises more."
    )


def _thought(view: View, decisions: list[Decision]) -> str:
    parts = []
    if view.notes:
        parts.append(
            "A person wrote a note. The playbook goes by rules and cannot read prose, so the note changes nothing here;"
            " discard, extend, pause and stop are understood, and a language model as manager reads notes."
        )
    scores = "; ".join(f"{s.number} {s.card.family}: {_value(s)}" for s in view.ranked) or "No scores yet"
    kinds = ", ".join(f"{d.kind} {getattr(d, 'candidate', '')}".strip() for d in decisions)
    parts.append(f"{view.seconds:.0f} s to explore, {view.room} places free. {scores}. Now: {kinds}.")
    return " ".join(parts)


def _use(decision: Decision) -> Use:
    return use(decision.kind, decision)
