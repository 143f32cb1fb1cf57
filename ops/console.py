"""What commands share: settings, output for people or for programs, errors and exit codes."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from temporalio.client import Client

from activities.errors import BadInput
from ops import connection, runs
from ops.ending import BAD_INPUT, FAILED
from ops.errors import CommandFailed
from ops.settings import Settings

Result = TypeVar("Result")
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id; a beginning that no other run has will do.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def here(context: typer.Context) -> Settings:
    """The settings in force, with the home folder that --home names."""
    home = context.find_root().params.get("home")
    return Settings.load(Path(home) if home else None)


def complete(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a command's asynchronous part."""
    return asyncio.run(work)


async def client_if_up(where: Settings) -> Client | None:
    """A client, or None where no server can be reached: then a run's folder has to do."""
    try:
        return await connection.connect(where)
    except CommandFailed:
        return None


async def found(where: Settings, prefix: str) -> tuple[Client | None, str]:
    """A client if there is a server, and the run's full id."""
    client = await client_if_up(where)
    return client, await runs.resolve(where, client, prefix)


def say(text: str) -> None:
    """A line for people."""
    Console(soft_wrap=True).print(text, markup=False, highlight=False)


def give(value: BaseModel | dict[str, Any] | list[Any]) -> None:
    """One JSON object for programs."""
    console = Console(soft_wrap=True)
    if isinstance(value, BaseModel):
        console.out(value.model_dump_json(indent=2), highlight=False)
    else:
        console.print_json(data=value, highlight=False)


def failing(error: BadInput | CommandFailed, *, json: bool) -> int:
    """Says what is wrong and what to do, and returns the exit code."""
    code = BAD_INPUT if isinstance(error, BadInput) else FAILED
    if json:
        give({"error": str(error), "exit": code})
    Console(stderr=True, soft_wrap=True).print(f"aibuildai: {error}", markup=False, highlight=False)
    return code
