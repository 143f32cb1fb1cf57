"""Whatever goes wrong with a call is named by who must act on it."""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from activities.errors import Impossible, NeedsPerson
from activities.models.base import TooLong, Unavailable
from activities.models.claude.address import Address
from activities.models.claude.client import Claude
from activities.models.claude.connect import connect
from tests.models.wire import KEY, REQUEST, Answer, Server, refusal, reply, sse, streamed, text

RESUME = "aibuildai resume RUN"
STARTED = reply(text("So far."))[:4]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, "timeout_error"),
        (409, "conflict_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (520, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_what_passes_is_unavailable(server: Server, claude: Claude, status: int, kind: str) -> None:
    server.will(refusal(status, kind, "Not now"))
    with pytest.raises(Unavailable, match=f"Not now.*{status}, request req_7") as raised:
        await claude.ask(REQUEST)
    assert raised.value.retry_after is None
    assert raised.value.usage.tokens == 0
    assert len(server.asked) == 1  # the loop tries again, and the client does not


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "after lunch"}, None),
    ],
)
async def test_a_server_says_how_long_to_wait(
    server: Server, claude: Claude, headers: dict[str, str], seconds: float | None
) -> None:
    server.will(refusal(529, "overloaded_error", "Overloaded", headers))
    with pytest.raises(Unavailable) as raised:
        await claude.ask(REQUEST)
    assert raised.value.retry_after == seconds


async def test_a_server_says_until_when_to_wait(server: Server, claude: Claude) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.will(refusal(429, "rate_limit_error", "Slow down", {"retry-after": moment}))
    with pytest.raises(Unavailable) as raised:
        await claude.ask(REQUEST)
    assert raised.value.retry_after == pytest.approx(100, abs=20)


async def test_a_page_in_the_place_of_an_error_is_unavailable(server: Server, claude: Claude) -> None:
    server.will(Answer([b"<html>Bad gateway</html>"], status=502, headers={"content-type": "text/html"}))
    with pytest.raises(Unavailable, match="Bad gateway"):
        await claude.ask(REQUEST)


@pytest.mark.parametrize(
    ("status", "kind", "message", "remedy"),
    [
        (401, "authentication_error", "invalid x-api-key", "ANTHROPIC_API_KEY"),
        (403, "permission_error", "Your account may not", "ANTHROPIC_API_KEY"),
        (402, "billing_error", "Payment is overdue", "Mend the account"),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", "Mend the account"),
        (400, "invalid_request_error", "You have reached your specified API usage limits", "Mend the account"),
        (404, "not_found_error", "model: claude-opus-5-5", "another model"),
        (400, "invalid_request_error", "The provided model identifier is invalid", "another model"),
    ],
)
async def test_what_a_person_must_mend_says_what_to_do(
    server: Server, claude: Claude, status: int, kind: str, message: str, remedy: str
) -> None:
    server.will(refusal(status, kind, message))
    with pytest.raises(NeedsPerson) as raised:
        await claude.ask(REQUEST)
    told = str(raised.value)
    assert message in told
    assert remedy in told
    assert RESUME in told


@pytest.mark.parametrize("code", ["contract_spend_limit_reached", "enforced_spend_limit_reached"])
async def test_a_spend_limit_needs_a_person_though_it_comes_as_a_rate_limit(
    server: Server, claude: Claude, code: str
) -> None:
    server.will(refusal(429, "rate_limit_error", "Limit", details={"error_code": code}))
    with pytest.raises(NeedsPerson, match=RESUME):
        await claude.ask(REQUEST)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "prompt is too long: 1048577 tokens > 1000000 maximum"),
        (400, "input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000"),
        (400, "Input is too long for requested model."),
        (413, "Request exceeds the maximum size"),
        (400, "Too much media: 0 document pages + 101 images > 100"),
        (400, "messages: too many images: 101 > 100"),
        # servers of one's own
        (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens"),
        (400, "The decoder prompt (length 9000) is longer than the maximum model length of 8192"),
        (400, "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"),
        (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
        (400, "prompt too long; exceeded max context length by 12 tokens"),
        (400, "The input token count (9000) exceeds the maximum number of tokens allowed (8192)."),
        (400, "Your messages resulted in 9000 tokens. Please reduce the length of the messages."),
        (422, "Input length 9000 exceeds the context window"),
        (400, "At most 1 image(s) may be provided in one prompt."),
    ],
)
async def test_a_conversation_that_does_not_fit_is_too_long(
    server: Server, claude: Claude, status: int, message: str
) -> None:
    server.will(refusal(status, "invalid_request_error", message))
    with pytest.raises(TooLong):
        await claude.ask(REQUEST)


