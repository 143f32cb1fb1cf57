"""What the API refuses, over raw HTTP; what it takes is beside it, so that no refusal is too wide."""

import base64
import struct
import zlib
from typing import Any

import pytest

from tests.strict.conftest import Serve
from tests.strict.minds import ScriptMind
from tests.strict.models import OWN
from tests.strict.raw import MODEL, TOOL, Json, assistant, body, post, result, use, user
from tests.strict.service import Service

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"  # a PNG, 1 x 1
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
MANUAL = "claude-haiku-4-5"
FIVE, HOUR = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def picture(data: str = PIXEL, media_type: str = "image/png", **more: Any) -> Json:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}, **more}


def called(*content: str | Json, **more: Any) -> Json:
    """A conversation in which the tool was called, and whose last message is given."""
    return body(user("Look."), assistant("I look.", use()), user(*content), **({"tools": [TOOL]} | more))


TAKEN = {
    "a question": body(),
    "a string for content": body({"role": "user", "content": "What is there?"}),
    "system as text": body(system="Be short."),
    "system as blocks": body(system=[text("Be short.", cache_control=HOUR)]),
    "a call with its result": called(result()),
    "words behind the results": called(result(), "And now?"),
    "an image in a result": called(result(content=[text("A curve:"), picture()])),
    "an image": body(user(picture(), "What is it?")),
    "neighbouring messages of one role": body(user("One."), user("Two.")),
    "effort and adaptive thinking": body(thinking={"type": "adaptive"}, output_config={"effort": "xhigh"}),
    "a search of the web": body(tools=[TOOL, SEARCH]),
    "a budget, on an older model": body(
        model=MANUAL, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 2000}
    ),
    "prefill, on an older model": body(user("Say yes."), assistant("Ye"), model=MANUAL),
    "a dated snapshot": body(model="claude-haiku-4-5-20251001"),
    "four breakpoints, the longer first": body(
        user(text("a", cache_control=FIVE), text("b", cache_control=FIVE), "c"),
        system=[text("s", cache_control=HOUR)],
        cache_control=FIVE,
    ),
    "the automatic breakpoint where an explicit one is": body(user(text("a", cache_control=FIVE)), cache_control=FIVE),
    "automatic choice of tools": body(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
}  # fmt: skip


@pytest.mark.parametrize("what", TAKEN)
def test_takes(url: str, what: str) -> None:
    answered = post(url, TAKEN[what])
    assert answered.status == 200, answered.body


