"""A model by its name."""

import pytest

from activities.errors import BadInput
from activities.models.factory import model
from activities.models.playbook import Playbook


def test_the_playbook_is_there() -> None:
    assert isinstance(model("playbook"), Playbook)


@pytest.mark.parametrize("name", ["claude-opus-5-5", "gpt", ""])
def test_another_name_is_an_error_that_says_what_there_is(name: str) -> None:
    with pytest.raises(BadInput, match=r"only the playbook.*--model playbook"):
        model(name)


def test_who_asks_for_claude_is_told_that_its_client_comes_later() -> None:
    with pytest.raises(BadInput, match="later version"):
        model("claude-opus-5-5")
