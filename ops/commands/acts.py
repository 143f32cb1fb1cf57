"""What a person does to a run: `steer`, `pause`, `resume`, `extend`, `discard`, `stop`."""

from typing import Annotated

import typer
from pydantic import ValidationError

from activities.errors import BadInput
from ops.acting import act
from ops.connection import connect_to
from ops.console import Json, Run, complete, found, give, here, say
from ops.settings import Settings
from ops.stack import up_for_runs
from schemas.person import Extension, Stop

Why = Annotated[str, typer.Option(help="The reason, for the record.")]


def add(app: typer.Typer) -> None:
    app.command(name="steer", help="Tell the manager something; it reads it at its next turn.")(steer)
    app.command(name="pause", help="Start nothing new; agents stop at their next turn, jobs finish.")(pause)
    app.command(name="resume", help="Go on after a pause.")(resume)
    app.command(name="extend", help="Give a run more time, money, tokens or agent calls.")(extend)
    app.command(name="discard", help="Stop working on a candidate; its results stay.")(discard)
    app.command(name="stop", help="End a run, at once or after delivering what is trained.")(stop)


def steer(
    context: typer.Context,
    run: Run,
    note: Annotated[str, typer.Argument(metavar="NOTE", help="What the manager is to know, in words.")],
    json: Json = False,
) -> None:
    _do(here(context), run, "steer", [note], "noted for the manager's next turn", json=json)


def pause(context: typer.Context, run: Run, why: Why = "", json: Json = False) -> None:
    _do(here(context), run, "pause", [why], "paused; go on with `aibuildai resume`", json=json)


def resume(context: typer.Context, run: Run, json: Json = False) -> None:
    _do(here(context), run, "resume", [], "goes on", json=json)


def extend(
    context: typer.Context,
    run: Run,
    minutes: Annotated[float, typer.Option(help="More time.")] = 0.0,
    dollars: Annotated[float, typer.Option(help="More money.")] = 0.0,
    tokens: Annotated[int, typer.Option(help="More tokens of language models.")] = 0,
    agent_calls: Annotated[int, typer.Option(help="More invocations of roles.")] = 0,
    json: Json = False,
) -> None:
    try:
        more = Extension(minutes=minutes, dollars=dollars, tokens=tokens, agent_calls=agent_calls)
    except ValidationError as error:
        raise BadInput(
            "; ".join(f"--{str(item['loc'][0]).replace('_', '-')}: {item['msg']}" for item in error.errors())
        ) from error
    if more == Extension():
        raise BadInput("extend by what? Give --minutes, --dollars, --tokens or --agent-calls")
    _do(here(context), run, "extend", [more], "extended", json=json)


def discard(
    context: typer.Context,
    run: Run,
    candidate: Annotated[int, typer.Argument(metavar="CANDIDATE", help="Its number, as `status` shows it.")],
    why: Why = "",
    json: Json = False,
) -> None:
    _do(here(context), run, "discard", [candidate, why], f"candidate {candidate} discarded", json=json)


def stop(
    context: typer.Context,
    run: Run,
    deliver: Annotated[bool, typer.Option("--deliver", help="Deliver what is trained first.")] = False,
    why: Why = "",
    json: Json = False,
) -> None:
    what = "ends after delivering what is trained" if deliver else "stops"
    _do(here(context), run, "stop", [Stop(deliver=deliver, why=why)], what, json=json)


def _do(settings: Settings, prefix: str, update: str, arguments: list[object], done: str, *, json: bool) -> None:
    run, name, notes = complete(_act(settings, prefix, update, arguments))
    if json:
        give({"run": run, "update": update, "id": name})
    else:
        say("\n".join([*notes, f"{run}: {done}"]))


async def _act(
    settings: Settings, prefix: str, update: str, arguments: list[object]
) -> tuple[str, str, tuple[str, ...]]:
    _, run = await found(settings, prefix)  # a misspelt run starts nothing
    up = await up_for_runs(settings)
    return run, await act(await connect_to(up.where), run, update, arguments), up.notes
