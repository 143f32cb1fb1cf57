"""A strict server for one test, with a mind of the test's own, and agents and runs that are served there."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from activities.models.factory import Models
from tests.strict.minds import ScriptMind
from tests.strict.runs import Run, Runs
from tests.strict.server import Serve, serving
from tests.strict.service import Service
from tests.strict.sessions import Agents
from tests.tools.conftest import prepared as prepared  # a prepared run, and an agent's bench in it
from tests.tools.conftest import work as work


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


@pytest_asyncio.fixture(loop_scope="session")
async def runs(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runs]:
    models = Models()

    def made(service: Service) -> Run:
        server = serve(service)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key")
        return Run(tmp_path, server, models)

    yield made
    await models.close()
