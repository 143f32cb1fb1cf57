"""The real Temporal server, once for all tests of a process."""

import gc
import os
import signal
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from workflows import searched

# a runner in the background has Ctrl-C ignored, and what it starts would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

TEMPORAL = Path(sysconfig.get_path("scripts")) / "temporal"
ATTRIBUTES: list[SearchAttributeKey[Any]] = [
    searched.TASK,
    searched.PHASE,
    searched.POLICY,
    searched.BEST,
    searched.DOLLARS,
    searched.TOKENS,
]


def pytest_collection_finish() -> None:
    """As a worker does: else a collector that walks all that tests import can take a workflow for deadlocked."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_configuration_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own Temporal or home folder must not be reached by tests."""
    for name in [key for key in os.environ if key.startswith(("TEMPORAL_", "AIBUILDAI_", "OTEL_"))]:
        monkeypatch.delenv(name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(TEMPORAL),
        search_attributes=ATTRIBUTES,
        data_converter=pydantic_data_converter,
        dev_server_log_level="error",
    ) as environment:
        yield environment


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: WorkflowEnvironment) -> Client:
    return server.client
