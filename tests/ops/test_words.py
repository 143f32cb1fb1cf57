"""What people and programs are shown of a state: pure, in milliseconds."""

from datetime import timedelta
from typing import get_args

import pytest
from pydantic import BaseModel, TypeAdapter
from rich.console import Console

from ops import auditing, ending, telling, view, words
from ops.spending import Spent
from ops.standing import standing
from schemas.candidate import Member
from schemas.decision import Design, Wait
from schemas.delivery import Estimated, Verified
from schemas.event import (
    ChoiceMade,
    DeliveryVerified,
    Event,
    LedgerEntry,
    ManagerDecided,
    Phase,
    PhaseEntered,
    ReportScored,
    RunEnded,
    RunPaused,
    TrialScored,
)
from schemas.role import AggregateReport, Role
from schemas.state import RunState
from tests.workflows.facts import START, flight, prepared, score, started
from workflows import fold, ledger

NOW = START + timedelta(minutes=10)


def chain(*events: Event) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for number, event in enumerate(events, start=1):
        previous = entries[-1].digest if entries else ledger.GENESIS
        entries.append(ledger.entry(event, seq=number, at=START + timedelta(seconds=number), previous=previous))
    return entries


def state_after(*events: Event) -> RunState:
    entries = chain(started(60), *events)
    state = fold.begin(entries[0])
    for entry in entries[1:]:
        state = fold.apply(state, entry)
    return state


def scored(candidate: int, value: float) -> TrialScored:
    job = f"tuner.{candidate}.9.j1"
    return TrialScored(
        invocation=f"tuner.{candidate}.9", candidate=candidate, job=job, revision="r", score=score(value), seconds=9
    )


def chosen(*candidates: int) -> ChoiceMade:
    members = tuple(Member(candidate=number, job="j", revision="r") for number in candidates)
    report = AggregateReport(invocation="aggregator", members=members, method="mean" if len(members) > 1 else "single")
    return ChoiceMade(report=report, score=score(0.25))


def test_the_best_is_the_leader_then_the_choice_then_its_last_estimate() -> None:
    at_work = (prepared(), flight(Role.TUNER, 1), flight(Role.TUNER, 2, 2), scored(1, 0.5), scored(2, 0.4))
    leading = standing(state_after(*at_work), NOW, url=None, live=True).best
    assert leading is not None
    assert (leading.candidate, leading.value, leading.split) == (2, 0.4, "select")
    blend = standing(state_after(*at_work, chosen(1, 2)), NOW, url=None, live=True).best
    assert blend is not None
    assert (blend.candidate, blend.value, blend.split) == ("ensemble", 0.25, "select")
    last = Estimated(score=score(0.45).model_copy(update={"split": "report"}))
    final = standing(state_after(*at_work, chosen(2), ReportScored(estimated=last)), NOW, url=None, live=True).best
    assert final is not None
    assert (final.candidate, final.value, final.split) == (2, 0.45, "report")


def test_time_spent_stops_with_the_run() -> None:
    going = standing(state_after(prepared()), NOW, url=None, live=True)
    assert going.spent.seconds == 600
    over = standing(state_after(prepared(), RunEnded(phase="FAILED", why="x")), NOW, url=None, live=True)
    assert over.spent.seconds == 3


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (PhaseEntered(phase="EXPLORING"), 0),
        (RunPaused(by="system", why="no credit"), 3),
        (RunEnded(phase="DONE"), 0),
        (RunEnded(phase="STOPPED"), 3),
        (RunEnded(phase="FAILED"), 1),
    ],
)
def test_exit_codes(event: Event, code: int) -> None:
    assert ending.exit_code(state_after(prepared(), event)) == code


def test_a_pause_by_the_system_says_what_to_do_and_how_to_go_on() -> None:
    lines = ending.summary(state_after(prepared(), RunPaused(by="system", why="no credit: buy some")))
    assert lines == ["Paused by the system: no credit: buy some", "Go on with: aibuildai resume toy-1"]


def test_a_delivery_says_how_good_it_is_and_how_to_predict() -> None:
    verified = DeliveryVerified(verified=Verified(passed=True), refitted=True)
    text = "\n".join(ending.summary(state_after(prepared(), chosen(1), verified, RunEnded(phase="DONE"))))
    assert "rmse 0.25 [0.24, 0.26] on withheld labels (select), candidate 1, then trained again on all rows" in text
    assert "/environment/bin/python /nowhere/output/model/inference.py --data FOLDER" in text


