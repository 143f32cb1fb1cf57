"""The model's package and its card: complete, whole or not at all, and leading nowhere else."""

from pathlib import Path

import pytest

from activities.fence import Fence
from activities.workspace.layout import Layout
from activities.workspace.package import assemble
from activities.workspace.report import render
from schemas.candidate import Member
from schemas.delivery import Finding, Verified
from tests.report import stories
from tests.report.made import task

LOCK = "# python 3.12\nnumpy==2.4.6\nscikit-learn==1.9.1\ntorch==2.13.0+cpu\n"
PASSED = Verified(passed=True, findings=(Finding(name="rows shuffled", passed=True),), rows=226, job_seconds=8.0)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return stories.whole(tmp_path / "run")


def alone(layout: Layout, tmp_path: Path) -> Path:
    code = written(tmp_path / "code", inference_py="print(1)", helpers__shared_py="x = 1", results__j1__log_txt="long")
    weights = written(tmp_path / "model", trees_txt="trees")
    members = (Member(candidate=4, job="tuner.4.12.t2", revision="a" * 40),)
    return assemble(layout, task(), members, "single", {4: weights}, LOCK, code=code, verified=PASSED)


def test_a_single_model_lies_flat(layout: Layout, tmp_path: Path) -> None:
    assert alone(layout, tmp_path) == layout.output / "model"
    assert files(layout.output / "model") == {
        *("inference.py", "helpers/shared.py", "weights/trees.txt"),
        *("requirements.lock", "task.json", "MODEL_CARD.md"),
    }


def test_the_lock_can_be_installed_elsewhere(layout: Layout, tmp_path: Path) -> None:
    lock = (alone(layout, tmp_path) / "requirements.lock").read_text()
    assert lock == "# python 3.12\nnumpy==2.4.6\nscikit-learn==1.9.1\ntorch==2.13.0\n"


def test_a_blend_has_each_members_code_and_weights(layout: Layout, tmp_path: Path) -> None:
    code = written(tmp_path / "code", inference_py="import json", members__9__old_py="stale")
    (code / "blend.json").write_text("{}")
    members = tuple(Member(candidate=n, job=f"j{n}", revision="a" * 40, weight=0.5) for n in (2, 4))
    member_code = {n: written(tmp_path / f"code{n}", inference_py=str(n)) for n in (2, 4)}
    weights = {n: written(tmp_path / f"model{n}", model_txt=str(n)) for n in (2, 4)}
    submission = tmp_path / "predictions.csv"
    submission.write_text("id,solubility\n1,2\n")
    model = assemble(
        layout, task(), members, "mean", weights, LOCK, code=code, member_code=member_code, submission=submission
    )
    assert files(model) == {
        *("inference.py", "blend.json", "members/2/inference.py", "members/4/inference.py"),
        *("weights/2/model.txt", "weights/4/model.txt", "requirements.lock", "task.json", "MODEL_CARD.md"),
    }
    assert (model / "weights/4/model.txt").read_text() == "4"
    assert (layout.output / "submission.csv").read_text() == "id,solubility\n1,2\n"


def test_packing_again_replaces_the_package_and_leaves_nothing_beside_it(layout: Layout, tmp_path: Path) -> None:
    model = alone(layout, tmp_path)
    (model / "stale.txt").write_text("from before")
    killed = Fence.begin(layout.fence("package"), 1).draft()
    killed.mkdir()
    before = files(model) - {"stale.txt"}
    assert files(alone(layout, tmp_path)) == before
    assert [path.name for path in layout.output.iterdir()] == ["model"]
    assert not killed.exists()


def test_links_are_left_out(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    written(tmp_path / "code", inference_py="print(1)")
    (tmp_path / "code" / "leak.txt").symlink_to(tmp_path / "secret")
    (tmp_path / "code" / "home").symlink_to(tmp_path)
    assert not [name for name in files(alone(layout, tmp_path)) if "leak" in name or "home" in name]


@pytest.mark.parametrize("missing", ["inference.py", "weights"])
def test_what_is_missing_is_named_and_an_older_package_stays(layout: Layout, tmp_path: Path, missing: str) -> None:
    model = alone(layout, tmp_path)
    before = files(model)
    code = tmp_path / "code"
    weights = tmp_path / "model"
    if missing == "weights":
        (weights / "trees.txt").unlink()
    else:
        (code / "inference.py").unlink()
    members = (Member(candidate=4, job="j", revision="a" * 40),)
    with pytest.raises(FileNotFoundError, match=r"inference\.py|candidate 4 has no trained model"):
        assemble(layout, task(), members, "single", {4: weights}, LOCK, code=code)
    assert files(model) == before


def test_the_card_says_what_a_stranger_must_know(layout: Layout, tmp_path: Path) -> None:
    model = alone(layout, tmp_path)
    card = (model / "MODEL_CARD.md").read_text()
    for said in (
        "# Model card: esol-solubility",
        "No language model was used: the playbook, a rule-based engineer, made every decision.",
        "**RMSE 0.617**, 95 % interval 0.537 to 0.705, 90 rows",
        "RMSE 0.604, 95 % interval 0.574 to 0.637, 902 rows",
        "11 trainings were scored on it",
        "| train.csv | `" + "5f" * 32 + "` |",
        "| 3 | network: Convolutions over characters | discarded | 0.940 | 0.910 to 0.973 | 3 |",
        "3 packages, sha256 `",
        "python inference.py --data FOLDER --model weights --out predictions.csv",
        "passed: rows shuffled",
        "Generated code ran in a sandbox",
        "6 min 54 s of jobs (16), 126 model calls, 0 tokens, $0",
        "aibuildai history run --verify",
    ):
        assert said in card, said
    assert "[" not in card.replace("\\[", "")


def test_the_card_says_whose_scores_it_gives(layout: Layout, tmp_path: Path) -> None:
    members = (Member(candidate=4, job="j", revision="a" * 40),)
    alone(layout, tmp_path)
    refitted = {"code": tmp_path / "code", "verified": PASSED, "refitted": True}
    model = assemble(layout, task(), members, "single", {4: tmp_path / "model"}, LOCK, **refitted)  # type: ignore[arg-type]
    assert "Scores are of the model before the refit" in (model / "MODEL_CARD.md").read_text()


def test_the_card_is_written_again_with_the_reports(layout: Layout, tmp_path: Path) -> None:
    model = alone(layout, tmp_path)
    (model / "MODEL_CARD.md").unlink()
    assert model / "MODEL_CARD.md" in render(layout)
    assert "Delivered and verified." in (model / "MODEL_CARD.md").read_text()


def test_markup_in_the_card_is_text(tmp_path: Path) -> None:
    hostile = "<script>x</script> | [a](http://b) `c`"
    layout = stories.whole(tmp_path / "run", hostile=hostile)
    card = (alone(layout, tmp_path) / "MODEL_CARD.md").read_text()
    assert "<script>" not in card.replace("\\<", "")
    [row] = [line for line in card.splitlines() if line.startswith("| 1 |")]
    assert row.replace("\\|", "").count("|") == 7
