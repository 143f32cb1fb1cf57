"""`aibuildai run`."""

from pathlib import Path
from typing import Annotated

import typer

from ops.asked import Asked, Spec
from ops.console import Json, complete, give, here, say
from ops.modelwords import check_models, first_lines
from ops.options import spec_of
from ops.settings import Settings
from ops.showing import show


def add(app: typer.Typer) -> None:
    app.command(name="run", help="Build a model from a task, and show how it goes.")(run)


def run(  # one parameter for each flag
    context: typer.Context,
    task: Annotated[
        Path | None, typer.Argument(metavar="TASK", help="A folder with task.yaml, or with a description and data.")
    ] = None,
    task_name: Annotated[str | None, typer.Option(help="The task's name.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data, where TASK is not given or has none.")] = None,
    instruction: Annotated[str | None, typer.Option(help="The task in words, or @FILE.")] = None,
    playground_dir: Annotated[Path | None, typer.Option(help="Where the run's folder goes (HOME/runs).")] = None,
    model: Annotated[str | None, typer.Option(help="The model of all roles (playbook).")] = None,
    max_agent_calls: Annotated[int | None, typer.Option(help="Invocations of roles at most.")] = None,
    run_budget_minutes: Annotated[float | None, typer.Option(help="One training at most.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", "--pipeline-budget-minutes", help="The whole run (60).")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option("--candidates", "--num-candidates", help="Candidates that get code (3).")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="What decides: agent (the manager) or a search algorithm.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of splits and of all chance (0).")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting or limit.")] = None,
    no_form: Annotated[bool, typer.Option("--no-form", help="Accepted; there is no form.")] = False,  # noqa: ARG001
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; the run goes on.")] = False,
    json: Json = False,
) -> int:
    settings = here(context)
    flags = {
        "model": model,
        "agent_calls": max_agent_calls,
        "training_seconds": None if run_budget_minutes is None else run_budget_minutes * 60,
        "seconds": None if minutes is None else minutes * 60,
        "candidates": candidates,
        "policy": policy,
        "seed": seed,
    }
    spec = spec_of(settings, flags, sets or [])
    check_models(spec.settings)
    asked = Asked(task, task_name, data_dir, instruction)
    return complete(_run(settings, asked, spec, playground_dir, detach=detach, json=json))


async def _run(
    settings: Settings, asked: Asked, spec: Spec, playground: Path | None, *, detach: bool, json: bool
) -> int:
    # imported here: it loads pandas and scikit-learn to look at the data, which no other command should wait for
    from ops.starting import start

    if not json:
        say("\n".join(first_lines(spec.settings)))
    started = await start(settings, asked, spec, playground)
    run, url = started.spec.run.id, started.where.url(started.spec.run.id)
    if detach and json:
        give({"run": run, "folder": started.spec.run.folder, "url": url})
    elif not json:
        say(f"Run {run}" + (f"  {url}" if url else ""))
    if detach:
        if not json:
            say(f"It goes on by itself. Look at it with: aibuildai watch {run}")
        return 0
    return await show(started.client, run, url, json=json)
