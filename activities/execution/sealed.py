"""What may be shown of a step that saw withheld inputs: where it failed and the kind of error, none of its words."""

import builtins
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

from schemas.job import Step

FRAME = re.compile(r'^[ \t]*File "(?P<file>[^"\n]+)", line (?P<line>\d{1,6})(, in .*)?$', re.MULTILINE)
RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]{0,120})(:|$)", re.MULTILINE)
STARTS = "Traceback (most recent call last):"
MOST_FRAMES = 12
MOST_LOOKED_AT = 40  # what claims to be a frame or an error, and may be none: each means a look at files
HIDDEN = "the output of this step is not shown, as it may hold withheld rows"


def shown(output: str, step: Step, environment: str) -> str:
    """The frames of the last traceback and its exception's type, as far as source files bear them out.

    Source lines are read from the files and not from the output, so that a step cannot speak through them.
    """
    _, starts, traceback = output.rpartition(STARTS)
    if not starts:
        return HIDDEN
    last, lines_of = deque(FRAME.finditer(traceback), maxlen=MOST_LOOKED_AT), cache(_lines)
    frames = [frame for match in last for frame in _frame(match, step, environment, lines_of)]
    raised = (match["type"] for match in islice(RAISED.finditer(traceback), MOST_LOOKED_AT))
    kind = next((name for name in raised if _known(name, environment)), None)
    return "\n".join([HIDDEN, STARTS, *frames[-MOST_FRAMES:], kind or "an exception of the code's own"])


def _frame(
    match: re.Match[str], step: Step, environment: str, lines_of: Callable[[Path], Sequence[str]]
) -> Iterator[str]:
    file = _on_host(match["file"], step, environment)
    if file is None or file.suffix != ".py" or file.is_symlink() or not file.is_file():
        return
    lines = lines_of(file)
    number = int(match["line"])
    if 1 <= number <= len(lines):
        # the plain name: "//" and "/./" in it could be words
        yield f'  File "{Path(match["file"])}", line {number}\n    {lines[number - 1].strip()}'


def _lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").splitlines()


def _on_host(name: str, step: Step, environment: str) -> Path | None:
    """The source file of that name: the code's own, in a folder that it could not write, or the environment's."""
    if ".." in Path(name).parts:
        return None
    if Path(name).is_relative_to(environment):
        return Path(name)
    for mount in step.mounts:
        if mount.target == step.workdir and not mount.writable and Path(name).is_relative_to(mount.target):
            return Path(mount.source) / Path(name).relative_to(mount.target)
    return None


def _known(name: str, environment: str) -> bool:
    """A builtin exception, or a class that an installed package defines: other names could be words."""
    if "." not in name:
        kind = getattr(builtins, name, None)
        return isinstance(kind, type) and issubclass(kind, BaseException)
    *modules, kind_name = name.split(".")
    for packages in Path(environment).glob("lib/python*/site-packages"):
        module = packages.joinpath(*modules)
        for file in (module.with_suffix(".py"), module / "__init__.py"):
            if file.is_file() and re.search(rf"\b{re.escape(kind_name)}\b", file.read_text(errors="replace")):
                return True
    return False
