"""A model by its name."""

import pytest

from activities.errors import BadInput
from activities.models.claude.client import Claude
from activities.models.factory import Models, model
from activities.models.playbook import Playbook
from tests.models.wire import KEY, REQUEST, Server, reply, streamed, text


def test_the_playbook_is_there() -> None:
    assert isinstance(model("playbook"), Playbook)


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-5-5",
        "claude-a-model-of-the-future",
        "bedrock/us.anthropic.claude-opus-4-6-v1:0",
        "vertex/claude-opus-5-5@20261001",
        "foundry/my-deployment",
        "server/qwen3:8b",
    ],
)
def test_claude_is_there_on_every_platform_and_nothing_is_needed_to_name_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert isinstance(model(name), Claude)


@pytest.mark.parametrize(
    "name",
    [
        "gpt",
        "",
        "opus-5-5",
        "claude-",
        "claude-opus 5",
        "bedrock/",
        "api/claude-opus-5-5",
        "azure/x",
        "playbook/claude-x",
    ],
)
def test_another_name_is_an_error_that_says_what_there_is(name: str) -> None:
    with pytest.raises(BadInput, match=r"not available; there is: playbook, claude-NAME, bedrock/NAME"):
        model(name)


async def test_a_process_has_one_model_of_each_name(server: Server) -> None:
    models = Models()
    server.will(streamed(reply(text("Yes."))))
    for _ in range(2):
        await models("claude-opus-5-5").ask(REQUEST)
    await models("claude-haiku-5-5").ask(REQUEST)
    assert models("claude-opus-5-5") is models("claude-opus-5-5") is not models("claude-haiku-5-5")
    assert server.connections == 2
    await models.close()


async def test_a_closed_model_can_be_asked_again(server: Server) -> None:
    models = Models()
    server.will(streamed(reply(text("Yes."))))
    first = models("claude-opus-5-5")
    await first.ask(REQUEST)
    await models.close()
    assert (await first.ask(REQUEST)).text == "Yes."
    assert KEY not in repr(first)
    assert isinstance(first, Claude)
    await first.close()
