"""A recorded run answers again as it did, without a network."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.errors import Impossible, NeedsPerson
from activities.models.base import Model, Unavailable
from activities.models.claude.client import Claude
from activities.models.recorded import Exchange, kept
from activities.models.scripted import ScriptedModel, calls, says
from activities.workspace.layout import Layout
from schemas.message import ModelRequest, Reply
from tests.models.wire import KEY, REQUEST, Server, block, call, reply, running, streamed, text

TURN = REQUEST.model_copy(update={"invocation": "coder.1.2", "turn": 7})


def turn(number: int, invocation: str = "coder.1.2") -> ModelRequest:
    return REQUEST.model_copy(update={"invocation": invocation, "turn": number})


@pytest.fixture
def recorded(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "recorded")


@pytest_asyncio.fixture
async def nobody() -> AsyncIterator[ScriptedModel]:
    """A model that must not be asked, and was not."""
    model = ScriptedModel([])
    yield model
    assert model.asked == []


async def test_each_exchange_is_kept_whole(recorded: Layout) -> None:
    said = calls(("train", {"minutes": 5}))
    model = kept(ScriptedModel([said]), True, None, recorded)
    assert await model.ask(TURN) == said
    exchange = Exchange.model_validate_json(recorded.exchange("coder.1.2", 7).read_bytes())
    assert exchange == Exchange(request=TURN, reply=said)


async def test_without_settings_nothing_is_kept(recorded: Layout) -> None:
    model = ScriptedModel([says("Hi.")])
    assert kept(model, False, None, recorded) is model
    await model.ask(TURN)
    assert not recorded.folder.exists()


async def test_a_recorded_run_answers_in_place_of_the_model(
    recorded: Layout, tmp_path: Path, nobody: ScriptedModel
) -> None:
    script: list[Reply] = [says("one"), calls(("train", {})), says("three", "max_tokens")]
    first = kept(ScriptedModel(script), True, None, recorded)
    asked = [turn(1), turn(2), turn(1, "tuner.1.3")]
    given = [await first.ask(request) for request in asked]
    again = kept(nobody, False, str(recorded.folder), Layout(tmp_path / "again"))
    assert [await again.ask(request) for request in reversed(asked)] == given[::-1]


async def test_a_replayed_run_can_be_recorded_again(recorded: Layout, tmp_path: Path, nobody: ScriptedModel) -> None:
    await kept(ScriptedModel([says("one")]), True, None, recorded).ask(TURN)
    other = Layout(tmp_path / "again")
    await kept(nobody, True, str(recorded.folder), other).ask(TURN)
    assert other.exchange("coder.1.2", 7).read_bytes() == recorded.exchange("coder.1.2", 7).read_bytes()


async def test_what_claude_said_is_the_same_to_the_byte_when_it_is_replayed(
    server: Server, claude: Claude, recorded: Layout, nobody: ScriptedModel
) -> None:
    thinking = block({"type": "thinking", "thinking": "é", "signature": "a+/="})
    server.will(streamed(reply(thinking, text("Now."), call("train", '{"minutes": '), reason="tool_use")))
    said = await kept(claude, True, None, recorded).ask(TURN)
    async with running() as elsewhere:
        again = await kept(nobody, False, str(recorded.folder), recorded).ask(TURN)
        assert elsewhere.connections == 0
    assert again.model_dump_json() == said.model_dump_json()
    assert again.unparsed == {"toolu_1": '{"minutes": '}


async def test_no_record_holds_the_key(server: Server, claude: Claude, recorded: Layout) -> None:
    server.will(streamed(reply(text("Now."))))
    await kept(claude, True, None, recorded).ask(TURN)
    files = [path for path in recorded.folder.rglob("*") if path.is_file()]
    assert files
    assert all(KEY.encode() not in path.read_bytes() for path in files)


async def test_of_a_turn_that_was_asked_again_the_last_reply_counts(recorded: Layout, nobody: ScriptedModel) -> None:
    replies = iter([says("cut", "max_tokens"), None, says("whole")])

    def answer(request: ModelRequest) -> Reply:
        reply = next(replies)
        if reply is None:
            raise Unavailable("Overloaded")
        return reply

    model = kept(ScriptedModel(answer), True, None, recorded)
    await model.ask(TURN)
    with pytest.raises(Unavailable):
        await model.ask(TURN)
    await model.ask(TURN)
    assert (await kept(nobody, False, str(recorded.folder), recorded).ask(TURN)).text == "whole"


async def test_a_turn_that_was_not_recorded_is_impossible(recorded: Layout, nobody: ScriptedModel) -> None:
    await kept(ScriptedModel([says("one")]), True, None, recorded).ask(TURN)
    model: Model = kept(nobody, False, str(recorded.folder), recorded)
    with pytest.raises(Impossible, match=r"no turn 8 of coder\.1\.2"):
        await model.ask(turn(8))


async def test_a_folder_without_a_recorded_run_needs_a_person(tmp_path: Path, nobody: ScriptedModel) -> None:
    model = kept(nobody, False, str(tmp_path / "nothing"), Layout(tmp_path))
    with pytest.raises(NeedsPerson, match=r"no recorded exchanges.*aibuildai resume RUN"):
        await model.ask(TURN)


async def test_an_exchange_that_is_cut_off_needs_a_person(recorded: Layout, nobody: ScriptedModel) -> None:
    await kept(ScriptedModel([says("one")]), True, None, recorded).ask(TURN)
    path = recorded.exchange("coder.1.2", 7)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(NeedsPerson, match=r"007\.json cannot be read"):
        await kept(nobody, False, str(recorded.folder), recorded).ask(TURN)


async def test_a_reply_is_not_lost_where_it_cannot_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "exchanges").write_text("a file in the way")
    model = kept(ScriptedModel([says("paid for")]), True, None, Layout(tmp_path))
    assert (await model.ask(TURN)).text == "paid for"
