"""Claude, asked at a server of our own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.models.claude.address import Address
from activities.models.claude.client import Claude
from activities.models.claude.connect import connect
from tests.models.wire import KEY, REQUEST, Server, running


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with running() as made:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", made.url)
        yield made


@pytest_asyncio.fixture
async def claude(server: Server) -> AsyncIterator[Claude]:
    address = Address.of(REQUEST.model)
    assert address is not None
    made = Claude(address, lambda address: connect(address, silence=0.5))
    yield made
    await made.close()
