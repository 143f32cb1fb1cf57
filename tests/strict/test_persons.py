"""What only a person can mend, as a run is told of it; and that it goes on from the same place."""

import pytest
from temporalio.exceptions import ApplicationError

from schemas.role import ModelChoice
from tests.strict.minds import ScriptMind, Thoughtful
from tests.strict.runs import CHOICE, Run, Runs, designing
from tests.strict.service import Service
from tests.strict.sessions import accepted, sound

OTHER = "claude-sonnet-5-5"
WORDS = {
    "no_credit": "the Claude API: Your credit balance is too low to access the Anthropic API. Please go to Plans & "
    "Billing to upgrade or purchase credits (400, request req_",
    "unknown_model": "the Claude API has no model 'claude-opus-5-5' for this account: model: claude-no-such-model (404",
    "bad_key": "the Claude API: invalid x-api-key (401, request req_",
    "forbidden": "the Claude API: Your API key does not have permission to use the specified resource (403",
}


def designer(faults: str = "") -> Service:
    return Service(Thoughtful(ScriptMind(designing(3)), searches=True), faults=faults)


async def paused(run: Run, **more: object) -> str:
    """Why the run pauses, in the words that a person reads. Temporal itself tries nothing again."""
    with pytest.raises(ApplicationError) as raised:
        await run.design(**more)
    assert (raised.value.type, raised.value.non_retryable) == ("NeedsPerson", True)
    return raised.value.message


@pytest.mark.parametrize("fault", WORDS)
@pytest.mark.parametrize("call", [1, 3])
async def test_a_run_pauses_with_what_is_to_be_done_and_goes_on_from_there(runs: Runs, fault: str, call: int) -> None:
    run = runs(designer(f"{fault}@{call}"))
    why = await paused(run)
    assert why.startswith(WORDS[fault])
    assert "aibuildai resume RUN" in why
    assert len(run.asked) == call, "nobody asks again before"
    report = await run.design(attempt=2)
    assert (report.problem, report.turns, report.spend.lost_calls) == (None, 4, 0)
    assert sound(run.server)["calls"] == 5


async def test_a_model_that_does_not_exist_is_named_with_what_can_be_done(runs: Runs) -> None:
    run = runs(designer())
    why = await paused(run, model=ModelChoice(name="claude-opus-9-9"))
    assert why.startswith("the Claude API has no model 'claude-opus-9-9' for this account: model: claude-opus-9-9 (404")
    assert why.endswith("Or start a run with another model")


async def test_a_key_that_is_not_taken_any_more_is_no_reason_to_ask_another_model(runs: Runs) -> None:
    run = runs(designer())
    run.server.service.set_keys({"another-key"})
    assert "ANTHROPIC_API_KEY" in await paused(run, model=CHOICE.model_copy(update={"fallback": OTHER}))
    run.server.service.set_keys({"a-key"})
    assert (await run.design(attempt=2)).problem is None
    assert len(run.asked) == 5


async def test_a_designer_that_searches_falls_back_at_once_where_the_server_asks_for_long_patience(runs: Runs) -> None:
    run = runs(designer("rate_limit:900@3"))
    report = await run.design(web=True, model=CHOICE.model_copy(update={"fallback": OTHER}))
    accepted(run.server)
    [fallen] = report.fell_back
    assert (report.problem, fallen.model, fallen.calls) == (None, OTHER, 2)
    assert [search.query for search in report.searches] == ["the state of the art"]
