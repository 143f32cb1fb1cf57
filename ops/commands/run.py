"""`aibuildai run`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ops.asked import Asked, Spec
from ops.console import Json, complete, give, here, say
from ops.modelcheck import check_models
from ops.modelwords import first_lines
from ops.options import spec_of
from ops.recorded import recorded
from ops.settings import Settings
from ops.showing import show

SET_HELP = (
    "Any setting or limit, such as refit=false, parallel=2, routing=true, or one role's own: models.tuner=NAME, "
    "efforts.coder=max, fallbacks.manager=NAME. May be given several times."
)


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
    model: Annotated[
        str | None,
        typer.Option(
            help="Who thinks, in all roles: playbook (the default, no language model), claude-NAME, bedrock/NAME, "
            "vertex/NAME, foundry/NAME, or server/NAME for a server at ANTHROPIC_BASE_URL."
        ),
    ] = None,
    effort: Annotated[
        str | None, typer.Option(help="How much a language model thinks: low, medium, high, xhigh or max.")
    ] = None,
    fallback: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Asked while a role's own model is not to be had, or refuses.")
    ] = None,
    no_web: Annotated[bool, typer.Option("--no-web", help="The designer does not search the web.")] = False,
    max_dollars: Annotated[float | None, typer.Option(help="What language models may cost in all.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens of language models at most, of every kind.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep every exchange with a language model, for --replay.")
    ] = False,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Answer from that recorded run, without a network; its task and settings are taken over.",
        ),
    ] = None,
    max_agent_calls: Annotated[int | None, typer.Option(help="Invocations of roles at most.")] = None,
    run_budget_minutes: Annotated[float | None, typer.Option(help="One training at most.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", "--pipeline-budget-minutes", help="The whole run (60).")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option("--candidates", "--num-candidates", help="Candidates that get code (3).")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="What decides: agent (the manager, the default) or greedy (a search in code).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of splits and of all chance (0).")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=SET_HELP)] = None,
    no_form: Annotated[bool, typer.Option("--no-form", help="Accepted; there is no form.")] = False,  # noqa: ARG001
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; the run goes on.")] = False,
    json: Json = False,
) -> int:
    settings = here(context)
    flags: dict[str, object] = {
        "model": model,
        "effort": effort,
        "fallback": fallback,
        "web": False if no_web else None,
        "dollars": max_dollars,
        "tokens": max_tokens,
        "record": True if record else None,
        "agent_calls": max_agent_calls,
        "training_seconds": None if run_budget_minutes is None else run_budget_minutes * 60,
        "seconds": None if minutes is None else minutes * 60,
        "candidates": candidates,
        "policy": policy,
        "seed": seed,
    }
    asked = Asked(task, task_name, data_dir, instruction)
    before = complete(recorded(settings, replay)) if replay else None
    if before is not None:
        flags["replay"] = str(before.layout.folder)
        asked = asked if task or data_dir else replace(asked, task=before.layout.task)
    spec = spec_of(settings, flags, sets or [], before.spec if before else None)
    check_models(settings, spec)
    return complete(_run(settings, asked, spec, playground_dir, detach=detach, json=json))


async def _run(
    settings: Settings, asked: Asked, spec: Spec, playground: Path | None, *, detach: bool, json: bool
) -> int:
    # imported here: it loads pandas and scikit-learn to look at the data, which no other command should wait for
    from ops.starting import start

    if not json:
        say("\n".join(first_lines(spec)))
    started = await start(settings, asked, spec, playground)
    run, url = started.spec.run.id, started.where.url(started.spec.run.id)
    if detach and json:
        give({"run": run, "folder": started.spec.run.folder, "url": url})
    elif not json:
        say("\n".join([*started.notes, f"Run {run}" + (f"  {url}" if url else "")]))
    if detach:
        if not json:
            say(f"It goes on by itself. Look at it with: aibuildai watch {run}")
        return 0
    return await show(started.client, run, url, json=json)
