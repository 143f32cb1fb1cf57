"""A strict server for one test, with a mind of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.strict.minds import ScriptMind
from tests.strict.server import StrictServer, serving
from tests.strict.service import Service

Serve = Callable[[Service], StrictServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda service: stack.enter_context(serving(service))


@pytest.fixture
def url(serve: Serve) -> str:
    """Of a server that answers everything in the same words."""
    return serve(Service(ScriptMind(lambda _: [{"type": "text", "text": "There is nothing."}]))).url
