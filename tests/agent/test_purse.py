"""What agents may spend together holds over processes, whatever happens to any of them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.agent.booking import Reserved, Settled
from activities.agent.journal import FileJournal
from activities.agent.limits import LimitReached
from activities.agent.purse import Purse, Purses, true_now
from activities.agent.records import Replied
from activities.bookkeeping import BookkeepingActivities
from activities.models.scripted import says
from activities.scoring import ScoringActivities
from activities.workspace.layout import Layout
from schemas.base import RunRef
from schemas.budget import Usage
from schemas.delivery import AccountRequest, HoldRequest
from schemas.role import Caps
from schemas.state import Board
from tests.agent.purses import CAPS, dollars, purse, soon
from tests.agent.world import OPENING


async def test_who_reads_on_where_another_had_come_to_sees_what_one_sees_who_begins_anew(tmp_path: Path) -> None:
    """Over more runs than a process keeps books of, and with what other processes write in between."""
    purses, files = Purses(), [tmp_path / f"{run}.jsonl" for run in range(12)]
    for turn in range(1, 4):
        for file in files:
            call = f"manager.{turn}.a1.t1.1"
            await purses.of(file, CAPS).reserve(call, 2.0, 90, until=soon())
            purse(file).settle(call, 0.5, 40)
            purses.of(file, CAPS).close(f"manager.{turn}")
            assert purses.of(file, CAPS).totals() == purse(file).totals()
            assert purses.of(file, Caps(tokens=500)).left() == Caps(tokens=500 - 40 * turn)


async def test_a_call_is_reserved_at_its_most_and_settled_at_what_it_cost(file: Path) -> None:
    one = purse(file)
    await one.reserve("coder.1.2.a1.t1.1", 3.0, 300, until=soon())
    assert dollars(file) == (0.0, 3.0)
    one.settle("coder.1.2.a1.t1.1", 0.5, 40)
    assert (dollars(file), purse(file).totals().tokens) == ((0.5, 0.0), 40)
    assert purse(file).left() == Caps(dollars=9.5, tokens=960)


@pytest.mark.parametrize(
    ("caps", "words"),
    [(Caps(dollars=1.0), "$1.50 are spent, of $1.00"), (Caps(tokens=40), "40 tokens are spent, of 40")],
)
async def test_at_a_cap_nothing_more_is_asked(file: Path, caps: Caps, words: str) -> None:
    one = purse(file, caps)
    await one.reserve("coder.1.2.a1.t1.1", 2.0, 100, until=soon())  # what is left is less, and one reply may pass it
    one.settle("coder.1.2.a1.t1.1", 1.5, 40)
    with pytest.raises(LimitReached) as refused:
        await one.reserve("coder.1.2.a1.t2.1", 0.1, 10, until=soon())
    assert words in str(refused.value)


async def test_without_caps_nothing_is_refused_and_all_is_counted(file: Path) -> None:
    one = purse(file, Caps())
    for turn in range(3):
        await one.reserve(f"coder.1.2.a1.t{turn}.1", None, 10**9, until=soon())
        one.settle(f"coder.1.2.a1.t{turn}.1", None, 10**9)
    assert (one.totals().dollars, one.totals().tokens) == (None, 3 * 10**9)
    assert one.left() == Caps()


async def test_where_dollars_are_capped_a_model_without_a_price_is_not_asked(file: Path) -> None:
    with pytest.raises(LimitReached, match="what its model costs is not known"):
        await purse(file).reserve("coder.1.2.a1.t1.1", None, 10, until=soon())


async def test_a_call_waits_for_others_to_settle_where_only_they_stand_against_it(file: Path) -> None:
    one, other = purse(file), purse(file)
    await one.reserve("coder.1.2.a1.t1.1", 12.0, 10, until=soon())
    waiting = asyncio.create_task(other.reserve("coder.2.3.a1.t1.1", 1.0, 10, until=soon()))
    done, _ = await asyncio.wait([waiting], timeout=0.5)
    assert not done
    one.settle("coder.1.2.a1.t1.1", 2.0, 10)
    await waiting
    assert dollars(file) == (2.0, 1.0)


async def test_it_waits_no_longer_than_its_own_time(file: Path) -> None:
    await purse(file).reserve("coder.1.2.a1.t1.1", 12.0, 10, until=soon())
    with pytest.raises(LimitReached, match="time ran out"):
        await purse(file).reserve("coder.2.3.a1.t1.1", 1.0, 10, until=soon(0.3))


async def test_what_a_dead_attempt_had_reserved_counts_as_spent_once_the_next_one_asks(file: Path) -> None:
    await purse(file).reserve("coder.1.2.a1.t4.1", 3.0, 10, until=soon())
    await purse(file).reserve("coder.1.2.a2.t4.1", 2.0, 10, until=soon())
    assert dollars(file) == (3.0, 2.0)


async def test_what_a_dead_attempt_comes_back_with_takes_the_place_of_what_was_assumed(file: Path) -> None:
    first, second = purse(file), purse(file)
    await first.reserve("coder.1.2.a1.t4.1", 3.0, 10, until=soon())
    await second.reserve("coder.1.2.a2.t4.1", 2.0, 10, until=soon())
    first.settle("coder.1.2.a1.t4.1", 0.25, 10)
    assert dollars(file) == (0.25, 2.0)


async def test_a_call_is_settled_once_whoever_comes_back_with_it(file: Path) -> None:
    first, second = purse(file), purse(file)
    await first.reserve("coder.1.2.a1.t4.1", 3.0, 10, until=soon())
    second.recover([Settled(call="coder.1.2.a1.t4.1", dollars=0.25, tokens=7)])
    first.settle("coder.1.2.a1.t4.1", 0.25, 7)
    second.recover([Settled(call="coder.1.2.a1.t4.1", dollars=0.25, tokens=7)])
    assert (dollars(file), purse(file).totals().tokens) == ((0.25, 0.0), 7)
    assert len(file.read_text().splitlines()) == 3


async def test_nobody_waits_for_an_invocation_that_has_ended(file: Path) -> None:
    await purse(file).reserve("coder.1.2.a1.t1.1", 9.0, 10, until=soon())
    await purse(file).reserve("coder.11.2.a1.t1.1", 0.5, 10, until=soon())
    purse(file).close("coder.1.2")
    assert dollars(file) == (9.0, 0.5)
    await purse(file).reserve("coder.2.3.a1.t1.1", 5.0, 10, until=soon())


async def test_an_attempt_that_was_cut_off_gives_up_no_call_of_a_later_one(file: Path) -> None:
    await purse(file).reserve("coder.1.2.a1.t4.1", 3.0, 10, until=soon())
    await purse(file).reserve("coder.1.2.a2.t4.1", 2.0, 10, until=soon())
    purse(file).close("coder.1.2", 1)
    await purse(file).reserve("coder.1.2.a1.t4.2", 1.0, 10, until=soon())
    purse(file).close("coder.1.2", 1)
    assert dollars(file) == (4.0, 2.0)
    purse(file).close("coder.1.2", 2)
    assert dollars(file) == (6.0, 0.0)


async def test_a_cap_that_is_told_late_takes_nothing_back(file: Path) -> None:
    purse(file).raise_caps(Caps(dollars=9.0, tokens=5))
    purse(file).raise_caps(Caps(dollars=3.0))
    assert purse(file, Caps(dollars=1.0, tokens=1)).left() == Caps(dollars=9.0, tokens=5)


async def test_a_cap_that_is_raised_lets_an_agent_at_work_go_on(file: Path) -> None:
    one = purse(file, Caps(dollars=1.0))
    await one.reserve("coder.1.2.a1.t1.1", 1.0, 10, until=soon())
    one.settle("coder.1.2.a1.t1.1", 1.0, 10)
    purse(file).raise_caps(Caps(dollars=3.0))
    await one.reserve("coder.1.2.a1.t2.1", 1.0, 10, until=soon())
    assert one.left().dollars == 1.0


async def test_a_price_that_is_unknown_only_afterwards_is_taken_at_its_most(file: Path) -> None:
    one = purse(file)
    await one.reserve("coder.1.2.a1.t1.1", 2.0, 10, until=soon())
    one.settle("coder.1.2.a1.t1.1", None, 10)
    assert dollars(file) == (2.0, 0.0)


@pytest.mark.parametrize("kept", range(1, 60, 7))
async def test_a_line_that_was_cut_off_says_nothing_and_harms_nothing(file: Path, kept: int) -> None:
    one = purse(file)
    await one.reserve("coder.1.2.a1.t1.1", 2.0, 10, until=soon())
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:kept])
    await purse(file).reserve("coder.2.3.a1.t1.1", 1.0, 10, until=soon())
    assert dollars(file) == (0.0, 3.0)
    one.settle("coder.1.2.a1.t1.1", 0.5, 10)
    assert dollars(file) == (0.5, 1.0)


async def test_the_manager_is_shown_what_is_really_left(file: Path) -> None:
    one = purse(file)
    await one.reserve("tuner.1.2.a1.t1.1", 2.0, 100, until=soon())
    shown = Board(
        phase="EXPLORING", candidates=(), max_candidates=3, max_designs=6, in_flight=(), slots=1,
        seconds_to_explore=10.0, seconds_left=20.0, dollars_left=10.0, tokens_left=1_000,
    )  # fmt: skip
    assert (true_now(shown, one.left()).dollars_left, true_now(shown, one.left()).tokens_left) == (8.0, 900)


async def test_of_those_who_looked_at_the_same_time_only_the_first_counts(file: Path) -> None:
    """Each wrote because it saw room; the order in which they wrote decides, for all who read it."""
    asked = [Reserved(call=f"coder.{number}.1.a1.t1.1", dollars=12.0, tokens=10, caps=CAPS) for number in (1, 2)]
    file.write_text("".join(f"{one.model_dump_json()}\n" for one in asked))
    assert dollars(file) == (0.0, 12.0)
    purse(file).settle(asked[1].call, 12.0, 10)
    assert dollars(file) == (0.0, 12.0)
    purse(file).settle(asked[0].call, 2.0, 10)
    assert dollars(file) == (2.0, 0.0)


async def test_who_asks_as_another_writes_is_told_that_it_came_second(file: Path) -> None:
    class Slow(Purse):
        """Another one's reservation comes between its look and its line."""

        def _write(self, line: bytes) -> None:
            if b"coder.1" not in (file.read_bytes() if file.exists() else b""):
                first = Reserved(call="coder.1.1.a1.t1.1", dollars=12.0, tokens=10, caps=CAPS)
                file.write_text(f"{first.model_dump_json()}\n")
            super()._write(line)

    with pytest.raises(LimitReached, match="time ran out"):
        await Slow(file, CAPS).reserve("coder.2.1.a1.t1.1", 1.0, 10, until=soon(0.5))
    purse(file).settle("coder.1.1.a1.t1.1", 2.0, 10)
    await Slow(file, CAPS).reserve("coder.2.1.a1.t1.1", 1.0, 10, until=soon())
    assert dollars(file) == (2.0, 1.0)


