"""A task that is no table brings its own split and its own grading."""

from pathlib import Path

import pandas as pd
import pytest

from activities.errors import BadInput
from activities.workspace.layout import Layout
from activities.workspace.parts import estimate_part, final_part, select_parts
from activities.workspace.prepare import check, prepare
from activities.workspace.scoring import ScorerReply, ScorerRequest, answer
from activities.workspace.verify import input_ids, perturbed
from schemas.candidate import Member
from schemas.task import Task

SPLIT = """
import argparse, random, shutil
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("data", "out", "seed"):
    parser.add_argument(f"--{name}")
args = parser.parse_args()
data, out = Path(args.data), Path(args.out)
images = sorted(data.glob("*.txt"))
random.Random(args.seed).shuffle(images)
masks = {path.name: path.with_suffix(".mask").read_text() for path in images}

def write(folder, chosen, with_masks):
    folder.mkdir(parents=True)
    for path in chosen:
        shutil.copy(path, folder / path.name)
        if with_masks:
            shutil.copy(path.with_suffix(".mask"), folder / path.with_suffix(".mask").name)

def table(path, rows, value):
    path.write_text("image,mask\\n" + "".join(f"{row.name},{value(row)}\\n" for row in rows))

for part, fit, inputs in (("select", images[8:], images[:4]), ("estimate", images[4:], images[4:8])):
    write(out / part / "fit", fit, True)
    write(out / part / "inputs", inputs, False)
    table(out / part / "inputs" / "sample_submission.csv", inputs, lambda row: "0 1")
    table(out / part / "labels.csv", inputs, lambda row: masks[row.name])
write(out / "final" / "fit", images, True)
"""

GRADE = """
def overlap(truth, predicted):
    assert list(truth["image"]) == list(predicted["image"])
    return float((truth["mask"] == predicted["mask"]).mean())
"""


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    (folder / "data").mkdir(parents=True)
    for number in range(20):
        (folder / "data" / f"{number:02d}.txt").write_text(f"picture {number}")
        (folder / "data" / f"{number:02d}.mask").write_text(f"{number} 5")
    (folder / "split.py").write_text(SPLIT)
    (folder / "grade.py").write_text(GRADE)
    (folder / "description.md").write_text("Find the masks.")
    (folder / "task.yaml").write_text(
        "split_script: split.py\nmetric: grade.py:overlap\ndirection: higher\nname: masks\n"
    )
    return folder


@pytest.fixture
def layout(tmp_path: Path, given: Path) -> Layout:
    layout = Layout(tmp_path / "run")
    layout.folder.mkdir()
    layout.task.symlink_to(given)
    return layout


def test_its_parts_are_taken_and_agents_see_what_select_trains_on(given: Path, layout: Layout) -> None:
    made = prepare(given, layout)
    assert made.withheld == {"select": 4, "report": 4}
    assert (made.task.kind, made.task.id, made.task.targets) == ("custom", "image", ("mask",))
    (part,) = select_parts(layout, made.task)
    assert part.inputs is not None
    seen = {path.name for path in layout.view.iterdir()}
    assert not seen & set(input_ids(part.inputs, made.task))
    assert Task.model_validate_json((part.inputs / "task.json").read_text()) == made.task
    assert estimate_part(layout).labels is not None
    assert final_part(layout).inputs is None
    assert not list(layout.folder.rglob("labels.csv"))


def predicted(layout: Layout, task: Task, right: int) -> Member:
    (part,) = select_parts(layout, task)
    assert part.labels is not None
    frame = pd.read_parquet(part.labels).drop(columns="__block__")
    frame.loc[right:, "mask"] = "9 9"
    folder = layout.job_predictions("j", "select")
    folder.mkdir(parents=True)
    frame.sample(frac=1, random_state=0).to_csv(folder / "predictions.csv", index=False)
    return Member(candidate=1, job="j", revision="r")


def scored(layout: Layout, task: Task, *members: Member, method: str = "single") -> ScorerReply:
    request = {"folder": str(layout.folder), "task": task, "members": members, "method": method}
    return answer(ScorerRequest.model_validate(request))


def test_its_grading_scores_whatever_a_prediction_is(given: Path, layout: Layout) -> None:
    task = prepare(given, layout).task
    member = predicted(layout, task, right=3)
    reply = scored(layout, task, member)
    assert reply.evaluated is not None
    assert reply.evaluated.score.value == 0.75
    assert "no numbers" in (scored(layout, task, member, member, method="mean").problem or "")
    (part,) = select_parts(layout, task)
    assert part.inputs is not None
    assert perturbed(part.inputs, task, layout.folder / "views") == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("split.py", "raise SystemExit('no pictures')"), ["split.py failed", "no pictures"]),
        (("split.py", "pass"), ["must write files to DIR/select/fit"]),
        (("split.py", SPLIT.replace('"sample_submission.csv"', '"sample.csv"')), ["sample_submission.csv"]),
        (("split.py", SPLIT.replace('"labels.csv", inputs', '"labels.csv", inputs[1:]')), ["each once"]),
        (("task.yaml", "split_script: split.py\n"), ["`metric: grade.py:function`"]),
        (("task.yaml", "split_script: cut.py\n"), ["`split_script`", "cut.py"]),
        (("task.yaml", "split_script: split.py\nmetric: mark.py:f\ndirection: lower\n"), ["mark.py"]),
    ],
)
def test_what_it_does_wrong_is_named_and_nothing_is_left_behind(
    given: Path, layout: Layout, change: tuple[str, str], says: list[str]
) -> None:
    (given / change[0]).write_text(change[1])
    with pytest.raises(BadInput) as error:
        prepare(given, layout)
    assert not [part for part in says if part not in str(error.value)], str(error.value)
    assert {path.name for path in layout.folder.iterdir()} - {"fences"} == {"task"}
    assert not [path for path in layout.fence("prepare").rglob("*") if path.is_file()]


def test_it_is_checked_without_being_run(given: Path) -> None:
    (given / "split.py").write_text("raise SystemExit(1)")
    assert check(given) is None
    (given / "grade.py").unlink()
    with pytest.raises(BadInput, match=r"grade.py"):
        check(given)
