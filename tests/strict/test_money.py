"""What agents spend, by the server's own account: ours says the same to the token, and keeps to the caps."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from activities.agent.records import spent
from schemas.budget import Spend
from schemas.role import Caps
from tests.strict import bill
from tests.strict.minds import ScriptMind, Thoughtful
from tests.strict.prompt import Json
from tests.strict.raw import use
from tests.strict.record import Asked
from tests.strict.runs import CHOICE, Runs, designing
from tests.strict.service import Service
from tests.strict.sessions import Agents, accepted, journaled, session, written

OTHER = "claude-sonnet-5-5"
WASTED = "max_tokens@2,5,6 pause_turn@4 refusal@8 context_window@10"  # paid for, of use or not


def agrees(spend: Spend, asked: list[Asked]) -> None:
    """Ours with theirs."""
    assert spend.usage == bill.usage(asked)
    assert spend.dollars == pytest.approx(bill.dollars(asked), rel=1e-12)
    assert (spend.model_calls, spend.lost_calls) == (sum(one.whole for one in asked), 0)


def every(seconds: float) -> Callable[[], float]:
    """A clock by which the calls are so far apart."""
    return count(1.0, seconds).__next__


@pytest.mark.parametrize(("cache", "other"), [("5m", "1h"), ("1h", "5m")])
@pytest.mark.parametrize("seconds", [1.0, 400.0])
async def test_a_journal_says_what_the_server_counted(agents: Agents, cache: str, other: str, seconds: float) -> None:
    mind = Thoughtful(ScriptMind(session(12)), searches=True)
    server = agents.serve(Service(mind, faults=f"{WASTED} overloaded@12 rate_limit:0@13", clock=every(seconds)))
    world, _ = agents.at(server, fallback=OTHER, cache=cache, web_searches=3)
    await world.attempt()
    accepted(server)
    assert world.used == written(12)
    spend = spent(journaled(world, object))
    agrees(spend, server.service.record.asked)
    assert getattr(spend.usage, f"cache_write_{cache}_tokens") > 0
    assert getattr(spend.usage, f"cache_write_{other}_tokens") == 0
    assert bool(spend.usage.cache_read_tokens) is not (cache == "5m" and seconds > 300)
    assert spend.usage.web_searches == 2


@pytest.mark.parametrize("fault", ["cut_at:1", "cut_at:9", "stream_error:5"])
async def test_what_went_into_replies_that_broke_off_is_counted_too(agents: Agents, fault: str) -> None:
    world, server = agents(session(8), f"{fault}@2,5", web_searches=3)
    await world.attempt()
    accepted(server)
    ours, theirs = spent(journaled(world, object)).usage, bill.usage(server.service.record.asked)
    assert ours.model_copy(update={"output_tokens": theirs.output_tokens}) == theirs


async def test_a_report_says_what_the_server_counted(runs: Runs) -> None:
    service = Service(Thoughtful(ScriptMind(designing(9)), searches=True), faults=WASTED)
    run = runs(service)
    report = await run.design(web=True, model=CHOICE.model_copy(update={"fallback": OTHER}))
    assert report.problem is None
    agrees(report.spend, run.asked)


def endless(body: Json) -> list[Json]:
    """A designer that thinks aloud, looks around, and never designs."""
    number = len(body["messages"])
    return [{"type": "text", "text": "Or this. " * 500}, use(f"toolu_{number}", "list_files")]


def over(asked: list[Asked], caps: Caps) -> tuple[float, float]:
    """How far the caps were passed, and the most that one reply came to: in dollars, or in tokens."""
    if caps.dollars is not None:
        return bill.dollars(asked) - caps.dollars, bill.dearest(asked)
    assert caps.tokens is not None
    return bill.usage(asked).tokens - caps.tokens, max(bill.usage([one]).tokens for one in asked)


@pytest.mark.parametrize(
    ("caps", "words"),
    [(Caps(dollars=0.15), "are spent, of $0.15 that it could draw on"), (Caps(tokens=40_000), "spent, of 40000 that")],
)
async def test_at_its_cap_an_agent_ends_with_what_it_has(runs: Runs, caps: Caps, words: str) -> None:
    run = runs(Service(Thoughtful(ScriptMind(endless))))
    report = await run.design(caps=caps)
    accepted(run.server)
    assert words in str(report.problem)
    passed, most = over(run.asked, caps)
    assert 0 <= passed < most
    agrees(report.spend, run.asked)
    again = await run.design("designer.1.2", caps=caps)
    assert (words in str(again.problem), again.turns) == (True, 0), "nobody else is asked any more either"


@pytest.mark.parametrize("caps", [Caps(dollars=1.5), Caps(tokens=300_000)])
async def test_agents_side_by_side_pass_their_cap_by_no_more_than_one_reply(runs: Runs, caps: Caps) -> None:
    run = runs(Service(Thoughtful(ScriptMind(endless))))
    reports = await asyncio.gather(*(run.design(f"designer.{n}.{n}", caps=caps) for n in (1, 2, 3)))
    accepted(run.server)
    passed, most = over(run.asked, caps)
    assert 0 <= passed < most
    agrees(sum((report.spend for report in reports), Spend()), run.asked)