REFUSED: dict[str, tuple[Json, str]] = {
    # fields and values
    "an unknown field": (body(seed=1), "seed: Extra inputs are not permitted"),
    "an unknown field of a block": (body(user(text("a", note="b"))), "messages.0.content.0.text.note: Extra inputs"),
    "an unknown field of a tool": (body(tools=[TOOL | {"returns": "x"}]), "Extra inputs are not permitted"),
    "an unknown kind of block": (body(user({"type": "video"})), "messages.0.content.0: Input tag 'video'"),
    "an unknown role": (body({"role": "tool", "content": "a"}), "messages.0: Input tag 'tool'"),
    "thinking said by the user": (body(user({"type": "thinking", "thinking": "a"})), "Input tag 'thinking'"),
    "no max_tokens": ({"model": MODEL, "messages": [user("a")]}, "max_tokens: Field required"),
    "max_tokens as a word": (body(max_tokens="many"), "max_tokens: Input should be a valid integer"),
    "more than the model writes": (body(max_tokens=128_001), "max_tokens: 128001 > 128000, which is the maximum"),
    "an unknown effort": (body(output_config={"effort": "huge"}), "output_config.effort: Input should be"),
    "an effort that the model lacks": (body(model=MANUAL, output_config={"effort": "low"}), "not support the effort"),
    "a temperature": (body(temperature=0.5), "temperature: Extra inputs"),
    # thinking
    "a budget for thinking": (
        body(max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 2000}),
        '"thinking.type.enabled" is not supported for this model',
    ),
    "no thinking, where it is always on": (body(thinking={"type": "disabled"}), '"thinking.type.disabled" is not'),
    "adaptive thinking on an older model": (body(model=MANUAL, thinking={"type": "adaptive"}), "adaptive"),
    "a budget beyond max_tokens": (
        body(model=MANUAL, thinking={"type": "enabled", "budget_tokens": 2000}),
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    # roles and content
    "no message": (body() | {"messages": []}, "at least one message is required"),
    "an assistant first": (body(assistant("a"), user("b")), 'first message must use the "user" role'),
    "a message without content": (body(user("a"), assistant(), user("b")), "messages.1: all messages must have"),
    "an empty text": (body(user("a", "")), "text content blocks must be non-empty"),
    "an empty text in a result": (called(result(content=[text("")])), "text content blocks must be non-empty"),
    "nothing but space": (body(user(" \n")), "must contain non-whitespace text"),
    "nothing but space in one block": (body(user("a", " ")), "must contain non-whitespace text"),
    "prefill": (body(user("Say yes."), assistant("Ye")), "does not support assistant message prefill"),
    "prefill that ends in space": (body(user("a"), assistant("b "), model=MANUAL), "trailing whitespace"),
    # calls and results
    "a call without result": (called("And?"), "messages.2: `tool_use` ids were found without `tool_result` blocks"),
    "a call at the end": (body(user("a"), assistant(use()), tools=[TOOL]), "prefill"),
    "one of two results": (
        body(user("a"), assistant(use("toolu_1"), use("toolu_2")), user(result("toolu_1")), tools=[TOOL]),
        "without `tool_result` blocks immediately after: toolu_2",
    ),
    "words before results": (called("Here:", result()), "without `tool_result` blocks immediately after: toolu_1"),
    "a result without call": (body(user(result()), tools=[TOOL]), "unexpected `tool_use_id` found in `tool_result`"),
    "a result of an earlier call": (
        body(user("a"), assistant(use()), user(result()), assistant("b"), user(result()), tools=[TOOL]),
        "messages.4.content.0: unexpected `tool_use_id`",
    ),
    "two results of one call": (called(result(), result()), "each tool_use must have a single result"),
    "two calls of one id": (
        body(user("a"), assistant(use()), user(result()), assistant(use()), user(result()), tools=[TOOL]),
        "`tool_use` ids must be unique",
    ),
    "a call's id with a colon": (called(result("toolu:1")), "tool_use_id: String should match pattern"),
    "arguments that are no object": (
        body(user("a"), assistant(use() | {"input": "{}"}), user(result()), tools=[TOOL]),
        "tool_use.input: Input should be a valid dictionary",
    ),
    "calls and no tools": (called(result(), tools=[]), "must define tools"),
    # tools
    "a tool's name with a dot": (body(tools=[TOOL | {"name": "look.at"}]), "name: String should match pattern"),
    "a schema that is no object": (body(tools=[TOOL | {"input_schema": {"type": "array"}}]), "input_schema.type"),
    "two tools of one name": (body(tools=[TOOL, TOOL]), "Tool names must be unique"),
    "a forced tool": (body(tools=[TOOL], tool_choice={"type": "any"}), "forced tool use is not supported"),
    "a chosen tool that is not declared": (
        body(model=MANUAL, tools=[TOOL], tool_choice={"type": "tool", "name": "see"}),
        "Tool 'see' not found in provided tools",
    ),
    "a choice among no tools": (body(tool_choice={"type": "auto"}), "only be specified while providing tools"),
    "a search under another name": (body(tools=[SEARCH | {"name": "google"}]), "name: Input should be 'web_search'"),
    "a search of no uses": (body(tools=[SEARCH | {"max_uses": 0}]), "max_uses: Input should be greater than 0"),
    "a search of an unknown version": (body(tools=[SEARCH | {"type": "web_search"}]), "tools.0"),
    "domains both allowed and blocked": (
        body(tools=[SEARCH | {"allowed_domains": ["a.org"], "blocked_domains": ["b.org"]}]),
        "only one of allowed_domains and blocked_domains",
    ),
    # images
    "an image that is none": (body(user(picture("aGVsbG8="))), "Could not process image"),
    "an image in no base64": (body(user(picture("%%%"))), "invalid base64"),
    "a PNG that is called JPEG": (body(user(picture(media_type="image/jpeg"))), "not match the provided media type"),
    "an image of too many bytes": (body(user(picture("AAAA" * 1_400_000))), "image exceeds 5 MB maximum"),
    "an image by an unknown type": (body(user(picture(media_type="image/tiff"))), "media_type: Input should be"),
    # cache
    "a breakpoint of an unknown kind": (body(cache_control={"type": "forever"}), "cache_control.type"),
    "a breakpoint of a day": (body(cache_control={"type": "ephemeral", "ttl": "1d"}), "cache_control.ttl"),
    "five breakpoints": (
        body(user(*(text("a", cache_control=FIVE) for _ in range(4)), "b"), cache_control=FIVE),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "an hour after five minutes": (
        body(system=[text("s", cache_control=FIVE)], cache_control=HOUR),
        "must not come after a ttl='5m'",
    ),
    "two lifetimes of one block": (body(user(text("a", cache_control=FIVE)), cache_control=HOUR), "another ttl"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(url: str, what: str) -> None:
    sent, words = REFUSED[what]
    answered = post(url, sent)
    assert answered.status == 400, answered.body
    assert words in answered.error
    assert answered.json["error"]["type"] == "invalid_request_error"


def test_images_of_too_many_pixels_and_fewer_where_there_are_many(url: str) -> None:
    wide = picture(_png(2001, 10))
    assert post(url, body(user(wide, "?"))).status == 200
    answered = post(url, body(user(wide, *[picture()] * 20, "?")))
    assert "exceed max allowed size: 2000 pixels" in answered.error
    assert "8000 pixels" in post(url, body(user(picture(_png(8001, 10)), "?"))).error


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"x_api_key": None}, 401, "x-api-key header is required"),
        ({"x_api_key": "another"}, 401, "invalid x-api-key"),
        ({"anthropic_version": None}, 400, "anthropic-version: header is required"),
        ({"anthropic_version": "2030-01-01"}, 400, "is not a valid version"),
    ],
)
def test_headers(serve: Serve, headers: dict[str, Any], status: int, words: str) -> None:
    server = serve(Service(ScriptMind([[text("a")]]), keys=["a-key"]))
    assert post(server.url, body()).status == 200
    answered = post(server.url, body(), **headers)
    assert (answered.status, words in answered.error) == (status, True)