@pytest.mark.parametrize(
    ("kind", "more"),
    [("invalid_request_error", {"code": "context_length_exceeded"}), ("exceed_context_size_error", {})],
)
@pytest.mark.parametrize("status", [400, 200])
async def test_a_server_may_say_so_by_a_code_alone(
    server: Server, claude: Claude, status: int, kind: str, more: dict[str, Any]
) -> None:
    event = {"type": "error", "error": {"type": kind, "message": "no", **more}}
    server.will(streamed([event]) if status == 200 else refusal(status, kind, "no", **more))
    with pytest.raises(TooLong):
        await claude.ask(REQUEST)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "message",
    [
        "messages.3: `tool_use` ids were found without `tool_result`",
        "max_tokens: 64000 > 32000, which is the maximum allowed number of output tokens",
        "messages.2.content.0.image.source.base64: image exceeds 5 MB maximum",
        "tools.0.name: String should have at most 64 characters",
    ],
)
async def test_any_other_refusal_of_the_request_is_impossible(
    server: Server, claude: Claude, status: int, message: str
) -> None:
    server.will(refusal(status, "invalid_request_error", message))
    with pytest.raises(Impossible, match=re.escape(message)):
        await claude.ask(REQUEST)


@pytest.mark.parametrize(
    ("status", "should", "error"), [(400, "true", Unavailable), (400, "false", Impossible), (429, "false", NeedsPerson)]
)
async def test_a_server_that_says_whether_to_ask_again_is_believed(
    server: Server, claude: Claude, status: int, should: str, error: type[Exception]
) -> None:
    server.will(refusal(status, "invalid_request_error", "Hm", {"x-should-retry": should}))
    with pytest.raises(error):
        await claude.ask(REQUEST)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", Unavailable),
        ("api_error", Unavailable),
        ("rate_limit_error", Unavailable),
        ("timeout_error", Unavailable),
        ("an_error_of_the_future", Unavailable),
        ("invalid_request_error", Impossible),
        ("authentication_error", NeedsPerson),
        ("billing_error", NeedsPerson),
        ("permission_error", NeedsPerson),
        ("not_found_error", NeedsPerson),
        ("request_too_large", TooLong),
    ],
)
@pytest.mark.parametrize("after", [0, 1, 4])
async def test_an_error_within_a_stream_is_told_by_its_type(
    server: Server, claude: Claude, kind: str, error: type[Exception], after: int
) -> None:
    event = {"type": "error", "error": {"type": kind, "message": "Sorry"}}
    server.will(streamed([*STARTED[:after], event]))
    with pytest.raises(error, match="Sorry") as raised:
        await claude.ask(REQUEST)
    if isinstance(raised.value, Unavailable):
        assert raised.value.usage.cache_read_tokens == (400 if after else 0)


async def test_an_error_that_is_no_json_is_one_all_the_same(server: Server, claude: Claude) -> None:
    server.will(Answer([*map(sse, STARTED), b"event: error\ndata: upstream died\n\n"]))
    with pytest.raises(Unavailable, match="upstream died"):
        await claude.ask(REQUEST)


async def test_a_server_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch, claude: Claude) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await claude.ask(REQUEST)


async def test_an_address_that_is_none_needs_a_person(monkeypatch: pytest.MonkeyPatch, claude: Claude) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "gopher://127.0.0.1")
    with pytest.raises(NeedsPerson, match="cannot be asked with these settings"):
        await claude.ask(REQUEST)


@pytest.mark.parametrize("value", [None, ""])
async def test_a_missing_key_needs_a_person_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, server: Server, claude: Claude, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("ANTHROPIC_API_KEY")
    else:
        monkeypatch.setenv("ANTHROPIC_API_KEY", value)
    with pytest.raises(
        NeedsPerson, match=r"ANTHROPIC_API_KEY is not set in the worker's environment.*aibuildai resume"
    ):
        await claude.ask(REQUEST)
    assert server.asked == []


