"""Where routing is on, what is routine gets a cheaper model, settled for each invocation as a whole."""

import asyncio

import pytest
from temporalio.client import Client, WorkflowHandle

from schemas.candidate import Candidate
from schemas.decision import Code, Decision, Design, Finish, Tune
from schemas.event import (
    DecisionRefused,
    Event,
    InvocationReported,
    InvocationStarted,
    ManagerDecided,
    RunExtended,
    RunResumed,
)
from schemas.person import Extension
from schemas.role import CodeReport, CodeRequest, FellBack, ModelChoice, Role, SetupReport
from schemas.state import Answer, Managed, ManageRequest, RunState
from tests.workflows.facts import flight, folded, prepared, spec, spoken
from tests.workflows.stage import (
    Stage,
    entries,
    events,
    holding,
    plain_manager,
    staged,
    start,
    tuning,
    until,
)
from workflows import routing
from workflows.build import BuildWorkflow

pytestmark = pytest.mark.timeout(60)

CODED = Candidate(number=1, designs=1, codes=1)
TUNED = CODED.model_copy(update={"tunes": 1})
LONG = "much to change " * 40
OWN, CHEAP, ELSEWHERE = "claude-opus-5-5", "claude-haiku-5-5", "bedrock/claude-opus-5-5"


def code(brief: str = "rename a column") -> Code:
    return Code(candidate=1, brief=brief)


def tune(minutes: float) -> Tune:
    return Tune(candidate=1, minutes=minutes, brief="train")


def failed(known: Candidate, role: Role, times: int = 1) -> Candidate:
    return known.model_copy(update={"failures": times, "stumbled": role.value})


@pytest.mark.parametrize(
    ("decision", "known", "why"),
    [
        (code(), CODED, "a small revision"),
        (code(LONG), CODED, None),
        (code(), Candidate(number=1, designs=1), None),
        (code(LONG), failed(CODED, Role.CODER), "another try"),
        (code(LONG), failed(CODED, Role.CODER, times=2), None),
        (code(), failed(CODED, Role.TUNER), None),
        (tune(5), TUNED, "a short tune"),
        (tune(5), CODED, None),
        (tune(60), TUNED, None),
        (tune(60), failed(CODED, Role.TUNER), "another try"),
        (Design(candidate=1, brief="anew"), None, None),
        (Design(candidate=1, brief="anew"), CODED, None),
        (Design(candidate=1, brief="anew"), failed(Candidate(number=1), Role.DESIGNER), None),
        (Design(candidate=1, brief="anew"), failed(CODED, Role.DESIGNER), "another try"),
    ],
)
def test_what_is_routine(decision: Design | Code | Tune, known: Candidate | None, why: str | None) -> None:
    found = routing.routine(decision, known)
    assert found is None if why is None else (found or "").startswith(why)


REPORTED = InvocationReported(invocation="setup.1", report=SetupReport(invocation="setup.1"))


@pytest.mark.parametrize(
    ("happenings", "answers", "slots", "why"),
    [
        ((RunResumed(),), (), 2, "a look: nothing calls for a decision"),
        ((REPORTED,), (), 2, None),
        ((REPORTED,), (), 0, "a look: nothing more can be started now"),
        ((RunResumed(),), (Answer(tool_use="t", text="no", refused=True),), 2, None),
    ],
)
def test_a_turn_is_a_look_where_it_can_change_nothing(
    happenings: tuple[Event, ...], answers: tuple[Answer, ...], slots: int, why: str | None
) -> None:
    state = folded(prepared(), flight(Role.TUNER, 1))
    assert routing.glance(state, happenings, answers, slots) == why
    assert routing.glance(folded(prepared()), happenings, answers, slots) is None


def test_a_routed_invocation_says_why_and_falls_back_to_its_own_model() -> None:
    found = routing.choice(spoken(routing=True, effort="high", cheap_effort="low"), Role.CODER, "it is small")
    assert found == ModelChoice(name=CHEAP, effort="low", fallback=OWN, routed="it is small", instead_of=OWN)


@pytest.mark.parametrize(
    ("settings", "fallback"),
    [
        ({"fallback": ELSEWHERE}, ELSEWHERE),
        ({"fallbacks": {"coder": ELSEWHERE}}, ELSEWHERE),
        ({"fallbacks": {"tuner": ELSEWHERE}}, OWN),
        ({"fallback": CHEAP}, OWN),
        ({"fallback": OWN}, OWN),
    ],
)
def test_a_fallback_that_a_person_named_stays_when_routed(settings: dict[str, object], fallback: str) -> None:
    found = routing.choice(spoken(routing=True, **settings), Role.CODER, "it is small")
    assert (found.name, found.fallback, found.instead_of) == (CHEAP, fallback, OWN)


@pytest.mark.parametrize(
    ("settings", "routine"),
    [
        ({"routing": False, "model": OWN}, "small"),
        ({"routing": True, "model": OWN}, None),
        ({"routing": True, "model": "playbook"}, "small"),
        ({"routing": True, "model": CHEAP}, "small"),
        ({"routing": True, "model": OWN, "cheap_model": "playbook"}, "small"),
    ],
)
def test_otherwise_a_role_keeps_its_own_model(settings: dict[str, object], routine: str | None) -> None:
    asked = spec(**settings)
    assert routing.choice(asked, Role.CODER, routine) == asked.model_for(Role.CODER)