def test_a_key_as_a_bearers(serve: Serve) -> None:
    server = serve(Service(ScriptMind([[text("a")]]), keys=["a-key"]))
    assert post(server.url, body(), x_api_key=None, authorization="Bearer a-key").status == 200
    assert post(server.url, body(), x_api_key=None, authorization="Bearer another").status == 401


def test_sampling_is_gone_from_the_newest_version(url: str) -> None:
    asked = body(model=MANUAL, temperature=0.5)
    assert post(url, asked, anthropic_version="2023-06-01").status == 200
    assert "temperature: Extra inputs" in post(url, asked, anthropic_version="2026-10-21").error


def test_a_model_that_does_not_exist(url: str) -> None:
    answered = post(url, body(model="claude-opus-9"))
    assert (answered.status, answered.json["error"]["type"]) == (404, "not_found_error")
    assert answered.error == "model: claude-opus-9"


def test_bodies_that_are_no_request(url: str) -> None:
    assert "not valid JSON" in post(url, b"{").error
    assert "not valid JSON" in post(url, b'{"temperature": NaN}').error
    assert "not valid JSON" in post(url, body(user("\ud83d"))).error
    assert "valid dictionary" in post(url, b"[]").error
    assert post(url, body(), path="/v1/complete").status == 404


def test_a_prompt_longer_than_the_context_window(serve: Serve) -> None:
    server = serve(Service(ScriptMind([[text("a")]]), context=100))
    assert post(server.url, body(user("a" * 400))).status == 200
    answered = post(server.url, body(user("a" * 401)))
    assert (answered.status, answered.error) == (400, "prompt is too long: 101 tokens > 100 maximum")


def test_a_body_of_more_than_32_megabytes(url: str) -> None:
    answered = post(url, b" " * (32 * 1024 * 1024 + 1))
    assert (answered.status, answered.json["error"]["type"]) == (413, "request_too_large")


def _png(width: int, height: int) -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * height)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


def test_a_server_of_ones_own_knows_its_own_model_and_nothing_that_only_claude_has(serve: Serve) -> None:
    service = Service(ScriptMind(lambda _: [text("Yes.")]), models={"our-model": OWN})
    url, thinks = serve(service).url, {"thinking": {"type": "adaptive"}}
    assert post(url, body(model="our-model", tools=[TOOL])).status == 200
    assert post(url, body()).status == 404
    assert "Input should be 'custom'" in post(url, body(model="our-model", tools=[TOOL, SEARCH])).error
    for more in (thinks, {"output_config": {"effort": "high"}}):
        assert post(url, body(model="our-model", **more)).status == 400
