"""`aibuildai doctor`."""

import typer
from rich.console import Console
from rich.text import Text

from ops.checks import Check, all_checks
from ops.console import Json, complete, give, here

STYLES = {"ok": "green", "warn": "yellow", "bad": "red"}


def add(app: typer.Typer) -> None:
    app.command(name="doctor", help="Check this installation; each line says ok, or what to do.")(doctor)


def doctor(context: typer.Context, json: Json = False) -> int:
    checks = complete(all_checks(here(context)))
    if json:
        give([check.model_dump() for check in checks])
    else:
        console = Console(soft_wrap=True)
        for check in checks:
            console.print(_line(check))
    return 1 if any(check.level == "bad" for check in checks) else 0


def _line(check: Check) -> Text:
    line = Text(f"{check.level:<4}  ", style=STYLES[check.level]).append(f"{check.name}: {check.detail}", "default")
    return line.append(f"\n      {check.advice}", "default") if check.advice else line
