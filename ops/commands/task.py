"""`aibuildai task init`."""

from pathlib import Path
from typing import Annotated

import typer

from activities.errors import BadInput
from activities.execution.durable import write_whole
from ops.console import Json, give, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Describe a task."""


@app.command(name="init", help="Write task.yaml by looking at the data and the description.")
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds the description and the data.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace a task.yaml that is there.")] = False,
    json: Json = False,
) -> None:
    # imported here: it loads pandas and scikit-learn, which no other command should wait for
    from activities.workspace.draft import draft, render_task_yaml

    path = folder.expanduser().resolve() / "task.yaml"
    if path.exists() and not force:
        raise BadInput(f"{path} is there already: edit it, or give --force to write it anew")
    text = render_task_yaml(path.parent)
    try:
        write_whole(path, text)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from error
    if json:
        give({"path": str(path), "task": draft(path.parent).model_dump(mode="json", exclude_defaults=True)})
    else:
        say(f"{text}\nWritten to {path}. Look it over, then: aibuildai run {path.parent}")