def test_the_screen_shows_who_does_what_and_what_is_left() -> None:
    state = state_after(prepared(), flight(Role.TUNER, 1), scored(1, 0.5), flight(Role.CODER, 2, 2))
    console = Console(width=160, record=True)
    doing = {"tuner.1.1": "train (call 3)", "manager.4": "turn 1: thinks"}
    with console.capture() as captured:
        console.print(view.screen(state, doing, NOW, "http://ui", Spent(1.234, 120_400)))
    text = captured.get()
    assert "50 min left · $1.23 spent, 120,400 tokens" in text
    assert "tuner, candidate 1: train (call 3) (9 min 57 s)" in text
    assert "coder, candidate 2: waits for a worker" in text
    assert "manager.4: turn 1: thinks" in text
    assert "0.5 [0.49, 0.51]" in text
    assert "best so far: candidate 1, rmse 0.5" in text


@pytest.mark.parametrize("phase", ["DONE", "STOPPED", "FAILED"])
@pytest.mark.parametrize("later", [timedelta(minutes=10), timedelta(days=3)])
def test_a_run_that_ended_has_no_time_left_whenever_it_is_looked_at(phase: Phase, later: timedelta) -> None:
    state = state_after(prepared(), flight(Role.CODER, 1), RunEnded(phase=phase))
    shown = view.headline(state, START + later, Spent()).plain
    assert shown == f"{phase}  toy-1  took 4 s · $0.00 spent · 1 agent calls"
    stands = standing(state, START + later, url=None, live=True)
    assert (stands.left.seconds, stands.spent.seconds, stands.budget.seconds) == (0.0, 4.0, 3600.0)


def test_every_kind_of_event_can_be_told() -> None:
    """Built from schemas alone, so that a new event cannot be forgotten."""
    union = get_args(get_args(Event)[0])
    assert len(union) == 26
    for kind in union:
        event = TypeAdapter(kind).validate_python(_least(kind))
        assert telling.tell(event)


def _least(kind: type[BaseModel]) -> BaseModel | dict[str, object]:
    """The least that an event of a kind can hold."""
    known: dict[str, object] = {
        "spec": started().spec, "clock": started().clock, "prepared": prepared().prepared, "phase": "DONE",
        "turn": 1, "decision": Wait(why="w"), "why": "because", "invocation": "coder.1.1", "role": "coder",
        "model": {"name": "playbook"}, "deadline": NOW, "attempt": 1, "cause": "platform", "error": "Error",
        "report": chosen(1).report, "candidate": 1, "job": "j", "revision": "r", "score": score(1.0), "seconds": 1.0,
        "note": "n", "by": "person", "budget": started().spec.budget, "limit": "dollars", "estimated": Estimated(),
        "refitted": {"done": True}, "verified": Verified(passed=False), "epoch": 1,
        "chosen": "claude-opus-5-5", "used": "claude-opus-5", "calls": 2,
    }  # fmt: skip
    needed = [name for name, field in kind.model_fields.items() if field.is_required()]
    values = {name: known[name] for name in needed}
    return kind.model_validate(values)


def test_a_line_is_cut_while_one_watches_and_whole_in_history() -> None:
    decided = ManagerDecided(turn=1, thought="word " * 200, decisions=(Design(candidate=1, brief="b"),))
    entry = chain(started(), decided)[1]
    assert len(telling.line(entry)) <= 250
    assert telling.line(entry).endswith("…")
    assert "design candidate 1: word" in telling.line(entry)
    assert not telling.line(entry, 20_000).endswith("…")


def test_ledgers_that_agree_have_no_problems_and_others_name_theirs() -> None:
    whole = chain(started(), prepared(), PhaseEntered(phase="EXPLORING"))
    assert auditing.compare(whole, whole) == []
    assert auditing.compare(whole[:2], whole) == []  # a kept ledger may be behind
    assert "only 2" in auditing.compare(whole, whole[:2])[0]
    other = chain(started(), PhaseEntered(phase="EXPLORING"), PhaseEntered(phase="EXPLORING"))
    assert auditing.compare(other, whole) == ["entry 2 differs: kept phase_entered, derived run_prepared"]
    forged = [whole[0], whole[1].model_copy(update={"previous": "0"}), whole[2]]
    assert "kept ledger is broken at entry 2" in auditing.compare(forged, whole)[0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (12_000, "3 h 20 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_an_unknown_cost_is_not_free() -> None:
    assert (words.money(None), words.money(0.0), words.money(1.239)) == ("unknown cost", "$0.00", "$1.24")
