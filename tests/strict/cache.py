"""The prompt cache: prefixes of tools, system and messages, read and written at breakpoints.

A breakpoint is found again if one was written at most 20 blocks before it, itself included; what is found lives on for
its whole lifetime. Each model has a cache of its own, and prefixes below its shortest are not kept. Tool choice,
thinking and effort belong to what comes before the messages.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.strict import tokens
from tests.strict.models import Ability
from tests.strict.prompt import THOUGHTS, Json, Prompt, digest, plain
from tests.strict.refusals import invalid

LIFETIMES = {"5m": 300.0, "1h": 3600.0}
MOST = 4
LOOK_BACK = 20


@dataclass(frozen=True)
class Usage:
    """Tokens of a request, as the API counts them: `fresh` are those behind the last breakpoint."""

    fresh: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    def wire(self) -> Json:
        return {
            "input_tokens": self.fresh,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
        }


@dataclass(frozen=True)
class Step:
    """One block: the digest of all up to it, its tokens with all before it, and the lifetime of a breakpoint at it."""

    prefix: str
    tokens: int
    ttl: str | None


@dataclass
class Cache:
    """`_until` holds when each prefix is forgotten, and its lifetime."""

    _until: dict[str, tuple[float, str]] = field(default_factory=dict)

    def take(self, body: Json, prompt: Prompt, ability: Ability, now: float) -> Usage:
        """What the request reads and writes, as its reply begins."""
        steps = list(_steps(body, prompt))
        marked = [place for place, step in enumerate(steps) if step.ttl and step.tokens >= ability.cacheable]
        found = max((self._found(steps, place, now) for place in marked), default=-1)
        if found >= 0:
            ttl = self._until[steps[found].prefix][1]
            self._until[steps[found].prefix] = (now + LIFETIMES[ttl], ttl)
        return self._write(steps, [place for place in marked if place > found], found, now)

    def _found(self, steps: list[Step], place: int, now: float) -> int:
        for back in range(place, max(place - LOOK_BACK, -1), -1):
            if self._until.get(steps[back].prefix, (0.0, ""))[0] > now:
                return back
        return -1

    def _write(self, steps: list[Step], places: list[int], found: int, now: float) -> Usage:
        read = steps[found].tokens if found >= 0 else 0
        hours = max((steps[place].tokens for place in places if steps[place].ttl == "1h"), default=read)
        last = max((steps[place].tokens for place in places), default=read)
        for place in places:
            ttl = steps[place].ttl or "5m"
            self._until[steps[place].prefix] = (now + LIFETIMES[ttl], ttl)
        return Usage(steps[-1].tokens - last, read, last - max(hours, read), hours - read)


def check_marks(body: Json, prompt: Prompt) -> None:
    """At most four breakpoints, and longer lifetimes before shorter ones."""
    explicit = [block["cache_control"] for block in _all(prompt) if block.get("cache_control")]
    automatic = body.get("cache_control")
    if automatic is not None and explicit and prompt.blocks[-1].block.get("cache_control") == explicit[-1]:
        if explicit[-1].get("ttl", "5m") != automatic.get("ttl", "5m"):
            raise invalid("cache_control: the last block has a cache_control of another ttl")
        automatic = None
    marks = [*explicit, *([automatic] if automatic is not None else [])]
    if len(marks) > MOST:
        raise invalid(f"A maximum of {MOST} blocks with cache_control may be provided. Found {len(marks)}.")
    lifetimes = [mark.get("ttl", "5m") for mark in marks]
    if lifetimes != sorted(lifetimes, key=lambda ttl: -LIFETIMES[ttl]):
        raise invalid(
            "cache_control: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note "
            "that blocks are processed in the following order: `tools`, `system`, `messages`."
        )


def _all(prompt: Prompt) -> Iterator[Json]:
    yield from prompt.tools
    yield from prompt.system
    for placed in prompt.blocks:
        yield placed.block
        inner = placed.block.get("content")
        if placed.kind == "tool_result" and isinstance(inner, list):
            yield from inner


def _steps(body: Json, prompt: Prompt) -> Iterator[Step]:
    automatic = (body.get("cache_control") or {}).get("ttl", "5m") if body.get("cache_control") else None
    last = max((place for place, one in enumerate(prompt.blocks) if one.kind not in THOUGHTS), default=-1)
    settings = [plain(body.get(key)) for key in ("tool_choice", "thinking", "output_config")]
    prefix, read = digest(prompt.model), 0
    for part, blocks in (("tools", prompt.tools), ("system", prompt.system)):
        for block in blocks:
            prefix, read = digest(prefix, part, plain(block)), read + tokens.count(block)
            yield Step(prefix, read, _ttl(block))
    prefix = digest(prefix, settings)
    for place, one in enumerate(prompt.blocks):
        prefix, read = digest(prefix, one.role, plain(one.block)), read + tokens.count(one.block)
        yield Step(prefix, read, _ttl(one.block) or (automatic if place == last else None))


def _ttl(block: Json) -> str | None:
    """The lifetime of a mark on the block, or on something within it."""
    inner = block.get("content")
    marks = [block, *(inner if block.get("type") == "tool_result" and isinstance(inner, list) else ())]
    found = [str(one["cache_control"].get("ttl", "5m")) for one in marks if one.get("cache_control")]
    return found[-1] if found else None