async def test_a_key_that_was_set_meanwhile_is_used(
    monkeypatch: pytest.MonkeyPatch, server: Server, claude: Claude
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(NeedsPerson):
        await claude.ask(REQUEST)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    server.will(streamed(reply(text("Here."))))
    assert (await claude.ask(REQUEST)).text == "Here."


@pytest.mark.parametrize("key", [f"{KEY}\nX-Evil: 1", f"{KEY}\n", f"{KEY} ", "sk-ant-plantéd"])
async def test_a_key_that_no_header_can_hold_needs_a_person_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, server: Server, claude: Claude, key: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    with pytest.raises(NeedsPerson, match="ANTHROPIC_API_KEY holds") as raised:
        await claude.ask(REQUEST)
    assert "plant" not in str(raised.value)
    assert server.asked == []


async def test_prices_that_cannot_be_read_need_a_person_before_anything_is_paid(
    monkeypatch: pytest.MonkeyPatch, server: Server, claude: Claude, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    (tmp_path / "prices.json").write_text("{")
    with pytest.raises(NeedsPerson, match=r"prices.json.*aibuildai resume RUN"):
        await claude.ask(REQUEST)
    assert server.asked == []


async def test_no_error_and_no_log_shows_the_key(
    server: Server, claude: Claude, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where a gateway repeats it, or a platform's token stands in the environment."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "another-planted-secret")
    caplog.set_level(logging.DEBUG)
    echo = f"no such key: {KEY}, another-planted-secret, sk-ant-of-someone-else"
    server.will(
        *(refusal(status, "api_error", echo) for status in (400, 401, 404, 413, 500)),
        streamed([{"type": "error", "error": {"type": "api_error", "message": echo}}]),
        streamed(STARTED, cut=True),
        streamed(reply(text("Well."))),
    )
    shown = [repr(claude)]
    for _ in range(7):
        try:
            await claude.ask(REQUEST)
        except Exception as error:  # noqa: BLE001 - whatever it raises is looked at
            shown += [*traceback.format_exception(error), repr(error), repr(error.__cause__)]
    shown.append(json.dumps((await claude.ask(REQUEST)).model_dump(mode="json")))
    everything = "\n".join([*shown, caplog.text])
    assert len(server.asked) == 8
    for secret in (KEY, "another-planted-secret", "sk-ant-of-someone-else"):
        assert secret not in everything


async def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("CLOUD_ML_REGION", "europe-west1")
    monkeypatch.setenv("ANTHROPIC_VERTEX_PROJECT_ID", "p")
    for module in ("boto3", "botocore.auth", "google.auth"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    for name, package in [
        ("bedrock/anthropic.claude-opus-5-5", "anthropic[bedrock]"),
        ("bedrock/us.anthropic.claude-opus-4-6-v1", "anthropic[bedrock]"),
        ("vertex/claude-opus-5-5", "anthropic[vertex]"),
    ]:
        address = Address.of(name)
        assert address is not None
        model = Claude(address, connect)
        with pytest.raises(NeedsPerson) as raised:
            await model.ask(REQUEST.model_copy(update={"model": name}))
        assert f"pip install '{package}'" in str(raised.value)
        await model.close()


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("bedrock/anthropic.claude-opus-5-5", "AWS_REGION"),
        ("bedrock/us.anthropic.claude-opus-4-6-v1", "AWS_REGION"),
        ("vertex/claude-opus-5-5", "CLOUD_ML_REGION"),
        ("foundry/claude-opus-5-5", "ANTHROPIC_FOUNDRY_API_KEY"),
    ],
)
async def test_a_platform_without_its_settings_needs_a_person(
    monkeypatch: pytest.MonkeyPatch, name: str, named: str
) -> None:
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "CLOUD_ML_REGION", "ANTHROPIC_FOUNDRY_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    address = Address.of(name)
    assert address is not None
    with pytest.raises(NeedsPerson, match=named):
        await Claude(address).ask(REQUEST.model_copy(update={"model": name}))
