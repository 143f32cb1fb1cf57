"""An attempt that stands still at a point that a test chooses, as one that was cut off, and goes on when it is let."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError


class Gate:
    """A named pipe: whoever opens it to read stands still until the test gives what is in it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self._writer = -1

    async def reached(self) -> None:
        """Returns once someone stands there; nobody else will: the name is free again."""
        self._writer = await asyncio.to_thread(os.open, self._path, os.O_WRONLY)
        self._path.unlink()

    def give(self, text: str = "") -> None:
        """Lets who stands there go on."""
        with os.fdopen(self._writer, "w") as pipe:
            pipe.write(text)


def git_that_waits(folder: Path, word: str, after: str) -> Gate:
    """Puts a `git` into the folder that stands still when it is first called with `word`, `after` was called or is."""
    folder.mkdir()
    gate = Gate(folder / "gate")
    (folder / "git").write_text(
        f'''#!/bin/sh
case "$*" in *{after}*) touch "{folder}/seen";; esac
case "$*" in *{word}*) [ -e "{folder}/seen" ] && mkdir "{folder}/once" 2>/dev/null && read -r _ < "{folder}/gate";; esac
exec {shutil.which("git")} "$@"
'''
    )
    (folder / "git").chmod(0o755)
    return gate


async def refused(attempt: "asyncio.Future[Any]") -> None:
    """The attempt ends as one that was cut off."""
    with pytest.raises(ApplicationError) as raised:
        await attempt
    assert raised.value.type == "Superseded"
