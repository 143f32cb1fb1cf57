"""A strict server for one test, with a mind of the test's own, and agents that are asked there."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.strict.minds import ScriptMind
from tests.strict.server import Serve, serving
from tests.strict.service import Service
from tests.strict.sessions import Agents


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda service: stack.enter_context(serving(service))


@pytest.fixture
def url(serve: Serve) -> str:
    """Of a server that answers everything in the same words."""
    return serve(Service(ScriptMind(lambda _: [{"type": "text", "text": "There is nothing."}]))).url


@pytest_asyncio.fixture(loop_scope="session")
async def agents(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Agents]:
    made = Agents(tmp_path, serve, monkeypatch)
    yield made
    await made.close()
