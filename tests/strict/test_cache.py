"""The cache's accounting: what a request reads and writes, by exact prefix."""

from typing import Any

import pytest

from tests.strict.conftest import Serve
from tests.strict.minds import ScriptMind
from tests.strict.raw import TOOL, Json, assistant, body, post, user
from tests.strict.service import Service

FIVE, HOUR = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
THOUSAND = "word" * 1000  # tokens
SAID = [{"type": "text", "text": "Yes."}]


class Asker:
    """Asks one server, and says what its usage was: (read, written for 5 minutes, for an hour, fresh)."""

    def __init__(self, serve: Serve) -> None:
        self.service = Service(ScriptMind(lambda _: SAID), clock=lambda: 0.0)
        self.url = serve(self.service).url

    def __call__(self, *messages: Json, **more: Any) -> tuple[int, int, int, int]:
        answered = post(self.url, body(*messages, **more))
        assert answered.status == 200, answered.body
        usage = answered.json["usage"]
        written = usage["cache_creation"]
        five, hour = written["ephemeral_5m_input_tokens"], written["ephemeral_1h_input_tokens"]
        assert usage["cache_creation_input_tokens"] == five + hour
        return usage["cache_read_input_tokens"], five, hour, usage["input_tokens"]


@pytest.fixture
def ask(serve: Serve) -> Asker:
    return Asker(serve)


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def test_without_a_breakpoint_nothing_is_kept(ask: Asker) -> None:
    assert ask(user(THOUSAND)) == (0, 0, 0, 1000)
    assert ask(user(THOUSAND)) == (0, 0, 0, 1000)


def test_a_conversation_is_written_once_and_read_from_then_on(ask: Asker) -> None:
    talk = [user(THOUSAND)]
    assert ask(*talk, cache_control=FIVE) == (0, 1000, 0, 0)
    talk += [assistant("Yes."), user("more" * 50)]
    assert ask(*talk, cache_control=FIVE) == (1000, 51, 0, 0)
    talk += [assistant("Yes."), user("more" * 70)]
    assert ask(*talk, cache_control=FIVE) == (1051, 71, 0, 0)


def test_what_is_behind_the_last_breakpoint_is_fresh(ask: Asker) -> None:
    marked = user(text(THOUSAND, cache_control=FIVE), "more" * 9)
    assert ask(marked) == (0, 1000, 0, 9)
    assert ask(marked) == (1000, 0, 0, 9)


def test_five_minutes_and_each_use_renews_them(ask: Asker) -> None:
    ask(user(THOUSAND), cache_control=FIVE)
    for _ in range(3):
        ask.service.pass_time(299)
        assert ask(user(THOUSAND), cache_control=FIVE) == (1000, 0, 0, 0)
    ask.service.pass_time(300)
    assert ask(user(THOUSAND), cache_control=FIVE) == (0, 1000, 0, 0)


def test_an_hour(ask: Asker) -> None:
    assert ask(user(THOUSAND), cache_control=HOUR) == (0, 0, 1000, 0)
    ask.service.pass_time(3599)
    assert ask(user(THOUSAND), cache_control=HOUR) == (1000, 0, 0, 0)
    ask.service.pass_time(3600)
    assert ask(user(THOUSAND), cache_control=HOUR) == (0, 0, 1000, 0)


def test_both_lifetimes_in_one_request(ask: Asker) -> None:
    system = [text(THOUSAND, cache_control=HOUR)]
    assert ask(user("more" * 50), system=system, cache_control=FIVE) == (0, 50, 1000, 0)
    ask.service.pass_time(301)
    assert ask(user("more" * 50), system=system, cache_control=FIVE) == (1000, 50, 0, 0)


def test_a_change_costs_all_that_comes_after_it(ask: Asker) -> None:
    system = [text(THOUSAND, cache_control=FIVE)]
    ask(user(THOUSAND), system=system, cache_control=FIVE)
    assert ask(user(THOUSAND + "!"), system=system, cache_control=FIVE) == (1000, 1001, 0, 0)
    read, *_ = ask(user(THOUSAND), system=system, tools=[TOOL], cache_control=FIVE)
    assert read == 0, "tools come before the system prompt"


@pytest.mark.parametrize("more", [{"output_config": {"effort": "low"}}, {"thinking": {"type": "adaptive"}}])
def test_settings_of_the_model_cost_the_messages_and_no_more(ask: Asker, more: Json) -> None:
    system = [text(THOUSAND, cache_control=FIVE)]
    ask(user(THOUSAND), system=system, cache_control=FIVE)
    assert ask(user(THOUSAND), system=system, cache_control=FIVE, **more) == (1000, 1000, 0, 0)


def test_a_short_prefix_is_not_kept_and_that_is_no_error(ask: Asker) -> None:
    short = user("word" * 511)
    assert ask(short, cache_control=FIVE) == (0, 0, 0, 511)
    assert ask(user("word" * 512), cache_control=FIVE) == (0, 512, 0, 0)
    assert ask(user("word" * 4095), model="claude-haiku-4-5", cache_control=FIVE) == (0, 0, 0, 4095)


def test_each_model_has_a_cache_of_its_own(ask: Asker) -> None:
    ask(user(THOUSAND), cache_control=FIVE)
    assert ask(user(THOUSAND), cache_control=FIVE, model="claude-fable-5-1") == (0, 1000, 0, 0)


@pytest.mark.parametrize(("more", "read"), [(19, 1000), (20, 0)])
def test_a_breakpoint_looks_back_over_twenty_blocks(ask: Asker, more: int, read: int) -> None:
    ask(user(THOUSAND), cache_control=FIVE)
    blocks = [text("more") for _ in range(more)]
    assert ask(user(THOUSAND, *blocks), cache_control=FIVE)[0] == read


def test_the_share_that_was_read_is_counted_by_conversation(ask: Asker) -> None:
    for _ in range(4):
        ask(user(THOUSAND), cache_control=FIVE)
    ask(user("Another."))
    found = ask.service.record.counters()["conversations"].values()
    assert sorted(one["share"] for one in found) == [0.0, 0.75]
