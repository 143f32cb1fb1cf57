"""Models that tell sizes, fail and refuse at chosen turns, and say the same whenever a turn is asked for again."""

from collections.abc import Iterator, Mapping, Sequence

from activities.agent.context import SUMMARISE, characters
from activities.models.base import TooLong, Unavailable
from schemas.budget import Usage
from schemas.message import ModelRequest, OtherBlock, Reply, TextBlock

SUMMARY = "I wrote three long files; what is left is to report."


def thought(name: str) -> OtherBlock:
    return OtherBlock.model_validate({"type": "thinking", "thinking": "", "signature": name})


def name_of(request: ModelRequest) -> str:
    """Of the thought that comes with its reply."""
    return f"{request.invocation} {request.turn}"


def sums_up(request: ModelRequest) -> bool:
    last = request.messages[-1].content[-1]
    return isinstance(last, TextBlock) and last.text == SUMMARISE


class Storm:
    """Says `script` in order, one reply for each turn, each with a thought; `faults` come first, in a turn's tries."""

    def __init__(
        self,
        script: Sequence[Reply],
        faults: Mapping[int, Sequence[Exception | Reply]] | None = None,
        *,
        window: float = float("inf"),
    ) -> None:
        self._script: Iterator[Reply] = iter(script)
        self._faults = {turn: list(found) for turn, found in (faults or {}).items()}
        self._said: dict[int, Reply] = {}
        self._window = window
        self.asked: list[ModelRequest] = []
        self.answered: list[ModelRequest] = []

    async def ask(self, request: ModelRequest) -> Reply:
        self.asked.append(request)
        tokens = characters(request.messages) // 3
        if tokens > self._window:
            raise TooLong(f"{tokens} tokens")
        if self._faults.get(request.turn):
            fault = self._faults[request.turn].pop(0)
            if isinstance(fault, Exception):
                raise fault
            self._said[request.turn] = fault
        self.answered.append(request)
        if request.turn not in self._said:
            plain = Reply(model="", content=(TextBlock(text=SUMMARY),), stop_reason="end_turn")
            self._said[request.turn] = plain if sums_up(request) else next(self._script)
        said = self._said[request.turn]
        return said.model_copy(
            update={
                "model": request.model,
                "content": (thought(name_of(request)), *said.content),
                "usage": Usage(input_tokens=tokens, output_tokens=10),
                "dollars": 0.01,
            }
        )


def overloaded(retry_after: float | None = None, usage: Usage | None = None) -> Unavailable:
    return Unavailable("overloaded (529)", retry_after=retry_after, usage=usage)
