"""report.html: complete, offline, safe, and legible whatever is missing of the run."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.workspace.layout import Layout
from activities.workspace.report import files as report
from activities.workspace.report.page import page as written
from tests.report import stories
from tests.report.reading import Tag, every, read

SECTIONS = ("delivered", "scores", "candidates", "timeline", "decisions", "costs", "events", "data", "checks")
STORIES: tuple[Callable[[Path], Layout], ...] = (
    stories.whole,
    stories.failed_early,
    stories.begun_only,
    stories.nothing,
    stories.delivered_alone,
    stories.second_choice,
)


def page(layout: Layout) -> Tag:
    return read(written(report.read_facts(layout), layout))


def section(root: Tag, name: str) -> str:
    return root.all("section", id=name)[0].words


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_run_has_every_section(story: Callable[[Path], Layout], tmp_path: Path) -> None:
    root = page(story(tmp_path / "run"))
    assert [tag.attributes["id"] for tag in root.all("section")] == list(SECTIONS)
    assert root.all("h1")[0].words
    assert {link.attributes["href"] for link in root.all("a")} == {f"#{name}" for name in SECTIONS}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_page_refers_to_nothing_outside_itself(story: Callable[[Path], Layout], tmp_path: Path) -> None:
    root = page(story(tmp_path / "run"))
    for tag in every(root):
        assert tag.name not in {"script", "link", "img", "iframe", "object", "embed", "base", "image", "use"}
        for name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
            assert tag.attributes.get(name, "#").startswith("#")
        assert not [name for name in tag.attributes if name.startswith("on")]
        assert "url(" not in tag.attributes.get("style", "")
    style = root.all("style")[0].text
    assert not re.search(r"url\(|@import|https?:", style)
    policy = root.all("meta", http_equiv="Content-Security-Policy")[0].attributes["content"]
    assert policy.startswith("default-src 'none'")


def test_ids_are_unique_and_charts_say_what_they_show(tmp_path: Path) -> None:
    root = page(stories.whole(tmp_path / "run"))
    ids = [tag.attributes["id"] for tag in every(root) if "id" in tag.attributes]
    assert len(ids) == len(set(ids))
    charts = root.all("svg", role="img")
    assert len(charts) == 2 * 4 + 4  # each of four charts wide and narrow, and a panel for each candidate
    for chart in charts:
        title, described = chart.attributes["aria-labelledby"].split()
        assert chart.all("title", id=title)[0].words
        assert chart.all("desc", id=described)[0].words


def test_a_run_can_be_looked_at_after_any_of_its_facts(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run")
    lines = layout.ledger.read_text().splitlines()
    for known in range(len(lines)):
        layout.ledger.write_text("\n".join(lines[:known]))
        root = page(layout)
        assert "Still" in root.all("header")[0].words or known == len(lines) - 1
        assert root.all("section", id="checks")


HOSTILE = '</title></style><script>alert(1)</script><img src=x onerror="alert(1)">&amp;{{7*7}}'


def test_what_agents_and_people_say_is_text_and_nothing_else(tmp_path: Path) -> None:
    root = page(stories.whole(tmp_path / "run", hostile=HOSTILE))
    assert not root.all("script")
    assert not root.all("img")
    for name in ("candidates", "decisions", "events"):
        assert HOSTILE in section(root, name)
    title = root.all("svg", aria_labelledby="ancestry-wide-title")[0].all("circle", class_="step designer")[0]
    assert HOSTILE[:40] in title.words


def test_no_character_makes_text_read_otherwise_than_it_is_written(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run", hostile=" \u202eevil\x1b[31m\x00")
    html = written(report.read_facts(layout), layout)
    assert "evil" in html
    assert not {"\u202e", "\x1b", "\x00"} & set(html)


def test_a_hostile_name_of_a_task_stays_in_its_heading(tmp_path: Path) -> None:
    layout = stories.named(tmp_path / "run", HOSTILE)
    root = page(layout)
    assert root.all("h1")[0].words == HOSTILE
    assert not root.all("script")


def test_the_header_says_what_came_of_the_run(tmp_path: Path) -> None:
    words = page(stories.whole(tmp_path / "run")).all("header")[0].words
    assert "Delivered and verified" in words
    assert "0.617 RMSE, lower is better. 95 % interval 0.537 to 0.705, on 90 rows of “report”" in words
    assert "0.604 on “select” (0.574 to 0.637), looked at for 11 trainings" in words
    assert "No language model was used: the playbook, a rule-based engineer, made every decision." in words
    assert "There was no sandbox" not in words


def test_models_and_a_missing_sandbox_are_named(tmp_path: Path) -> None:
    root = page(stories.whole(tmp_path / "run", cast_model="claude-opus-4-5", sandbox="none"))
    assert "Every role was played by claude-opus-4-5." in root.all("header")[0].words
    alert = root.all("p", class_="banner bad", role="alert")
    assert "There was no sandbox" in alert[0].words
    assert "cost unknown" in root.all("header")[0].words


@pytest.mark.parametrize(("sandbox", "taken"), [("bubblewrap", True), ("container", True), ("none", False)])
def test_the_final_inference_is_said_to_have_had_no_network_where_a_sandbox_took_it_away(
    tmp_path: Path, sandbox: str, taken: bool
) -> None:
    words = page(stories.whole(tmp_path / "run", sandbox=sandbox)).all("section", id="checks")[0].words
    assert ("with its weights taken away, without a network." in words) == taken
    assert ("there was no sandbox to keep it from the network." in words) != taken


def test_a_search_policy_is_no_language_model(tmp_path: Path) -> None:
    words = page(stories.greedy(tmp_path / "run")).all("header")[0].words
    assert "No language model was used: a greedy search made the decisions, and the playbook" in words


@pytest.mark.parametrize(
    ("story", "verdict"),
    [
        (stories.failed_early, "Failed No candidate could be begun."),
        (stories.begun_only, "Stopped by a person Wrong file."),
        (stories.nothing, "Still preparing"),
        (lambda folder: stories.delivered_alone(folder, problem="no predictions"), "Delivered, but the final check"),
    ],
)
def test_a_run_that_did_not_deliver_says_so(
    story: Callable[[Path], Layout], verdict: str, tmp_path: Path
) -> None:  # fmt: skip
    assert verdict in page(story(tmp_path / "run")).all("header")[0].words


def test_a_second_look_at_the_last_rows_is_owned_up_to(tmp_path: Path) -> None:
    told = section(page(stories.second_choice(tmp_path / "run")), "delivered")
    assert "“report” was looked at 2 times" in told
    assert "looked at" not in section(page(stories.whole(tmp_path / "other")), "delivered")


def test_decisions_come_with_reasons_refusals_and_outcomes(tmp_path: Path) -> None:
    told = section(page(stories.whole(tmp_path / "run")), "decisions")
    assert "Three different families first." in told
    assert "Design candidate 4 , drawing on candidate 1 at 01d01d0 , candidate 2 at 02d02d0" in told
    assert "refused tuner.2.8 is at work on it" in told
    assert "4 trials, the best 0.655 (0.625 to 0.688)." in told
    assert "in attempt 2" in told
    assert "Discard candidate 3 Far behind, and its curve is flat." in told


def test_people_and_failures_are_told(tmp_path: Path) -> None:
    told = section(page(stories.whole(tmp_path / "run")), "events")
    assert "Steered Molecular weight matters; use it." in told
    assert "Paused another job needs the machine" in told
    assert "Attempt 1 of coder.3.6 failed (platform); another attempt was made the worker's heartbeat stopped" in told
    assert "The score of tuner.1.7.t4 was rejected The scorer finds 0.702." in told


def test_the_record_can_be_checked(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run")
    told = section(page(layout), "checks")
    assert "The chain held when this page was written." in told
    assert "aibuildai history run --verify" in told
    assert "rows shuffled passed" in told
    lines = layout.ledger.read_text().splitlines()
    layout.ledger.write_text("\n".join(line.replace("Molecular", "Modecular") for line in lines))
    assert "The chain does not hold" in section(page(layout), "checks")


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run")
    with layout.ledger.open("a") as ledger:
        ledger.write('{"seq": 99, "event": {"kind": "of_the_future"}}\n')
    assert "1 line of the ledger could not be read" in page(layout).all("header")[0].words


def test_a_report_may_be_written_again(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run")
    first = [path.read_bytes() for path in report.render(layout)]
    assert [path.read_bytes() for path in report.render(layout)] == first
    assert {path.name for path in layout.output.iterdir()} == {"report.html", "progress.pdf"}


def test_a_link_left_by_a_job_leads_nowhere(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run")
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"step": 1, "valid_leaked": 1}\n{"step": 2, "valid_leaked": 2}\n')
    metrics = layout.job_out("tuner.4.12.t2", "fold1") / "metrics.jsonl"
    metrics.unlink()
    metrics.symlink_to(secret)
    assert "leaked" not in written(report.read_facts(layout), layout)
