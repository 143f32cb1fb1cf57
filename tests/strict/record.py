"""What was asked and what became of it: a log in lines of JSON, and what can be counted in it."""

import json
import threading
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.strict.prompt import Json

INPUTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass
class Asked:
    """One request. `clean`: what came was the mind's own answer, to its end; `whole`: all left before the client did.

    `request` is the digest of the body, `prompt` that of what a model reads, `conversation` that of its beginning.
    """

    number: int
    request: str = ""
    prompt: str = ""
    conversation: str = ""
    model: str = ""
    messages: int = 0
    max_tokens: int = 0
    stream: bool = False
    fault: str = ""
    status: int = 200
    error: str = ""
    stop_reason: str = ""
    dropped_thinking: int = 0
    usage: Json = field(default_factory=dict)
    clean: bool = False
    whole: bool = False
    again: bool = False
    ended: bool = False


class Record:
    """All requests so far, and those whose reply had arrived whole when they were asked again."""

    def __init__(self, log: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self._log = log
        self._lock = threading.Lock()
        self._bodies: set[str] = set()
        self._prompts: set[str] = set()

    def begin(self) -> Asked:
        with self._lock:
            self.asked.append(Asked(len(self.asked) + 1))
            return self.asked[-1]

    def known(self, asked: Asked) -> None:
        """The request was read. It is repeated if its reply had come whole, or if an answer to the same prompt had."""
        with self._lock:
            asked.again = asked.request in self._bodies or asked.prompt in self._prompts

    def end(self, asked: Asked, *, whole: bool) -> None:
        """Once for each request; what comes later takes nothing back."""
        with self._lock:
            if asked.ended:
                return
            asked.ended = True
            asked.whole = whole and asked.status == 200
            if asked.whole:
                self._bodies.add(asked.request)
            if asked.whole and asked.clean:
                self._prompts.add(asked.prompt)
            if self._log is not None:
                with self._log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(asked)) + "\n")

    def counters(self) -> Json:
        with self._lock:
            asked = list(self.asked)
        usage: dict[str, Counter[str]] = defaultdict(Counter)
        for one in asked:
            usage[one.conversation].update({name: one.usage.get(name, 0) for name in INPUTS} if one.usage else {})
        return {
            "calls": len(asked),
            "whole": sum(one.whole for one in asked),
            "repeated": sum(one.again for one in asked),
            "dropped_thinking": sum(one.dropped_thinking for one in asked),
            "faults": dict(Counter(one.fault.partition(":")[0] for one in asked if one.fault)),
            "refused": dict(Counter(one.error for one in asked if one.error and not one.fault)),
            "conversations": {name: share(found) for name, found in usage.items() if found},
        }


def share(usage: Counter[str]) -> Json:
    """Tokens that went in, and what part of them was read from the cache."""
    put = sum(usage.values())
    return {**usage, "share": usage["cache_read_input_tokens"] / put if put else 0.0}
