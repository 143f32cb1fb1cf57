"""A request to its outcome: checks, faults, the mind, the cache's accounting, the record."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.strict import checks, thinking
from tests.strict.answers import Answer, check_results, finished, searches, written
from tests.strict.cache import Cache, Usage
from tests.strict.faults import Fault, Plan
from tests.strict.minds import Mind
from tests.strict.models import Ability, ability
from tests.strict.prompt import Json, Prompt, digest, listed, plain, prompt
from tests.strict.record import Asked, Record
from tests.strict.refusals import Refused
from tests.strict.shapes import shaped
from tests.strict.spoilt import SPOILS
from tests.strict.thinking import Signer, Trail
from tests.strict.tokens import CHARACTERS


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
    """The API without its sockets. `context` makes every model's window so small; `clock` moves for tests."""

    def __init__(
        self,
        mind: Mind,
        *,
        keys: Collection[str] = (),
        faults: str = "",
        log: Path | None = None,
        context: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.record = Record(log)
        self._mind = mind
        self._keys = frozenset(keys)
        self._plan = Plan.of(faults)
        self._context = context
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
        body = checks.parsed(raw)
        shaped(body)
        found, able = prompt(body), self._able(body["model"])
        self._note(asked, body, found)
        checks.check_version(body, found, headers["anthropic-version"])
        checks.check_request(body, found, able, goes_on=self._goes_on(body))
        check_results(found, self._signer)
        trail = self._signer.check(found, able)
        asked.dropped_thinking = trail.dropped
        self.record.known(asked)
        if fault is not None:
            asked.fault = str(fault)
            if error := fault.refused():
                raise error
        return self._answered(asked, name, body, found, able, trail, fault)

    def _answered(
        self, asked: Asked, name: str, body: Json, found: Prompt, able: Ability, trail: Trail, fault: Fault | None
    ) -> Outcome:
        given = self._mind.answer(body)
        if not thinking.active(body, able):
            given = replace(
                given, content=tuple(b for b in given.content if b["type"] not in ("thinking", "redacted_thinking"))
            )
        spoil = SPOILS.get(fault.kind) if fault is not None else None
        given = spoil(given, body) if spoil is not None else given
        made = finished(given, body, trail, self._signer, shown=thinking.shown(body, able))
        if made.stop == "pause_turn":
            self._paused.add(_turn(made.content))
        used = Usage(0)
        if fault is None or fault.kind not in ("bad_gateway", "cut", "hang"):
            used = self._cache.take(body, found, able, self._clock() + self._ahead)
        message = _message(asked, body, made, used)
        if fault is not None and fault.kind == "bad_gateway":
            asked.status = 502
        asked.usage, asked.stop_reason, asked.clean = message["usage"], made.stop, fault is None
        return Outcome(asked, name, fault, message=message, stream=bool(body.get("stream")))

    def _able(self, name: str) -> Ability:
        able = ability(name)
        return replace(able, context=self._context) if self._context else able

    def _goes_on(self, body: Json) -> bool:
        """Whether the last message is a turn that was paused here."""
        last = body["messages"][-1] if body["messages"] else {"role": "user"}
        return last["role"] == "assistant" and _turn(listed(last["content"])) in self._paused

    def _note(self, asked: Asked, body: Json, found: Prompt) -> None:
        asked.request = digest(body)
        asked.model, asked.messages, asked.stream = body["model"], len(body["messages"]), bool(body.get("stream"))
        begun = [list(found.tools), list(found.system)]
        asked.prompt = digest(body["model"], *plain(begun), [[one.role, plain(one.block)] for one in found.blocks])
        asked.conversation = digest(body["model"], *plain(begun), plain(body["messages"][:1]))[:16]


def _turn(content: object) -> str:
    return digest(plain(list(content)))  # type: ignore[call-overload]


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
