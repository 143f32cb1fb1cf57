"""The manager mind: its decisions over boards made by hand, and whole runs in simulated time."""

import json
from typing import Any

import pytest

from schemas.candidate import Candidate, Trial
from schemas.decision import Code, Design, Discard, Finish, Tune
from schemas.event import Event, InvocationReported, PersonSteered
from schemas.message import Message, Reply, TextBlock
from schemas.role import CodeReport, DesignReport, Role, TuneReport
from schemas.state import Board, InFlight, ManageRequest
from tests.models.run import Line, Simulation
from tests.models.world import NOW, RUN, TASK, ask, candidate

DESIGNED: dict[str, Any] = {"codes": 0, "status": "designed"}


async def decide(
    *candidates: Candidate,
    seconds: float = 500.0,
    busy: dict[int, Role] | None = None,
    happenings: tuple[Event, ...] = (),
    **board: Any,
) -> Reply:
    flights = tuple(
        InFlight(invocation=f"{role}.{number}", role=role, candidate=number, started=NOW, deadline=NOW)
        for number, role in (busy or {}).items()
    )
    facts: dict[str, Any] = {"max_candidates": 3, "max_designs": 6, "slots": 3 - len(flights)} | board
    shown = Board(
        phase="EXPLORING",
        candidates=candidates,
        in_flight=flights,
        seconds_to_explore=seconds,
        seconds_left=seconds + 100,
        **facts,
    )
    request = ManageRequest(
        run=RUN, invocation="manager.1", turn=1, task=TASK, board=shown, happenings=happenings, deadline=NOW
    )
    said = json.dumps({"turn": request.model_dump(mode="json")})
    return await ask((Message(role="user", content=(TextBlock(text=said), TextBlock(text="prose"))),))


def made(reply: Reply) -> list[tuple[str, int | None]]:
    return [(use.name, use.input.get("candidate")) for use in reply.tool_uses]


async def test_an_empty_board_gets_as_many_designs_as_candidates() -> None:
    assert made(await decide()) == [("design", 1), ("design", 2), ("design", 3)]


async def test_ample_time_gets_more_designs_than_can_be_coded() -> None:
    reply = await decide(seconds=7_200, slots=8)
    assert made(reply) == [("design", number) for number in range(1, 6)]


async def test_no_more_is_started_than_there_are_slots() -> None:
    assert len((await decide(slots=1)).tool_uses) == 1


async def test_what_is_designed_is_coded_and_what_is_coded_is_trained_before_anything_else() -> None:
    reply = await decide(candidate(1), candidate(2, **DESIGNED), slots=3)
    assert made(reply) == [("tune", 1), ("code", 2), ("design", 3)]


async def test_of_similar_designs_only_one_is_coded() -> None:
    twins = (candidate(1, family="linear", **DESIGNED), candidate(2, family="linear", **DESIGNED))
    other = candidate(3, family="boosted trees", **DESIGNED)
    reply = await decide(*twins, other, max_candidates=2, slots=3)
    assert made(reply) == [("code", 1), ("code", 3)]


async def test_designs_that_no_place_is_left_for_are_dropped_once_the_others_have_scores() -> None:
    reply = await decide(candidate(1, 0.5), candidate(2, **DESIGNED), max_candidates=1)
    assert ("discard", 2) in made(reply)


async def test_every_decision_says_why_with_numbers() -> None:
    reply = await decide(candidate(1, 0.5), candidate(2, 0.6), max_candidates=2)
    said = {use.input["candidate"]: use.input["brief"] for use in reply.tool_uses}
    assert "rmse 0.5 (0.48 to 0.52)" in said[1]
    assert "500 s are left" in said[1]


async def test_the_leader_is_tuned_first_and_a_beaten_one_only_while_devices_would_idle() -> None:
    cards = (candidate(1, 0.6), candidate(2, 0.5), candidate(3, 0.51))
    assert made(await decide(*cards)) == [("tune", 2), ("tune", 3)]
    assert made(await decide(*cards[:2], max_candidates=2)) == [("tune", 2), ("tune", 1)]


async def test_what_stagnates_is_not_tuned_again_but_designed_anew() -> None:
    assert made(await decide(candidate(1, 0.5, stale=2), max_candidates=1)) == [("design", 1)]


