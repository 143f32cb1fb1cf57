"""A hub for one test, as the environment names it."""

from collections.abc import Iterator

import pytest

from activities.execution import hub as client
from tests.hub.server import LoopbackHub, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    with serving(LoopbackHub()) as made:
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(client, "PAUSE", 0.01)
        yield made
