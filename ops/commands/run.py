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

TaskFolder = Annotated[
    Path | None, typer.Argument(metavar="TASK", help="A folder with task.yaml, or with a description and data.")
]
TaskName = Annotated[str | None, typer.Option(help="The task's name.")]
DataDir = Annotated[Path | None, typer.Option(help="The data, where TASK is not given or has none.")]
Instruction = Annotated[str | None, typer.Option(help="The task in words, or @FILE.")]
PlaygroundDir = Annotated[Path | None, typer.Option(help="Where the run's folder goes (HOME/runs).")]

Model = Annotated[
    str | None,
    typer.Option(
        help="Who thinks, in all roles: playbook (the default, no language model), claude-NAME, bedrock/NAME, "
        "vertex/NAME, foundry/NAME, or server/NAME for a server at ANTHROPIC_BASE_URL."
    ),
]
Effort = Annotated[str | None, typer.Option(help="How much a language model thinks: low, medium, high, xhigh or max.")]
Fallback = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Asked while a role's own model is not to be had, or refuses.")
]
NoWeb = Annotated[bool, typer.Option("--no-web", help="The designer does not search the web.")]
Record = Annotated[bool, typer.Option("--record", help="Keep every exchange with a language model, for --replay.")]
Replay = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", help="Answer from that recorded run, without a network; its task and settings are taken over."
    ),
]

MaxDollars = Annotated[float | None, typer.Option(help="What language models may cost in all.")]
MaxTokens = Annotated[int | None, typer.Option(help="Tokens of language models at most, of every kind.")]
MaxAgentCalls = Annotated[int | None, typer.Option(help="Invocations of roles at most.")]
TrainingMinutes = Annotated[float | None, typer.Option(help="One training at most.")]
Minutes = Annotated[float | None, typer.Option("--minutes", "--pipeline-budget-minutes", help="The whole run (60).")]

Candidates = Annotated[
    int | None, typer.Option("--candidates", "--num-candidates", help="Candidates that get code (3).")
]
Policy = Annotated[
    str | None, typer.Option(help="What decides: agent (the manager, the default) or greedy (a search in code).")
]
Sandbox = Annotated[
    str | None, typer.Option(help="Where generated code runs: auto (the default), bubblewrap, container, or none.")
]
Seed = Annotated[int | None, typer.Option(help="Of splits and of all chance (0).")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting or limit, such as refit=false, parallel=2, routing=true, or one role's own: "
        "models.tuner=NAME, efforts.coder=max, fallbacks.manager=NAME. May be given several times.",
    ),
]
NoForm = Annotated[bool, typer.Option("--no-form", help="Accepted; there is no form.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return at once; the run goes on.")]


def add(app: typer.Typer) -> None:
    app.command(name="run", help="Build a model from a task, and show how it goes.")(run)


def run(
    context: typer.Context,
    task: TaskFolder = None,
    task_name: TaskName = None,
    data_dir: DataDir = None,
    instruction: Instruction = None,
    playground_dir: PlaygroundDir = None,
    model: Model = None,
    effort: Effort = None,
    fallback: Fallback = None,
    no_web: NoWeb = False,
    max_dollars: MaxDollars = None,
    max_tokens: MaxTokens = None,
    record: Record = False,
    replay: Replay = None,
    max_agent_calls: MaxAgentCalls = None,
    run_budget_minutes: TrainingMinutes = None,
    minutes: Minutes = None,
    candidates: Candidates = None,
    policy: Policy = None,
    seed: Seed = None,
    sandbox: Sandbox = None,
    sets: Sets = None,
    no_form: NoForm = False,  # noqa: ARG001 - as its help says
    detach: Detach = False,
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
        "sandbox": sandbox,
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