async def test_once_revisions_are_used_up_it_finishes() -> None:
    reply = await decide(candidate(1, 0.5, stale=2, designs=3), max_candidates=1)
    assert made(reply) == [("finish", None)]
    assert "rmse 0.5" in reply.tool_uses[0].input["why"]


async def test_a_tune_that_found_nothing_to_train_is_not_repeated() -> None:
    report = TuneReport(invocation="tuner.1.4", candidate=1, trials=())
    told = (InvocationReported(invocation="tuner.1.4", report=report),)
    assert made(await decide(candidate(1, 0.5, stale=1), happenings=told, max_candidates=1)) == [("design", 1)]


async def test_a_revised_plan_is_coded_and_revised_code_is_trained() -> None:
    card = candidate(1, 0.5, stale=2, designs=2)
    design = InvocationReported(invocation="d", report=DesignReport(invocation="d", candidate=1, revision="r"))
    code = InvocationReported(invocation="c", report=CodeReport(invocation="c", candidate=1, revision="r"))
    assert made(await decide(card, happenings=(design,), max_candidates=1)) == [("code", 1)]
    assert made(await decide(card, happenings=(design, code), max_candidates=1)) == [("tune", 1)]


async def test_a_beaten_candidate_that_a_revision_did_not_help_is_discarded() -> None:
    reply = await decide(candidate(1, 0.5), candidate(2, 0.9, stale=2, designs=2), max_candidates=2)
    assert ("discard", 2) in made(reply)


async def test_a_weaker_one_within_reach_is_kept_for_the_blend() -> None:
    reply = await decide(candidate(1, 0.5), candidate(2, 0.55, stale=2, designs=3), max_candidates=2)
    assert ("discard", 2) not in made(reply)


async def test_it_waits_while_all_is_in_flight_and_says_for_what() -> None:
    reply = await decide(candidate(1), busy={1: Role.TUNER}, max_candidates=1)
    assert made(reply) == [("wait", None)]
    assert "tuner.1" in reply.tool_uses[0].input["why"]


async def test_it_does_not_finish_while_something_is_in_flight() -> None:
    cards = (candidate(1, 0.5, stale=2, designs=3), candidate(2, 0.6))
    assert made(await decide(*cards, busy={2: Role.TUNER}, max_candidates=2)) == [("wait", None)]


async def test_with_too_little_time_for_anything_it_finishes() -> None:
    assert made(await decide(candidate(1, 0.5, seconds=60), seconds=40, max_candidates=1)) == [("finish", None)]


async def test_a_short_run_tunes_with_all_of_its_time() -> None:
    reply = await decide(candidate(1), candidate(2), seconds=200, max_candidates=2)
    minutes = [use.input["minutes"] * 60 for use in reply.tool_uses]
    assert len(minutes) == 2
    assert all(0.9 * 200 <= each <= 200 for each in minutes)


async def test_a_persons_note_is_answered_with_what_the_playbook_cannot_do() -> None:
    reply = await decide(candidate(1, 0.5), happenings=(PersonSteered(note="Try a network."),), max_candidates=1)
    assert "cannot read prose" in reply.text
    assert made(reply) == made(await decide(candidate(1, 0.5), max_candidates=1))


async def test_few_agent_calls_build_fewer_candidates() -> None:
    assert made(await decide(agent_calls_left=4)) == [("design", 1)]
    assert made(await decide(agent_calls_left=7)) == [("design", 1), ("design", 2)]


async def test_the_last_agent_call_gets_all_of_the_time() -> None:
    reply = await decide(candidate(1, 0.5), candidate(2, 0.6), seconds=1_000, agent_calls_left=1, max_candidates=2)
    assert made(reply) == [("tune", 1)]
    assert reply.tool_uses[0].input["minutes"] * 60 > 900


@pytest.mark.parametrize("minutes", [2, 3, 5, 10, 60, 1_440])
@pytest.mark.parametrize("candidates", [1, 2, 3, 5])
async def test_a_whole_run_gives_every_candidate_a_score_and_decides_nothing_that_is_refused(
    minutes: float, candidates: int
) -> None:
    lines = {n: Line(scores=(0.5 + n / 50, 0.49 + n / 50, 0.48 + n / 50), training=8.0) for n in range(1, 7)}
    run = await Simulation(minutes=minutes, candidates=candidates, lines=lines).run()
    assert run.refused == []
    scored = [card for card in run.state.candidates.values() if card.best is not None]
    assert len(scored) >= min(candidates, 2)
    assert len(scored) == candidates or minutes < 3


