"""progress.pdf: two to four A4 pages for a run that did something, one for a run that did not."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.workspace.layout import Layout
from activities.workspace.report.files import read_facts
from activities.workspace.report.paper import paper
from tests.report import stories


def boxes(content: bytes) -> list[tuple[float, ...]]:
    """The media box of every page."""
    assert content.startswith(b"%PDF-")
    found = re.findall(rb"/MediaBox \[([^\]]*)\]", content)
    return [tuple(float(number) for number in box.split()) for box in found]


@pytest.mark.parametrize(
    ("story", "pages"),
    [
        (stories.whole, 4),
        (stories.failed_early, 2),
        (stories.nothing, 1),
        (stories.delivered_alone, 3),
        (stories.large, 3),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_pages(story: Callable[[Path], Layout], pages: int, tmp_path: Path) -> None:
    layout = story(tmp_path / "run")
    found = boxes(paper(read_facts(layout), layout))
    assert len(found) == pages
    assert {tuple(round(side) for side in box) for box in found} == {(0, 0, 595, 842)}


@pytest.mark.filterwarnings("error")
def test_what_the_font_lacks_is_set_as_a_square(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run", hostile=" 汉字 \N{PARTY POPPER} \x00")
    assert len(boxes(paper(read_facts(layout), layout))) == 4


def test_a_formula_in_a_name_is_set_as_it_stands(tmp_path: Path) -> None:
    layout = stories.whole(tmp_path / "run", hostile=r" costs $\frac{1} and ${ more $ \undefined")
    assert len(boxes(paper(read_facts(layout), layout))) == 4
