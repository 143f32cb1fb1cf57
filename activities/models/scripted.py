"""A model that answers by a script, for tests and demonstrations."""

from collections.abc import Callable, Sequence

from schemas.message import ModelRequest, Reply, StopReason, TextBlock, ToolUseBlock

Answer = Callable[[ModelRequest], Reply]


class ScriptedModel:
    """Gives its replies in order, or what a function of the request says. `asked` keeps the requests."""

    def __init__(self, script: Sequence[Reply] | Answer) -> None:
        self._script = script
        self.asked: list[ModelRequest] = []

    async def ask(self, request: ModelRequest) -> Reply:
        """The next reply; raises IndexError beyond the script's end."""
        self.asked.append(request)
        if callable(self._script):
            return self._script(request)
        if len(self.asked) > len(self._script):
            raise IndexError(f"the script has {len(self._script)} replies, and was asked for one more")
        return self._script[len(self.asked) - 1]


def says(text: str, stop_reason: StopReason = "end_turn") -> Reply:
    """A reply of text alone."""
    return Reply(model="scripted", content=(TextBlock(text=text),) if text else (), stop_reason=stop_reason)


def calls(*uses: tuple[str, dict[str, object]], text: str = "", stop_reason: StopReason = "tool_use") -> Reply:
    """A reply that calls tools, each given by its name and input; ids are made of the place in the reply."""
    words = (TextBlock(text=text),) if text else ()
    blocks = tuple(
        ToolUseBlock(id=f"use_{place}_{name}", name=name, input=given) for place, (name, given) in enumerate(uses)
    )
    return Reply(model="scripted", content=(*words, *blocks), stop_reason=stop_reason)