async def test_the_record_says_which_model_each_invocation_and_each_turn_had(client: Client) -> None:
    async def manager(request: ManageRequest) -> Managed:
        steps: list[Decision] = plain_manager(request)
        if steps and steps[0].kind == "finish" and request.board.candidates[0].codes == 1:
            steps = [code()]
        return Managed(invocation=request.invocation, decisions=tuple(steps), tool_uses=("t",) * len(steps))

    stage = Stage({"manager": manager})
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spoken(candidates=1, routing=True))
        await handle.result()
        found = await entries(handle)
        history = await handle.fetch_history()
    started = [(event.role, event.model.name, event.model.instead_of) for event in events(found, InvocationStarted)]
    assert [model for model in started if model[0] is Role.CODER] == [
        (Role.CODER, OWN, None),
        (Role.CODER, CHEAP, OWN),
    ]
    assert all(model[1] == OWN for model in started if model[0] is not Role.CODER)
    assert [request.model.name for request in stage.requests("coder")] == [OWN, CHEAP]
    assert {turn.model.name for turn in events(found, ManagerDecided)} == {OWN}
    summaries = [
        event.user_metadata.summary.data.decode() for event in history.events if event.HasField("user_metadata")
    ]
    assert f'"coder, candidate 1, {CHEAP}"' in summaries
    assert f'"manager, turn 1, {OWN}"' in summaries


async def looked(handle: WorkflowHandle[BuildWorkflow, RunState], gate: asyncio.Event) -> RunState:
    """Has the manager look aside while a tuner is at work, which may then end. The state before the look."""
    before = await until(handle, tuning)
    await handle.execute_update(BuildWorkflow.extend, Extension(minutes=5))
    await until(handle, lambda state: state.turns > before.turns)
    gate.set()
    return before


async def test_a_routed_invocation_is_asked_for_with_the_named_fallback(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        asked = spoken(candidates=1, parallel=1, routing=True, fallback=ELSEWHERE)
        handle = await start(client, queue, asked)
        await looked(handle, gate)
        await handle.result()
    models = [request.model for name, request in stage.asked if hasattr(request, "model")]
    assert {model.name for model in models} == {OWN, CHEAP}
    assert {model.fallback for model in models} == {ELSEWHERE}


async def test_a_look_is_taken_aside_and_the_manager_is_told_all_at_its_next_turn(client: Client) -> None:
    stage, gate = holding()
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spoken(candidates=1, parallel=1, routing=True))
        before = await looked(handle, gate)
        state = await handle.result()
        turns = events(await entries(handle), ManagerDecided)
    assert state.phase == "DONE"
    asked = {request.turn: request for request in stage.requests("manager")}
    look, main = asked[before.turns + 1], asked[before.turns + 2]
    assert (look.invocation, look.aside, look.model.name, look.answers) == (
        f"manager.{look.turn}.aside", True, CHEAP, ()
    )  # fmt: skip
    assert (main.invocation, main.aside, main.model.name) == (f"manager.{main.turn}", False, OWN)
    assert [type(event) for event in look.happenings] == [RunExtended]
    assert [type(event) for event in main.happenings] == [RunExtended, InvocationReported]
    assert [answer.tool_use for answer in main.answers] == [f"t{before.turns}.0"]
    assert [(turn.aside, turn.model.name) for turn in turns if turn.turn in (look.turn, main.turn)] == [
        (True, CHEAP),
        (False, OWN),
    ]


async def test_a_look_cannot_end_a_run_that_has_nothing_to_deliver(client: Client) -> None:
    stage, gate = holding()

    async def manager(request: ManageRequest) -> Managed:
        if not request.aside:
            return await stage._manager(request)
        return Managed(invocation=request.invocation, decisions=(Finish(why="it is slow"),), tool_uses=("t",))

    stage.parts["manager"] = manager
    async with staged(client, stage) as queue:
        handle = await start(client, queue, spoken(candidates=1, parallel=1, routing=True))
        before = await looked(handle, gate)
        state = await handle.result()
        [refused] = events(await entries(handle), DecisionRefused)
    assert (state.phase, state.finish) == ("DONE", "all are trained")
    assert refused.why.endswith(f"wait for {next(iter(before.in_flight))}")


async def test_replies_of_another_model_are_events(client: Client) -> None:
    fell = (FellBack(model=CHEAP, calls=2, why="it was overloaded"),)

    async def coder(request: CodeRequest) -> CodeReport:
        return CodeReport(invocation=request.invocation, candidate=1, revision="code", fell_back=fell)

    async def manager(request: ManageRequest) -> Managed:
        managed = await Stage()._manager(request)
        return managed.model_copy(update={"fell_back": fell}) if request.turn == 1 else managed

    async with staged(client, Stage({"coder": coder, "manager": manager})) as queue:
        handle = await start(client, queue, spoken(candidates=1))
        await handle.result()
        found = await entries(handle)
    used = [entry.event for entry in found if entry.event.kind == "fallback_used"]
    assert [(event.role, event.invocation.split(".")[0], event.chosen, event.used, event.calls) for event in used] == [
        (Role.MANAGER, "manager", OWN, CHEAP, 2),
        (Role.CODER, "coder", OWN, CHEAP, 2),
    ]
    assert used[0].why == "it was overloaded"
