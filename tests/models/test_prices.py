"""Prices as published; what is unknown is None, never zero."""

import pytest

from activities.models.prices import dollars, price
from schemas.budget import Usage

MILLION = Usage(input_tokens=1_000_000)


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
    assert dollars(model, MILLION) == pytest.approx(given)
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


def test_a_dated_name_and_one_without_the_maker_are_the_same_model() -> None:
    assert price("claude-opus-5-5-20261001") == price("opus-5-5") == price("claude-opus-5-5")


def test_an_unknown_model_has_no_price() -> None:
    assert price("claude-opus-9") is None
    assert dollars("claude-opus-9", MILLION) is None


def test_what_has_no_published_price_here_makes_the_sum_unknown() -> None:
    assert dollars("claude-opus-5-5", Usage(input_tokens=1, web_searches=1)) is None


def test_the_playbook_is_free() -> None:
    assert dollars("playbook", MILLION) == 0.0
