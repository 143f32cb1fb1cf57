"""Many pictures: no request carries more than the API takes, and the oldest are the first to go."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from activities.agent import context
from activities.agent.context import MOST_PICTURES, clearing_pictures, outline, pictures
from activities.agent.journal import read
from activities.agent.records import Condensed
from activities.models.scripted import calls
from schemas.message import Message, ModelRequest, ToolResultBlock, ToolUseBlock
from tests.agent.storm import Storm
from tests.agent.test_context import PICTURE, condensed, message, result, thinking_fits, use, whole, world_of
from tests.agent.world import Killed

REPORT = calls(("report", {}))
AT_ONCE = 30
TURNS = 5
ENDLESS = 10**9


def looks() -> list:  # type: ignore[type-arg]
    """So many pictures in each turn."""
    return [calls(*[("picture", {})] * AT_ONCE) for _ in range(TURNS)]


def results(request: ModelRequest) -> list[ToolResultBlock]:
    return [block for one in request.messages for block in one.content if isinstance(block, ToolResultBlock)]


async def test_a_request_carries_no_more_pictures_than_the_api_takes_and_the_latest_stay(tmp_path: Path) -> None:
    model = Storm([*looks(), REPORT])
    await world_of(tmp_path, model, tokens=ENDLESS).attempt()
    assert AT_ONCE * TURNS > MOST_PICTURES
    assert all(pictures(request.messages) <= MOST_PICTURES for request in model.asked)
    after = next(one for one in model.asked if "cleared to make room" in str(one.messages))
    seen = [isinstance(one.content, list) for one in results(after)]
    left = MOST_PICTURES // 2
    assert seen == [False] * (len(seen) - left) + [True] * left
    words = results(after)[0].content
    assert words == (
        "a curve\n[cleared to make room: picture, call 1 gave 7 characters and 1 picture(s). Call the tool again, or "
        "read the file again, if you need it.]"
    )
    for request in model.asked:
        whole(request)
    thinking_fits(model.answered)


async def test_between_two_times_what_is_sent_only_grows(tmp_path: Path) -> None:
    model = Storm([*looks(), REPORT])
    await world_of(tmp_path, model, tokens=ENDLESS).attempt()
    anew = [two for one, two in pairwise(model.asked) if two.messages[: len(one.messages)] != one.messages]
    assert len(anew) == len(condensed(tmp_path)) == 1


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", range(-3, 4))
async def test_killed_around_that_decision_the_next_attempt_sends_the_same(
    tmp_path: Path, place: int, written: bool
) -> None:
    undisturbed = Storm([*looks(), REPORT])
    await world_of(tmp_path / "a", undisturbed, tokens=ENDLESS).attempt()
    records = read(tmp_path / "a" / "journal")
    at = next(number for number, record in enumerate(records) if isinstance(record, Condensed)) + place

    model = Storm([*looks(), REPORT])
    world = world_of(tmp_path / "b", model, tokens=ENDLESS)
    with pytest.raises(Killed):
        await world.attempt(1, die_at=at, written=written)
    await world.attempt(2)

    assert sent(model.asked) == sent(undisturbed.asked)
    assert condensed(tmp_path / "b") == condensed(tmp_path / "a")


def sent(requests: Sequence[ModelRequest]) -> dict[int, str]:
    """By turn; a turn that was asked for twice was asked for in the same bytes."""
    found: dict[int, str] = {}
    for request in requests:
        assert found.setdefault(request.turn, request.model_dump_json()) == request.model_dump_json()
    return found


async def test_a_server_that_takes_fewer_pictures_is_sent_fewer(tmp_path: Path) -> None:
    """It says so by refusing, which is no different from a conversation that is too long."""
    model = Storm([calls(("picture", {})), calls(("picture", {})), REPORT], window=2 * context.PICTURE // 3)
    await world_of(tmp_path, model, tokens=ENDLESS).attempt()
    assert pictures(model.answered[-1].messages) == 1
    assert len(results(model.answered[-1])) == 2


# --- the pure part -----------------------------------------------------------------------------------------------


def albums(*sizes: int) -> tuple[Message, ...]:
    """One message of results for each size, which is its number of pictures."""
    talk = [message("user", {"type": "text", "text": "begin"})]
    for number, count in enumerate(sizes):
        talk.append(message("assistant", use(str(number))))
        talk.append(message("user", result(str(number), [PICTURE] * count)))
    return tuple(talk)


def gone(talk: Sequence[Message], *steps: Condensed) -> list[int]:
    return [one.message for one in clearing_pictures(outline(talk, steps), {}, readable=True)]


def test_as_many_as_the_api_takes_stay() -> None:
    assert gone(albums(MOST_PICTURES)) == []
    assert gone(albums(60, 40)) == []


def test_the_oldest_go_until_half_are_left() -> None:
    assert gone(albums(60, 1, 40)) == [2]
    assert gone(albums(30, 30, 30, 30)) == [2, 4, 6]
    assert gone(albums(MOST_PICTURES + 1)) == [2]  # rather than none be seen at all


def test_results_without_pictures_stay_however_old() -> None:
    assert gone(albums(0, 101, 0)) == [4]


def test_pictures_told_with_a_summary_count() -> None:
    talk = albums(60, 0, 41)
    summed_up = Condensed(turn=1, messages=3, summary="so far")
    assert pictures(outline(talk, [summed_up]).sent) == 101
    assert gone(talk, summed_up) == [6]


def test_calls_keep_their_results() -> None:
    talk = albums(60, 41)
    step = Condensed(turn=1, messages=5, cleared=tuple(clearing_pictures(outline(talk, []), {}, readable=True)))
    after = outline(talk, [step]).sent
    assert pictures(after) == 41
    for before, answer in pairwise(after):
        asked = [block.id for block in before.content if isinstance(block, ToolUseBlock)]
        assert asked == [block.tool_use_id for block in answer.content if isinstance(block, ToolResultBlock)]
