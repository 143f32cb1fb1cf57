"""What language models cost, to the call; and what reports say of fallbacks, routing and the web."""

from pathlib import Path

import pytest

from activities.models.prices import dollars
from activities.workspace.layout import Layout
from activities.workspace.report import bills, costs, verdict
from activities.workspace.report.card import card
from activities.workspace.report.facts import Facts
from activities.workspace.report.files import read_facts
from activities.workspace.report.page import page as written
from activities.workspace.report.paper import paper
from schemas.budget import Spend
from tests.report import speaking, stories
from tests.report.reading import Tag, read
from tests.report.test_page import section
from tests.report.test_paper import boxes


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return speaking.spoken(tmp_path / "run")


@pytest.fixture
def facts(layout: Layout) -> Facts:
    return read_facts(layout)


def page(layout: Layout) -> Tag:
    return read(written(read_facts(layout), layout))


def whole(lines: list[bills.Bill]) -> Spend:
    return sum((line.spend for line in lines), Spend())


def test_every_division_of_the_cost_has_the_same_sum(facts: Facts) -> None:
    total = costs.total(facts).spend
    assert total.dollars is not None
    for lines in (bills.by_role(facts), bills.by_candidate(facts), bills.by_invocation(facts), bills.by_model(facts)):
        found = whole(lines)
        assert (found.usage, found.lost_calls) == (total.usage, total.lost_calls) == (total.usage, 1)
        assert found.dollars == pytest.approx(total.dollars)


def test_calls_are_told_one_by_one(facts: Facts) -> None:
    told = [(call.invocation, call.turn, call.model, call.outcome) for call in facts.calls]
    assert told[:2] == [
        ("manager.1", 1, "claude-opus-5-5", "answered"),
        ("designer.1.1", 1, "claude-opus-5-5", "answered"),
    ]
    assert told[5:9] == [
        ("coder.1.2", 1, "claude-opus-5-5", "unanswered"),
        ("coder.1.2", 1, "claude-opus-5", "answered"),
        ("coder.1.2", 2, "claude-opus-5-5", "answered"),
        ("coder.1.2", 3, "claude-opus-5-5", "lost"),
    ]
    assert (facts.calls[5].tries, facts.calls[5].note) == (4, "the Claude API: overloaded (529)")
    assert facts.calls[8].dollars is None


def test_what_a_lost_call_cost_is_in_no_sum_and_bounded(facts: Facts, layout: Layout) -> None:
    assert (facts.lost_at_most.dollars, facts.lost_at_most.tokens) == (0.5, 60_000)
    said = "What lost calls cost is in no sum above: at most $0.5000 and 60,000 tokens together."
    assert said in section(page(layout), "costs")


def test_the_share_of_input_that_the_cache_gave(facts: Facts, layout: Layout) -> None:
    [designer] = [bill for bill in bills.by_role(facts) if bill.who == "designer"]
    assert designer.cached == pytest.approx(61_000 / (30 + 21_000 + 2_000 + 61_000))
    assert "62 % of input read from cache" in page(layout).all("header")[0].words


def test_routing_is_weighed_against_the_same_tokens_with_the_roles_own_model(facts: Facts, layout: Layout) -> None:
    [line] = bills.routed(facts)
    own = [dollars("claude-opus-5-5", usage) or 0.0 for usage in (speaking.FIRST, speaking.LATER)]
    assert line.invocation == "coder.1.3"
    assert line.instead == pytest.approx(sum(own))
    assert line.saved == pytest.approx(sum(own) - (line.dollars or 0.0))
    told = section(page(layout), "costs")
    assert "1 routine invocation went to a cheaper model, and saved $0.1571" in told
    assert "a small revision of code that passed" in told


def test_a_price_that_is_not_known_leaves_the_sum_and_the_saving_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = speaking.spoken(tmp_path / "run", priced=False)
    facts = read_facts(layout)
    assert costs.total(facts).spend.dollars is None
    root = page(layout)
    assert "cost unknown" in root.all("header")[0].words
    assert "unknown is not zero" in section(root, "costs")
    (tmp_path / "prices.json").write_text("{")
    monkeypatch.setenv("AIBUILDAI_HOME", str(tmp_path))
    assert bills.saved(bills.routed(facts)) is None
    assert "what that saved is not known" in section(page(layout), "costs")


