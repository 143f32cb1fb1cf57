"""Prices as published; what is unknown is None, never zero; and what a call can cost is known before it is made."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.errors import BadInput, NeedsPerson
from activities.models.extent import extent
from activities.models.names import plain, version
from activities.models.prices import context_window, dollars, most, price, price_list
from schemas.budget import Usage
from schemas.message import Message, ModelRequest, TextBlock, ToolResultBlock, ToolSpec
from schemas.role import searches

MILLION = Usage(input_tokens=1_000_000)
WORDS = ("loss", "0.8123,", "é", "数据", "\n", "x" * 40, '{"a": 1}', "    ")


@pytest.mark.parametrize(
    ("model", "given", "taken"),
    [
        ("claude-opus-5-5", 4, 20),
        ("claude-sonnet-5-5", 2, 10),
        ("claude-haiku-5-5", 0.10, 0.50),
        ("claude-fable-5-1", 10, 50),
        ("claude-opus-5", 5, 25),
    ],
)
def test_input_and_output_cost_what_is_published(model: str, given: float, taken: float) -> None:
    assert dollars(model, Usage(input_tokens=100_000)) == pytest.approx(given / 10)
    assert dollars(model, Usage(output_tokens=1_000_000)) == pytest.approx(taken)


@pytest.mark.parametrize(
    ("usage", "factor"),
    [
        (Usage(cache_write_5m_tokens=1_000_000), 1.25),
        (Usage(cache_write_1h_tokens=1_000_000), 2.0),
        (Usage(cache_read_tokens=1_000_000), 0.1),
    ],
)
def test_cached_input_costs_its_share_of_input(usage: Usage, factor: float) -> None:
    assert dollars("claude-opus-5-5", usage) == pytest.approx(4 * factor)


def test_a_web_search_costs_a_cent_beside_its_tokens() -> None:
    assert dollars("claude-opus-5-5", Usage(web_searches=100)) == pytest.approx(1.0)
    assert dollars("claude-opus-5-5", Usage(input_tokens=1_000_000, web_searches=3)) == pytest.approx(4.03)


def test_every_token_of_a_long_prompt_costs_more_where_that_is_published() -> None:
    short = Usage(input_tokens=60_000, cache_read_tokens=40_000, output_tokens=1_000)
    assert dollars("claude-haiku-5-5", short) == pytest.approx((60_000 * 0.1 + 40_000 * 0.01 + 1_000 * 0.5) / 1e6)
    long = short + Usage(cache_read_tokens=1)
    assert dollars("claude-haiku-5-5", long) == pytest.approx((60_000 * 0.5 + 40_001 * 0.05 + 1_000 * 2.5) / 1e6)


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-5-5-20261001",
        "opus-5-5",
        " Claude-Opus-5-5 ",
        "foundry/claude-opus-5-5",
        "vertex/claude-opus-5-5@20261001",
        "vertex/claude-opus-5-5@default",
        "bedrock/anthropic.claude-opus-5-5",
        "bedrock/us.anthropic.claude-opus-5-5-20261001-v1:0",
        "bedrock/global.anthropic.claude-opus-5-5-v1",
        "bedrock/arn:aws:bedrock:eu-west-1:42:inference-profile/eu.anthropic.claude-opus-5-5-v1:0",
    ],
)
def test_a_model_is_the_same_under_every_name_that_it_has(name: str) -> None:
    assert price(name) == price("claude-opus-5-5") is not None
    assert version(name) == (5, 5)
    assert plain(name).removeprefix("claude-") == "opus-5-5"


@pytest.mark.parametrize("model", ["claude-opus-9", "server/qwen3", "claude-opus-5-55", "claude", ""])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert price(model) is None
    assert dollars(model, MILLION) is None
    assert context_window(model) is None


def test_the_playbook_is_free() -> None:
    assert dollars("playbook", MILLION) == 0.0
    assert most(ModelRequest(model="playbook", system="", messages=())) == (0.0, 0)


def test_context_windows_are_known_where_they_are_published() -> None:
    assert context_window("claude-opus-5-5-20261001") == 1_000_000
    assert context_window("vertex/claude-haiku-4-5@20251001") == 200_000


def test_prices_have_their_date() -> None:
    assert price_list().as_of == "2026-10"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    return tmp_path


def test_a_file_in_the_home_folder_adds_prices_and_replaces_them(home: Path) -> None:
    (home / "prices.json").write_text(
        """{"as_of": "2027-01", "web_search": 5.0, "models": {
            "qwen3": {"input": 0.0, "output": 0.0, "context": 32000},
            "bedrock/eu.anthropic.claude-opus-5-5": {"input": 4.4, "output": 22.0},
            "claude-sonnet-5-5": {"input": 3.0, "output": 15.0, "cache_read": 0.15}}}"""
    )
    assert dollars("server/qwen3", MILLION) == 0.0
    assert context_window("server/qwen3") == 32_000
    assert dollars("bedrock/eu.anthropic.claude-opus-5-5", MILLION) == pytest.approx(4.4)
    assert dollars("bedrock/us.anthropic.claude-opus-5-5", MILLION) == pytest.approx(4.0)
    assert dollars("claude-sonnet-5-5", MILLION) == pytest.approx(3.0)
    assert dollars("claude-sonnet-5-5", Usage(cache_read_tokens=1_000_000)) == pytest.approx(0.15)
    assert dollars("claude-opus-5-5", Usage(web_searches=1_000)) == pytest.approx(5.0)
    assert price_list().as_of == "2027-01"


def test_a_correction_holds_from_the_next_call_on(home: Path) -> None:
    assert dollars("claude-opus-9", MILLION) is None
    (home / "prices.json").write_text('{"models": {"claude-opus-9": {"input": 7, "output": 30}}}')
    assert dollars("claude-opus-9", MILLION) == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "JSON"),
        ('{"models": {"x": {"input": "much", "output": 1}}}', "models.x.input"),
        ('{"prices": {}}', "prices"),
        ('{"models": {"x": {"input": -1, "output": 1}}}', "models.x.input"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(home: Path, content: str, named: str) -> None:
    (home / "prices.json").write_text(content)
    with pytest.raises(BadInput) as raised:
        price_list()
    assert str(home / "prices.json") in str(raised.value)
    assert named in str(raised.value)


@pytest.mark.parametrize(
    "read",
    [
        lambda: price("claude-opus-5-5"),
        lambda: dollars("claude-opus-5-5", MILLION),
        lambda: context_window("claude-opus-5-5"),
        lambda: most(ModelRequest(model="claude-opus-5-5", system="", messages=())),
    ],
)
def test_for_an_agent_at_work_such_a_file_is_a_persons_to_mend(home: Path, read: Callable[[], object]) -> None:
    (home / "prices.json").write_text("{")
    with pytest.raises(NeedsPerson, match=rf"{home}/prices.json.*aibuildai resume RUN"):
        read()


def test_a_file_that_cannot_be_opened_is_named_too(home: Path) -> None:
    (home / "prices.json").mkdir()
    with pytest.raises(BadInput, match=rf"{home}/prices.json cannot be read: Is a directory"):
        price_list()


def some_request(chance: random.Random) -> ModelRequest:
    def words() -> str:
        return " ".join(chance.choices(WORDS, k=chance.randrange(2_000)))

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 90_000}}
    content = (
        TextBlock(text=words()),
        ToolResultBlock(tool_use_id="toolu_1", content=[{"type": "text", "text": words()}, image]),
    )
    return ModelRequest(
        model=chance.choice(["claude-opus-5-5", "claude-haiku-5-5", "bedrock/us.anthropic.claude-sonnet-5-5-v1:0"]),
        system=words(),
        messages=tuple(Message(role="user", content=content) for _ in range(chance.randrange(1, 5))),
        tools=(ToolSpec(name="train", description=words(), input_schema={"type": "object"}),),
        max_tokens=chance.randrange(1, 64_000),
        web_searches=chance.choice([0, 0, 1, 8]),
        cache=chance.choice(["5m", "1h"]),
    )


def some_usage(request: ModelRequest, chance: random.Random) -> Usage:
    """What a call may be billed that sends at most a token for every three bytes of text, and uses all it is given."""
    at_most = extent(request)
    prompt = at_most.cache_write_5m_tokens + at_most.cache_write_1h_tokens
    fresh = chance.randrange(prompt + 1)
    written = chance.randrange(prompt - fresh + 1)
    long = request.cache == "1h"
    return Usage(
        input_tokens=fresh,
        output_tokens=chance.randrange(request.max_tokens + 1),
        cache_write_5m_tokens=0 if long else written,
        cache_write_1h_tokens=written if long else 0,
        cache_read_tokens=chance.randrange(prompt - fresh - written + 1)
        + chance.randrange(at_most.cache_read_tokens + 1),
        web_searches=chance.randrange(request.web_searches + 1) if searches(request.model) else 0,
    )


@pytest.mark.parametrize("seed", range(60))
def test_no_call_costs_more_than_the_most_that_it_can(seed: int) -> None:
    chance = random.Random(seed)
    request = some_request(chance)
    worst, tokens = most(request)
    assert worst is not None
    for _ in range(20):
        usage = some_usage(request, chance)
        cost = dollars(request.model, usage)
        assert cost is not None
        assert cost <= worst
        assert usage.tokens <= tokens


@pytest.mark.parametrize("seed", range(20))
def test_the_most_counts_every_byte_of_text_and_pictures_by_the_piece(seed: int) -> None:
    request = some_request(random.Random(seed))
    text = len(request.system.encode()) + len(request.tools[0].description.encode())
    pictures = len(request.messages)
    for message in request.messages:
        first, second = message.content
        assert isinstance(first, TextBlock)
        assert isinstance(second, ToolResultBlock)
        text += len(first.text.encode()) + len(second.content[0]["text"].encode())  # type: ignore[index]
    usage = extent(request)
    prompt = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    assert prompt >= text / 3 + pictures * 4_784
    assert prompt <= text / 2 + pictures * 5_100 + 4_000 + request.web_searches * 15_000


def test_what_is_asked_again_with_more_is_measured_as_if_it_was_all_new() -> None:
    """Measures are remembered by message, and forgotten with it."""
    for seed in range(200):
        request = some_request(random.Random(seed))
        copied = ModelRequest.model_validate(request.model_dump())
        longer = request.model_copy(update={"messages": (*request.messages, *copied.messages)})
        known, once = extent(request), extent(copied)
        assert known == once
        assert extent(longer) == extent(ModelRequest.model_validate(longer.model_dump()))


def test_the_most_of_a_model_without_a_price_is_known_in_tokens_alone() -> None:
    cost, tokens = most(ModelRequest(model="claude-opus-9", system="Hm.", messages=(), max_tokens=100))
    assert cost is None
    assert tokens > 100
