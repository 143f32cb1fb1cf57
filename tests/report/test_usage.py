"""What jobs took of the machine: by the samples in their own records, in every report, and nothing made up."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.workspace.layout import Layout
from activities.workspace.report import usage
from activities.workspace.report.card import card
from activities.workspace.report.facts import Facts
from activities.workspace.report.files import read_facts
from activities.workspace.report.page import page as written
from schemas.job import JobState, StepState, Use
from tests.report.cast import Cast
from tests.report.made import begun, prepared
from tests.report.reading import Tag, read

CPU = Use(cores=2.0, memory_mb=800.0, peak_memory_mb=1536.0)
NONE = "\N{EN DASH}"
GPU = CPU.model_copy(update={"gpu_percent": 80.0, "gpu_memory_mb": 2000.0, "peak_gpu_memory_mb": 4096.0})


def job(*steps: StepState, id: str = "tuner.1.3.t1") -> JobState:
    return JobState(id=id, purpose="train", phase="done", queued_at=datetime.now(UTC), steps=steps)


def step(seconds: float, use: Use | None, *, peak: float | None = None, limited_by: str = "kernel") -> StepState:
    found = peak if peak is not None else use.peak_memory_mb if use else None
    return StepState(name="train", seconds=seconds, use=use, peak_memory_mb=found, limited_by=limited_by)


def run(folder: Path, *uses: Use | None) -> Layout:
    """A run with a candidate for each use, tuned once; and its verification."""
    made = begun(folder)
    prepared(made)
    cast = Cast(made)
    for number, use in enumerate(uses, 1):
        [name] = cast.tune(41, 91, number, number, [(0.71, False, "as designed")])
        made.job(name, 42, 92, use=use)
    made.job("delivery.9.verify", 93, 103, "verify", use=None)
    return made.save()


def facts(layout: Layout) -> Facts:
    return read_facts(layout)


def page(layout: Layout) -> Tag:
    return read(written(facts(layout), layout))


def cells(root: Tag, name: str, title: str) -> list[list[str]]:
    """The table in a section whose first heading is this."""
    for table in root.all("section", id=name)[0].all("table"):
        lines = [[cell.words for cell in row.inside] for row in table.all("tr")]
        if lines[0][0] == title:
            return lines
    return []


def test_a_step_counts_by_its_time_and_peaks_are_the_highest() -> None:
    small = Use(cores=1.0, memory_mb=10.0, peak_memory_mb=20.0)
    found = usage.taken([job(step(30, CPU), step(10, small))])
    assert found == usage.Taken(cores=pytest.approx(1.75), memory=1536.0)


def test_a_step_too_short_to_be_sampled_has_a_peak_and_no_mean() -> None:
    assert usage.taken([job(step(0.4, None, peak=44.0))]) == usage.Taken(memory=44.0)


def test_of_a_container_only_the_gpu_is_known() -> None:
    """What was looked at there is its client."""
    found = usage.taken([job(step(30, GPU, limited_by="container"))])
    assert found == usage.Taken(gpu=80.0, gpu_memory=4096.0)


def test_the_page_shows_use_by_candidate_and_by_training(tmp_path: Path) -> None:
    half = CPU.model_copy(update={"cores": 1.0, "peak_memory_mb": 640.0})
    root = page(run(tmp_path / "run", CPU, half))
    assert cells(root, "costs", "Candidate") == [
        ["Candidate", "Jobs", "Job time", "Cores, mean", "Memory, peak"],
        ["candidate 1 1", "1", "50 s", "2.0", "1.5 GB"],
        ["candidate 2 2", "1", "50 s", "1.0", "640 MB"],
        ["all", "2", "1 min 40 s", "1.5", "1.5 GB"],
    ]
    [head, first] = cells(root, "candidates", "At")
    shown = dict(zip(head, first, strict=True))
    assert (shown["Job"], shown["Cores"], shown["Memory"]) == ("tuner.1.1.t1", "2.0", "1.5 GB")
    assert "GPU" not in head


def test_where_there_is_a_gpu_its_use_is_shown(tmp_path: Path) -> None:
    root = page(run(tmp_path / "run", GPU, CPU))
    told = {line[0]: line[-2:] for line in cells(root, "costs", "Candidate")}
    assert told == {
        "Candidate": ["GPU, mean", "GPU memory, peak"],
        "candidate 1 1": ["80 %", "4.0 GB"],
        "candidate 2 2": [NONE, NONE],
        "all": ["80 %", "4.0 GB"],
    }
    [head, first] = cells(root, "candidates", "At")
    shown = dict(zip(head, first, strict=True))
    assert (shown["GPU"], shown["GPU memory"]) == ("80 %", "4.0 GB")


def test_the_card_says_it_in_a_sentence(tmp_path: Path) -> None:
    text = card(facts(run(tmp_path / "run", GPU)), "")
    assert (
        "Jobs worked on 2.0 cores on average, took up to 1.5 GB of memory, kept their GPUs 80 % busy "
        "and took up to 4.0 GB of GPU memory."
    ) in text


def test_where_nothing_was_sampled_nothing_is_said(tmp_path: Path) -> None:
    layout = run(tmp_path / "run", None)
    root = page(layout)
    assert cells(root, "costs", "Candidate") == []
    [head, first] = cells(root, "candidates", "At")
    assert dict(zip(head, first, strict=True))["Memory"] == NONE
    assert usage.sentence(facts(layout)) == ""