async def test_a_whole_run_ends_in_a_finish_once_nothing_pays() -> None:
    run = await Simulation(minutes=600, candidates=3).run()
    assert run.finished is not None
    assert run.elapsed < 3 * 3_600


async def test_two_candidates_in_five_minutes_are_designed_coded_and_trained_within_half_a_minute() -> None:
    run = await Simulation(minutes=5, candidates=2).run()
    begun = [at for at, decision in run.decided if isinstance(decision, Tune)]
    assert begun[:2] == [18.0, 18.0]


async def test_a_design_that_fails_is_asked_for_once_more_then_replaced() -> None:
    run = await Simulation(minutes=10, candidates=2, lines={2: Line(design_fails=9)}).run()
    numbers = [decision.candidate for decision in run.of(Design)]
    assert numbers[:4] == [1, 2, 2, 3]
    assert [decision.candidate for decision in run.of(Discard)] == [2]


async def test_code_that_fails_leads_to_a_revised_design_and_then_to_a_replacement() -> None:
    run = await Simulation(minutes=10, candidates=2, lines={2: Line(code_fails=9)}).run()
    assert [d.candidate for d in run.of(Design)].count(2) == 2
    assert [d.candidate for d in run.of(Code)].count(2) == 2
    assert 3 in [d.candidate for d in run.of(Code)]
    assert run.refused == []


async def test_training_that_gives_no_score_is_mended_once() -> None:
    simulation = Simulation(minutes=10, candidates=2, lines={2: Line(scores=(None, 0.4))})
    run = await simulation.run(until=lambda now: 2 in now.state.candidates and now.state.candidates[2].best is not None)
    assert [d.candidate for d in run.of(Code)].count(2) == 2
    assert run.state.candidates[2].tunes == 2


async def test_a_training_that_the_time_cut_off_gets_more_time() -> None:
    run = await Simulation(minutes=120, candidates=1, lines={1: Line(training=900.0)}).run()
    first, second = run.of(Tune)[:2]
    assert second.minutes > 2 * first.minutes
    assert run.state.candidates[1].best is not None


async def test_a_tune_whose_last_training_never_ended_gets_more_time_instead_of_new_code() -> None:
    card = candidate(1, tunes=1, failures=1)
    trial = Trial(job="tuner.1.4.j3", revision="r")
    report = TuneReport(invocation="tuner.1.4", candidate=1, trials=(trial,), problem="its time ran out")
    told = (InvocationReported(invocation="tuner.1.4", report=report),)
    reply = await decide(card, happenings=told, max_candidates=1)
    assert made(reply) == [("tune", 1)]
    again = await decide(card.model_copy(update={"tunes": 2}), happenings=told, max_candidates=1)
    assert made(again) == [("code", 1)]


async def test_no_slot_idles_while_a_candidate_waits_for_its_next_step() -> None:
    """Whenever it waits with room, nobody is left who was never trained."""
    run, waits = Simulation(minutes=10, candidates=3), 0
    while run.finished is None and run.elapsed < 300:
        seen = len(run.decided)
        await run.run(until=lambda now, seen=seen: len(now.decided) > seen)  # type: ignore[misc]
        if run.decided[seen:] and run.decided[-1][1].kind == "wait":
            idle = [c for c in run.state.candidates.values() if c.best is None and c.status != "discarded"]
            at_work = {flight.candidate for flight in run.state.in_flight.values()}
            assert all(card.number in at_work for card in idle)
            waits += 1
    assert waits, "it waited at some time"


async def test_nothing_at_all_works_and_it_ends() -> None:
    lines = {number: Line(design_fails=99) for number in range(1, 20)}
    run = await Simulation(minutes=60, candidates=2, lines=lines).run()
    assert run.finished is not None
    assert "No candidate" in run.finished
    assert not run.of(Finish)[0].why.startswith("Candidate")