def test_models_efforts_and_fallbacks_are_named_by_role(facts: Facts, layout: Layout) -> None:
    players = [(one.role.value, one.choice.name, one.choice.effort, one.invocations) for one in bills.players(facts)]
    assert players == [
        ("manager", "claude-opus-5-5", "high", 3),
        ("designer", "claude-opus-5-5", "high", 1),
        ("coder", "claude-haiku-5-5", None, 1),
        ("coder", "claude-opus-5-5", "high", 1),
    ]
    root = page(layout)
    assert "claude-opus-5 answered 1 call in place of claude-opus-5-5" in section(root, "costs")
    assert "claude-opus-5 answered 1 call of coder.1.2 in place of claude-opus-5-5" in section(root, "events")
    assert "claude-opus-5: coder;" in root.all("header")[0].words


def test_searches_of_the_web_are_told_with_what_they_found_and_lead_nowhere(layout: Layout) -> None:
    root = page(layout)
    told = section(root, "costs")
    assert "Web search was on, for the designer; 2 searches were made." in told
    assert "graph networks or boosted trees on small molecules designer.1.1 https://example.org/a-benchmark" in told
    assert "https://example.com/descriptors?set=2&kind=<b>" in told
    assert "solubility outliers designer.1.1 found nothing" in told
    assert not [link for link in root.all("a") if not link.attributes["href"].startswith("#")]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"web": False}, "Web search was off."),
        ({"models": {"designer": "playbook"}}, "Nothing searched the web: the designer was playbook."),
        ({"models": {"designer": "bedrock/x"}}, "bedrock/x has no web search there."),
    ],
)
def test_without_the_web_the_report_says_so(settings: dict[str, object], said: str, tmp_path: Path) -> None:
    chosen = speaking.SETTINGS.model_validate({**speaking.SETTINGS.model_dump(), **settings})
    assert said in verdict.web(read_facts(speaking.spoken(tmp_path / "run", settings=chosen)))


def test_a_replay_says_who_answered(tmp_path: Path) -> None:
    settings = speaking.SETTINGS.model_copy(update={"replay": "/runs/toy-1"})
    said = verdict.engine(read_facts(speaking.spoken(tmp_path / "run", settings=settings)))
    assert "The recorded run toy-1 answered: no model was asked" in said


def test_the_card_says_what_it_cost_and_who_thought(facts: Facts) -> None:
    text = card(facts, "")
    assert "102 of input, 85,000 and 2,000 written to the cache" in text
    assert "141,000 read from it (62 % of all input)" in text
    assert "| coder | claude-opus-5-5 | high | claude-opus-5 | 1 |" in text
    assert "1 routine invocation went to a cheaper model; saved $0.1571." in text
    assert "Web search was on, for the designer; 2 searches were made." in text


def test_the_paper_has_a_page_for_models_where_there_were_any(layout: Layout, tmp_path: Path) -> None:
    assert len(boxes(paper(read_facts(layout), layout))) == 5
    played = stories.delivered_alone(tmp_path / "played")
    assert len(boxes(paper(read_facts(played), played))) == 3


def test_without_its_journals_a_report_says_what_the_ledger_knows(layout: Layout) -> None:
    for path in layout.folder.glob("journals/*/*.jsonl"):
        path.unlink()
    facts = read_facts(layout)
    assert facts.calls == ()
    told = section(page(layout), "costs")
    assert "By invocation" in told
    assert "Call by call" not in told
    assert bills.saved(bills.routed(facts)) == pytest.approx(0.1571, abs=1e-3)


def test_of_the_playbook_nothing_is_said_but_that_it_is_none(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run")
    root = page(layout)
    told = section(root, "costs")
    assert "Who thought" not in told
    assert "web" not in told
    assert "No language model was used" in root.all("header")[0].words
