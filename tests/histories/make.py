"""Makes the present version's histories: `python -m tests.histories.make [KIND ...]`, by default all played ones."""

import argparse
import asyncio
import dataclasses
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.testing import WorkflowEnvironment

import worker
from activities.execution.devices import discover
from activities.host import Host
from schemas.base import RunRef
from schemas.budget import Budget
from schemas.run import RunSettings, RunSpec
from tests.conftest import ATTRIBUTES, TEMPORAL
from tests.histories import AlreadyKept, archive
from tests.histories.kinds import PLAYED, Taken, taken
from tests.workflows.stage import start

EXAMPLE = Path(worker.__file__).parent / "examples" / "diabetes"
HOME = Path(tempfile.gettempdir()) / "aibuildai-histories"
MINUTES = 3.0


class Traceless(DefaultFailureConverter):
    """Stack traces name folders of whoever made the history, and no decision rests on them."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        super().to_failure(exception, payload_converter, failure)
        failure.stack_trace = ""


async def diabetes(client: Client) -> Taken:
    """The example for real: agents, sandbox, training and scorer, on one worker for both queues."""
    run = RunRef(id="diabetes", folder=str(HOME / "runs" / "diabetes"))
    shutil.rmtree(run.folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, Path(run.folder) / "task")
    spec = RunSpec(run=run, name="diabetes", settings=RunSettings(candidates=2), budget=Budget(seconds=MINUTES * 60))
    host = Host(HOME, discover("auto"))
    async with worker.served("aibuildai", client, host), worker.served("aibuildai-gpu", client, host):
        handle = await start(client, "aibuildai", spec)
        state = await handle.result()
        assert state.verified, state.why
        return await taken(client, handle)


KINDS: dict[str, Callable[[Client], Awaitable[Taken]]] = {made.__name__: made for made in (*PLAYED, diabetes)}


async def make(kinds: list[str], *, replace: bool) -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(TEMPORAL),
        search_attributes=ATTRIBUTES,
        data_converter=dataclasses.replace(pydantic_data_converter, failure_converter_class=Traceless),
        identity="maker",  # and not this process on this host
        dev_server_log_level="error",
    ) as environment:
        for kind in kinds:
            histories, ledger = await KINDS[kind](environment.client)
            archive().keep(kind, histories, ledger, replace=replace)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--replace", action="store_true", help="those that the version has; not once it is released")
    asked = parser.parse_args()
    kinds = asked.kinds or [made.__name__ for made in PLAYED]
    if unknown := sorted(set(kinds) - set(KINDS)):
        parser.error(f"there is no kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    try:
        archive().check(kinds, replace=asked.replace)
    except AlreadyKept as error:
        parser.error(f"{error}: raise the version in pyproject.toml, or, if it is not released yet, say --replace")
    asyncio.run(make(kinds, replace=asked.replace))


if __name__ == "__main__":
    main()
