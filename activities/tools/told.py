"""What earlier tool calls gave, whole, as files: `calls/N.txt`, for what was shortened or cleared."""

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from typing import BinaryIO

from activities.agent.records import Result
from activities.errors import ToolFailed
from activities.tools.roots import Parts

WIDTH = 1_000  # characters of a line: what reads it shows lines, and JSON would be a single one


class Told:
    """The results of one invocation, of all its attempts."""

    def __init__(self, done: Callable[[], Sequence[Result]]) -> None:
        self._done = done

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        found = [(f"{result.number}.txt", len(as_lines(result.content).encode())) for result in self._done()]
        return [(name, size) for name, size in found if not parts or parts == (name,)]

    async def open(self, parts: Parts) -> BinaryIO:
        for result in self._done():
            if parts == (f"{result.number}.txt",):
                return io.BytesIO(as_lines(result.content).encode())
        raise ToolFailed(f"there is no calls/{'/'.join(parts)}; calls/N.txt holds what your tool call N gave")


def as_lines(text: str) -> str:
    """The text with lines of a length that can be read in parts; JSON is indented."""
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    lines = (line[at : at + WIDTH] for line in text.split("\n") for at in range(0, max(len(line), 1), WIDTH))
    return "\n".join(lines) + "\n"
