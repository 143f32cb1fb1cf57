"""A blend is delivered as it is scored: the system writes what the aggregator left to it, and refuses what differs."""

import json

import numpy as np
import pandas as pd
import pytest

from activities.errors import ToolFailed
from activities.knowledge import catalogue
from activities.tools.blends import Blend, complete_blend
from activities.workspace.layout import Layout
from activities.workspace.parts import select_parts
from activities.workspace.prepare import prepare
from schemas.candidate import Member
from tests.tools.conftest import Work
from tests.workspace import tasks

MEMBERS = (
    Member(candidate=1, job="tuner.1.1.j1", revision="r", weight=0.7),
    Member(candidate=2, job="j", revision="s"),
)
MEAN = Blend(MEMBERS, "mean", 0.4)


def files(work: Work) -> set[str]:
    return {path.name for path in work.bench.worktree.iterdir()}


def test_where_nothing_is_written_the_system_writes_script_and_settings(work: Work) -> None:
    complete_blend(work.bench, MEAN)
    assert files(work) == {"inference.py", "blend.json"}
    recipe = catalogue.entry("blend", work.bench.profile, work.bench.task)
    assert (work.bench.worktree / "inference.py").read_text() == recipe.files["inference.py"]
    assert json.loads((work.bench.worktree / "blend.json").read_text()) == {
        "method": "mean",
        "threshold": 0.4,
        "members": [{"candidate": 1, "weight": 0.7}, {"candidate": 2, "weight": 1.0}],
    }
    complete_blend(work.bench, MEAN)  # a repeated call finds its own


def test_a_script_of_the_aggregators_own_stays(work: Work) -> None:
    work.write(**{"inference.py": "mine"})
    complete_blend(work.bench, MEAN)
    assert (work.bench.worktree / "inference.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"method": "mean", "threshold": 0.4, "members": [{"candidate": 1, "weight": 0.7}]}, "names other members"),
        ({"method": "vote", "threshold": 0.4, "members": MEAN.text}, "cannot be read"),
        (json.loads(MEAN.text) | {"method": "vote"}, "names other members"),
        (json.loads(MEAN.text) | {"threshold": 0.5}, "names other members"),
        ({"method": "mean"}, "cannot be read"),
        ([], "cannot be read"),
    ],
)
def test_settings_that_say_otherwise_than_the_report_are_refused(work: Work, written: object, words: str) -> None:
    work.write(**{"blend.json": json.dumps(written)})
    with pytest.raises(ToolFailed, match=words):
        complete_blend(work.bench, MEAN)


def test_ranks_go_with_the_scales_that_they_were_scored_by(work: Work, tmp_path: object) -> None:
    layout = Layout(work.bench.layout.folder / "flowers")
    layout.folder.mkdir()
    work.bench.task = prepare(
        tasks.flowers(layout.folder / "given", classes=("no", "yes"), metric="roc_auc"), layout
    ).task
    work.bench.layout = layout
    for part in select_parts(layout, work.bench.task):
        assert part.labels is not None
        for member in MEMBERS:
            folder = layout.job_predictions(member.job, part.name)
            folder.mkdir(parents=True)
            ids = pd.read_parquet(part.labels)[["id"]]
            ids.assign(kind=np.linspace(0.1, 0.5, len(ids))).to_csv(folder / "predictions.csv", index=False)
    complete_blend(work.bench, Blend(MEMBERS, "rank"))
    scales = json.loads((work.bench.worktree / "ranks.json").read_text())
    assert scales.keys() == {"1", "2"}
    values, shares = scales["1"]["kind"]
    assert (values[0], values[-1], shares[0], shares[-1]) == (0.0, 1.0, 0.0, 1.0)
    assert np.interp(0.3, values, shares) == pytest.approx(0.5, abs=0.01)
    assert (np.diff(values) > 0).all()
