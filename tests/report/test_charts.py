"""Charts hold as many marks as there are facts, each in its place."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from activities.workspace.layout import Layout
from activities.workspace.report import ancestry, curves, scores, svg, timeline
from activities.workspace.report.files import read_facts
from tests.report import stories

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: object) -> ET.Element:
    """The chart, parsed as XML: what is not well-formed fails here."""
    assert chart is not None
    return ET.fromstring(str(chart))


def marked(root: ET.Element, *classes: str) -> list[ET.Element]:
    return [tag for tag in root.iter() if set(classes) <= set(tag.get("class", "").split())]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return stories.whole(tmp_path / "run")


def test_progress_has_a_dot_for_each_scored_trial_and_quick_ones_are_hollow(layout: Layout) -> None:
    facts = read_facts(layout)
    root = drawn(scores.progress(facts, 960, "p"))
    scored = [training for training in facts.trainings if training.trial.score]
    assert len(scored) == 11
    assert len(marked(root, "mark", "hollow")) == 4  # three quick trials, and the rejected score
    assert len(marked(root, "mark", "full")) == 11 - 4 + 1  # and the blend
    assert len(marked(root, "whisker")) == 11 - 4
    assert len(marked(root, "pause")) == 1


def test_the_best_so_far_only_ever_improves(layout: Layout) -> None:
    [line] = marked(drawn(scores.progress(read_facts(layout), 960, "p")), "best")
    heights = [float(point.split()[1]) for point in line.get("d", "")[1:].replace("M", "").split("L")]
    assert heights == sorted(heights)  # lower is better, and y grows downwards
    assert len(set(heights)) == 6  # 0.742, 0.662, 0.655, 0.631, 0.622, and the blend


def test_intervals_show_each_candidate_and_the_choice_on_both_splits(layout: Layout) -> None:
    rows = scores.rows(read_facts(layout))
    assert [(row.candidate, row.score.value) for row in rows] == [
        *((4, 0.622), (1, 0.655), (2, 0.711), (3, 0.94)),
        *((0, 0.604), (0, 0.617)),
    ]
    root = drawn(scores.intervals(read_facts(layout), 960, "i"))
    assert len(marked(root, "mark")) == len(marked(root, "whisker")) == 6


def test_ancestry_leads_from_the_revisions_that_a_design_drew_on(layout: Layout) -> None:
    root = drawn(ancestry.draw(read_facts(layout), 960, "a"))
    assert len(marked(root, "step", "designer")) == len(marked(root, "step", "coder")) == 4
    assert len(marked(root, "mark")) == 4  # a tuning of each
    assert len(marked(root, "track")) == 4
    said = sorted(link.findtext("title") or "" for link in marked(root, "link"))
    assert [line[:38] for line in said] == [
        "candidate 4 draws on candidate 1 at 01",
        "candidate 4 draws on candidate 2 at 02",
    ]


def test_the_timeline_has_a_bar_for_each_invocation_and_job(layout: Layout) -> None:
    facts = read_facts(layout)
    lanes = {lane.label: lane for lane in timeline.lanes(facts)}
    assert list(lanes) == [
        *("Manager", "Setup", "Candidate 1", "Candidate 2", "Candidate 3", "Candidate 4", "Aggregator"),
        *("cpu:0", "cpu:1"),
    ]
    assert len(lanes["Manager"].bars) == 8
    assert sum(len(lanes[device].bars) for device in ("cpu:0", "cpu:1")) == len(facts.record.jobs)
    root = drawn(timeline.draw(facts, 960, "t"))
    assert len(marked(root, "bar")) == sum(len(lane.bars) for lane in lanes.values())
    assert len(marked(root, "cross", "halo")) == 1
    assert len(marked(root, "flag")) == 1


def test_idle_time_is_what_nothing_covers() -> None:
    assert timeline.covered([(0, 10), (5, 12), (20, 21)]) == 13
    assert timeline.covered([]) == 0


def test_curves_show_the_best_trial_on_every_fold(layout: Layout) -> None:
    panels = curves.panels(read_facts(layout), layout)
    assert [(panel.candidate, panel.name) for panel in panels] == [(n, "valid_rmse") for n in (1, 2, 3, 4)]
    root = drawn(curves.draw(panels[0], "c"))
    assert len(marked(root, "curve", "valid")) == len(marked(root, "curve", "train")) == 5


def test_a_curve_that_is_cut_off_or_not_a_number_is_drawn_as_far_as_it_goes(layout: Layout) -> None:
    metrics = layout.job_out("tuner.4.12.t2", "fold1") / "metrics.jsonl"
    metrics.write_text(
        '{"step": 1, "valid_rmse": 2.0}\n{"step": 2, "valid_rmse": NaN}\nrubbish\n[1]\n{"step": 3, "valid_rmse": 1}'
    )
    panel = curves.panels(read_facts(layout), layout)[3]
    assert panel.valid[0].runs == (((1.0, 2.0), (3.0, 1.0)),)


def test_models_fitted_one_after_the_other_are_lines_of_their_own(layout: Layout) -> None:
    """As the recipes log: a loss by iteration for each model in turn, and now and then the metric itself."""
    for fold in range(1, 6):
        rows = [f'{{"step": {step}, "valid_y_loss": {1 / step}}}' for _ in range(3) for step in range(1, 9)]
        rows[8:8] = rows[16:16] = ['{"step": 1, "valid_rmse": 0.6}']
        (layout.job_out("tuner.4.12.t2", f"fold{fold}") / "metrics.jsonl").write_text("\n".join(rows))
    panel = curves.panels(read_facts(layout), layout)[3]
    assert panel.name == "valid_y_loss"
    assert [len(run) for run in panel.valid[0].runs] == [8, 8, 8]
    assert len(marked(drawn(curves.draw(panel, "c")), "curve", "valid", "many")) == 15


def test_one_failure_does_not_squash_the_others(layout: Layout) -> None:
    facts = read_facts(layout)
    low, high = scores.domain([t.trial.score for t in facts.trainings if t.trial.score])
    assert low < 0.6
    assert high < 1.2  # the quick trial at 1.9 is drawn at the edge
    assert "1.900" in "".join(drawn(scores.progress(facts, 960, "p")).itertext())


def test_a_long_run_is_abridged(tmp_path: Path) -> None:
    facts = read_facts(stories.large(tmp_path / "run"))
    assert len(ancestry.nodes(facts)) == 80  # of 280: each candidate's design, and its last tuning
    assert len(scores.rows(facts)) == 20


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0.612, 0.668, [0.62, 0.63, 0.64, 0.65, 0.66]), (3, 3, [3])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert svg.ticks(low, high) == expected


def test_every_candidate_looks_like_itself() -> None:
    looks = {str(svg.mark(0, 0, number, "")).replace(f'data-c="{number}"', "") for number in range(1, 25)}
    assert len(looks) == 24
