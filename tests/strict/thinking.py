"""Thinking: what a request may ask for, and the signatures that tie a block to its conversation.

On models that preserve thinking, a block is taken back only where system, tools and all that came before it are as they
were, and where the thinking before it was neither taken out from between nor moved. All thinking up to some point may
be left out. Marks for the cache are no part of it. A block of another model is not shown to the model that reads it.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field

from tests.strict.models import Ability
from tests.strict.prompt import THOUGHTS, Json, Prompt, canonical, digest, plain
from tests.strict.refusals import invalid

ELSEWHERE = (
    "The block is bound to a different conversation. Remove the block, or set "
    '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)
LATEST = (
    "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must "
    "remain as they were in the original response."
)


def check_settings(body: Json, ability: Ability) -> None:
    """`thinking`, effort, and what does not go with them."""
    asked, model = body.get("thinking") or {}, body["model"]
    kind, budget = asked.get("type"), asked.get("budget_tokens")
    effort = (body.get("output_config") or {}).get("effort")
    if kind is not None and kind not in ability.thinking:
        raise invalid(f'"thinking.type.{kind}" is not supported for this model ({model}).')
    if (kind == "enabled") != (budget is not None):
        word = "Field required" if kind == "enabled" else "Extra inputs are not permitted"
        raise invalid(f"thinking.{kind}.budget_tokens: {word}")
    if budget is not None and budget >= body["max_tokens"]:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`")
    if effort is not None and effort not in ability.efforts:
        raise invalid(f"This model does not support the effort {effort!r}: {', '.join(ability.efforts) or 'none'}")
    if kind == "disabled" and model.startswith("claude-opus-5") and effort in ("xhigh", "max"):
        raise invalid(f"`thinking.type` cannot be disabled at effort {effort}")


def active(body: Json, ability: Ability) -> bool:
    asked = (body.get("thinking") or {}).get("type")
    return ability.thinks if asked is None else bool(asked != "disabled")


def shown(body: Json, ability: Ability) -> bool:
    """Whether the text of thinking is part of a reply, or only its signature."""
    display = (body.get("thinking") or {}).get("display")
    return ability.shows if display is None else bool(display == "summarized")


@dataclass
class Trail:
    """All that was said up to a place, and the last thinking before it."""

    model: str
    said: "hashlib._Hash"
    last: str = ""
    dropped: int = 0

    @classmethod
    def begin(cls, prompt: Prompt) -> "Trail":
        return cls(prompt.model, hashlib.sha256(digest(plain(list(prompt.system)), plain(list(prompt.tools))).encode()))

    def say(self, role: str, block: Json) -> None:
        if block["type"] not in THOUGHTS:
            self.said.update(f"\0{role}\0{canonical(plain(block))}".encode())

    def think(self, signature: str) -> None:
        self.last = hashlib.sha256(signature.encode()).hexdigest()


@dataclass(frozen=True)
class Signer:
    """Signs thinking, and knows its own signatures again."""

    secret: bytes = field(default=b"a key of the strict server's own", repr=False)

    def sign(self, text: str, trail: Trail) -> str:
        """Of thinking that comes next on the trail."""
        bound = {"model": trail.model, "said": trail.said.hexdigest(), "after": trail.last}
        payload = base64.urlsafe_b64encode(canonical(bound).encode()).decode()
        return f"{payload}.{self.seal(payload, text)}"

    def seal(self, *words: str) -> str:
        return hmac.new(self.secret, canonical(words).encode(), hashlib.sha256).hexdigest()

    def check(self, prompt: Prompt, ability: Ability) -> Trail:
        """The trail at the request's end. Raises Refused for thinking that is not as the server gave it."""
        trail = Trail.begin(prompt)
        newest = max((placed.message for placed in prompt.blocks if placed.role == "assistant"), default=-1)
        for placed in prompt.blocks:
            if placed.kind in THOUGHTS:
                self._take(trail, placed.block, ability, placed.path, latest=placed.message == newest)
            trail.say(placed.role, placed.block)
        return trail

    def _take(self, trail: Trail, block: Json, ability: Ability, path: str, *, latest: bool) -> None:
        signature = str(block.get("signature", block.get("data")))
        payload, _, seal = signature.partition(".")
        if not hmac.compare_digest(seal, self.seal(payload, block.get("thinking", ""))):
            changed = latest and _payload(payload) is not None
            raise invalid(f"{path}: {LATEST if changed else _invalid(block)}")
        bound = _payload(payload) or {}
        if bound["model"] != trail.model:
            trail.dropped += 1
            return
        moved = bool(trail.last) and bound["after"] != trail.last
        if ability.bound and (moved or bound["said"] != trail.said.hexdigest()):
            raise invalid(f"{path}: {_invalid(block)}. {ELSEWHERE}")
        trail.think(signature)


def check_manual(body: Json, prompt: Prompt) -> None:
    """With a budget for thinking, a turn that goes on after tool results must still begin with its thinking."""
    if (body.get("thinking") or {}).get("type") != "enabled":
        return
    turns = prompt.turns
    if len(turns) < 2 or not any(placed.kind == "tool_result" for placed in turns[-1][1]):
        return
    first = turns[-2][1][0]
    if first.kind not in THOUGHTS:
        raise invalid(
            f"{first.path}.type: Expected `thinking` or `redacted_thinking`, but found `{first.kind}`. When `thinking` "
            "is enabled, a final `assistant` message must start with a thinking block (preceding the lastmost set of "
            "`tool_use` and `tool_result` blocks)."
        )


def _invalid(block: Json) -> str:
    return f"Invalid `signature` in `{block['type']}` block"


def _payload(encoded: str) -> Json | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(encoded))
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.keys() == {"model", "said", "after"} else None
