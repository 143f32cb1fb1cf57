"""A request to its outcome: checks, faults, the mind, the cache's accounting, the record."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.strict import checks, thinking
from tests.strict.answers import Answer, check_results, finished, searches, written
from tests.strict.cache import Cache, Usage
from tests.strict.faults import Fault, Plan
from tests.strict.minds import Mind
from tests.strict.models import MODELS, Ability, ability
from tests.strict.prompt import THOUGHTS, Json, Prompt, digest, listed, plain, prompt
from tests.strict.record import Asked, Record
from tests.strict.refusals import Refused
from tests.strict.shapes import shaped
from tests.strict.spoilt import SPOILS
from tests.strict.thinking import Signer, Trail
from tests.strict.tokens import CHARACTERS

COMPLETE = ("end_turn", "tool_use", "pause_turn")  # ends of a reply that leave nothing to ask for again
UNSENT = ("bad_gateway", "cut", "hang")  # faults with which nothing of the reply leaves


@dataclass(frozen=True)
class Outcome:
    """What is to be sent: an error or a message, and what goes wrong with it."""

    asked: Asked
    request_id: str
    fault: Fault | None = None
    error: Refused | None = None
    message: Json | None = None
    stream: bool = False


class Service:
    """The API without its sockets, or another server's, with `models` of its own.

    `context` makes every model's window so small; `clock` moves for tests.
    """

    def __init__(
        self,
        mind: Mind,
        *,
        keys: Collection[str] = (),
        faults: str = "",
        log: Path | None = None,
        context: int | None = None,
        models: Mapping[str, Ability] = MODELS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.record = Record(log)
        self._mind = mind
        self._keys = frozenset(keys)
        self._plan = Plan.of(faults)
        self._context = context
        self._models = models
        self._clock = clock
        self._ahead = 0.0
        self._signer = Signer()
        self._cache = Cache()
        self._paused: set[str] = set()
        self._lock = threading.Lock()

    def set_faults(self, words: str) -> None:
        """From the next request on."""
        plan = Plan.of(words)
        with self._lock:
            self._plan = plan

    def set_keys(self, keys: Collection[str]) -> None:
        with self._lock:
            self._keys = frozenset(keys)

    def pass_time(self, seconds: float) -> None:
        with self._lock:
            self._ahead += seconds

    def take(self, headers: Mapping[str, str], raw: bytes) -> Outcome:
        asked, name = self.record.begin(), f"req_{uuid.uuid4().hex[:24]}"
        with self._lock:
            fault = self._plan.next()
            try:
                return self._taken(asked, name, headers, raw, fault)
            except Refused as error:
                asked.status, asked.error = error.status, error.message
                return Outcome(asked, name, error=error)

    def _taken(self, asked: Asked, name: str, headers: Mapping[str, str], raw: bytes, fault: Fault | None) -> Outcome:
        checks.check_headers(headers, self._keys)
        found = self._read(asked, raw, headers["anthropic-version"])
        self.record.known(asked)
        if fault is not None:
            asked.fault = str(fault)
            if error := fault.refused():
                raise error
        made = self._answered(found, fault)
        unsent = fault is not None and fault.kind in UNSENT
        used = Usage(0) if unsent else self._cache.take(found.body, found.prompt, found.able, self._now())
        message = _message(asked, found.body, made, used)
        asked.usage, asked.stop_reason = message["usage"], made.stop
        asked.clean = fault is None and made.stop in COMPLETE
        return Outcome(asked, name, fault, message=message, stream=asked.stream)

    def _read(self, asked: Asked, raw: bytes, version: str) -> "_Read":
        """The request, if there is nothing wrong with it."""
        body = checks.parsed(raw)
        shaped(body)
        found, able = prompt(body), self._able(body["model"])
        _note(asked, body, found)
        checks.check_version(body, found, version)
        checks.check_request(body, found, able, goes_on=self._goes_on(body))
        check_results(found, self._signer)
        trail = self._signer.check(found, able)
        asked.dropped_thinking = trail.dropped
        return _Read(body, found, able, trail)

    def _answered(self, found: "_Read", fault: Fault | None) -> Answer:
        """The mind's answer, spoilt where that is the fault."""
        body, given = found.body, self._mind.answer(found.body)
        if not thinking.active(body, found.able):
            given = replace(given, content=tuple(block for block in given.content if block["type"] not in THOUGHTS))
        spoil = SPOILS.get(fault.kind) if fault is not None else None
        given = spoil(given, body) if spoil is not None else given
        made = finished(given, body, found.trail, self._signer, shown=thinking.shown(body, found.able))
        if made.stop == "pause_turn":
            self._paused.add(_turn(made.content))
        return made

    def _now(self) -> float:
        return self._clock() + self._ahead

    def _able(self, name: str) -> Ability:
        able = ability(name, self._models)
        return replace(able, context=self._context) if self._context else able

    def _goes_on(self, body: Json) -> bool:
        """Whether the last message is a turn that was paused here."""
        last = body["messages"][-1] if body["messages"] else {"role": "user"}
        return last["role"] == "assistant" and _turn(listed(last["content"])) in self._paused


@dataclass(frozen=True)
class _Read:
    """A request that is in order, and what thinking in its reply is bound to."""

    body: Json
    prompt: Prompt
    able: Ability
    trail: Trail


def _note(asked: Asked, body: Json, found: Prompt) -> None:
    """By what a request is known again."""
    begun = [plain(list(found.tools)), plain(list(found.system))]
    asked.request = digest(body)
    asked.model, asked.messages, asked.stream = body["model"], len(body["messages"]), bool(body.get("stream"))
    asked.max_tokens = body["max_tokens"]
    asked.prompt = digest(body["model"], *begun, [[one.role, plain(one.block)] for one in found.blocks])
    asked.conversation = digest(body["model"], *begun, plain(body["messages"][:1]))[:16]


def _turn(content: Sequence[Json]) -> str:
    return digest(plain(list(content)))


def _message(asked: Asked, body: Json, made: Answer, used: Usage) -> Json:
    output = max(1, written(made.content) // CHARACTERS)
    usage = {**used.wire(), "output_tokens": output, "service_tier": "standard"}
    if count := searches(made.content):
        usage["server_tool_use"] = {"web_search_requests": count}
    return {
        "id": f"msg_{digest(asked.number, asked.request)[:24]}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": list(made.content),
        "stop_reason": made.stop,
        "stop_sequence": None,
        "stop_details": made.details,
        "usage": usage,
    }


def unstreamed(message: Json) -> bytes:
    """The message in one piece, in which arguments are always an object."""
    content = [{key: value for key, value in block.items() if key != "raw"} for block in message["content"]]
    return json.dumps({**message, "content": content}, ensure_ascii=False).encode()