# --- what the workflow has done with it ---------------------------------------------------------------------------


async def test_money_that_a_person_gave_reaches_agents_by_the_activity_that_holds_them(
    tmp_path: Path, client: Client
) -> None:
    run = RunRef(id="toy-1", folder=str(tmp_path))
    one = purse(Layout.of(run).purse, Caps(dollars=1.0))
    told = HoldRequest(run=run, held=False, caps=Caps(dollars=5.0))
    await ActivityEnvironment().run(BookkeepingActivities(client).hold, told)
    assert one.left().dollars == 5.0


async def test_what_an_invocation_that_is_given_up_was_answered_is_settled_by_its_journal(tmp_path: Path) -> None:
    run = RunRef(id="toy-1", folder=str(tmp_path))
    layout, call = Layout.of(run), "coder.1.2.a1.t1.1"
    await purse(layout.purse).reserve(call, 5.0, 500, until=soon())
    journal = await FileJournal.open(layout.journals("coder.1.2"), 1, OPENING, now=lambda: datetime.now(UTC))
    reply = says("done").model_copy(update={"usage": Usage(output_tokens=7), "dollars": 0.5})
    await journal.append(Replied(turn=1, reply=reply, seconds=1.0, call=call))
    journal.close()
    await ActivityEnvironment().run(ScoringActivities().account, AccountRequest(run=run, invocation="coder.1.2"))
    assert (dollars(layout.purse), purse(layout.purse).totals().tokens) == ((0.5, 0.0), 7)


async def test_an_invocation_that_is_given_up_lets_the_others_go_on(tmp_path: Path) -> None:
    run = RunRef(id="toy-1", folder=str(tmp_path))
    file = Layout.of(run).purse
    await purse(file).reserve("coder.1.2.a1.t1.1", 12.0, 10, until=soon())
    await ActivityEnvironment().run(ScoringActivities().account, AccountRequest(run=run, invocation="coder.1.2"))
    with pytest.raises(LimitReached, match="are spent"):
        await purse(file).reserve("coder.2.3.a1.t1.1", 1.0, 10, until=soon())
