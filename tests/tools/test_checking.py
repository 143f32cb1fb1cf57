"""`check` finds what the final verification would; `report_code` believes nothing else."""

import json
from pathlib import Path

import pandas as pd
import pytest

from activities.errors import ToolFailed
from activities.tools.checking import Checking
from activities.tools.reporting import Reporting
from activities.tools.sample import sample_views
from activities.workspace.layout import Layout
from activities.workspace.prepare import prepare
from schemas.budget import Money
from schemas.role import CodeReport, Role
from schemas.tool import Checked, Ran
from tests.tools.conftest import CODE, Work
from tests.tools.direct import DirectJobs
from tests.workspace.test_own_split import GRADE, SPLIT


def masks(folder: Path, task: Path) -> Path:
    """A task that is no table: texts, each with a mask, and nothing that is not labelled."""
    (folder / "data").mkdir(parents=True)
    for number in range(20):
        (folder / "data" / f"{number:02d}.txt").write_text(f"picture {number}")
        (folder / "data" / f"{number:02d}.mask").write_text(f"{number} 5")
    for name, text in (("split.py", SPLIT), ("grade.py", GRADE), ("description.md", "Find the masks.")):
        (folder / name).write_text(text)
    (folder / "task.yaml").write_text("split_script: split.py\nmetric: grade.py:overlap\ndirection: higher\n")
    task.symlink_to(folder)
    return folder


async def check(work: Work, number: int | None = None) -> Checked:
    done = await work.use(Checking(work.bench).tools(), "check", number)
    assert isinstance(done.content, Checked)
    return done.content


async def report(work: Work) -> CodeReport:
    def unable(why: str) -> CodeReport:
        return CodeReport(invocation="coder.1.1", candidate=1, problem=why)

    done = await work.use(Reporting(work.bench, 1, unable).tools(Role.CODER), "report_code", summary="done")
    assert isinstance(done.report, CodeReport)
    return done.report


async def test_code_that_keeps_the_contract_passes_and_can_be_reported(work: Work) -> None:
    work.write(**CODE)
    checked = await check(work)
    assert checked.problem is None
    assert checked.passed
    assert [finding.split(":")[0] for finding in checked.findings] == ["passed"] * 6 + ["noted"]
    assert checked.findings[-1] == "noted: metrics.jsonl tells of valid_rmse"
    assert (await report(work)).check == checked.job


async def test_results_say_what_is_left_when_they_come(work: Work) -> None:
    """An opening is read again by later attempts; a result is of its own moment."""
    done = await work.use(Checking(work.bench).tools(), "run", argv=["python", "-c", ""])
    told = json.loads(done.text)
    assert 590 < told["seconds_left"] <= 600
    assert "dollars_left" not in told, "no money is capped, and null would read as none left"
    work.bench.money = lambda: Money(dollars=1.25, tokens=9_000)
    work.write(**CODE)
    told = json.loads((await work.use(Checking(work.bench).tools(), "check")).text)
    assert (told["dollars_left"], told["tokens_left"]) == (1.25, 9_000)


async def test_what_others_will_miss_is_noted(work: Work) -> None:
    work.write(**{**CODE, "train.py": CODE["train.py"].replace("range(3)", "range(0)")})
    checked = await check(work)
    assert checked.passed
    assert "wrote nothing to metrics.jsonl" in checked.findings[-1]


FIXED = {
    "train.py": CODE["train.py"].split("factor =")[0]
    + "model = pathlib.Path(given.out, 'model')\nmodel.mkdir(exist_ok=True)\n(model / 'all').write_text('0 1')\n",
    "inference.py": CODE["inference.py"].split("task =")[0] + "all = open(f'{given.model}/all').read()\n"
    "rows = csv.DictReader(open(f'{given.data}/sample_submission.csv'))\n"
    "lines = [f\"{row['image']},{all}\" for row in rows]\n"
    "open(given.out, 'w').write('\\n'.join(['image,mask', *lines]) + '\\n')\n",
    "config.yaml": "{}\n",
}


async def test_a_task_without_test_inputs_is_checked_on_withheld_ones_of_which_nothing_is_told(
    work: Work, tmp_path: Path
) -> None:
    layout = Layout(tmp_path / "masks" / "run")
    layout.folder.mkdir(parents=True)
    work.bench.task = prepare(masks(tmp_path / "masks" / "given", layout.task), layout).task
    work.bench.layout, jobs = layout, DirectJobs(layout.jobs)
    work.bench.jobs = jobs
    work.write(**FIXED)
    checked = await check(work)
    assert checked.problem is None
    assert [step.sealed for step in jobs.specs[checked.job].steps] == [False, True, True]
    work.write(**{"inference.py": FIXED["inference.py"].replace("image,mask", "secret,mask")})
    problem = (await check(work)).problem or ""
    assert "predictions.csv" in problem
    assert "secret" not in problem


B = 'float(row["b"])'
BROKEN = {
    "depends on other rows": (B, f"{B} + 0.1 * len(rows)", "fewer rows"),
    "depends on ids": (B, f'{B} + int(row["id"]) % 7', "new ids"),
    "depends on order": (B, f"{B} + place", "shuffled"),
    "leaves rows out": ("enumerate(rows)", "enumerate(rows[:9])", "rows for"),
    "names columns otherwise": ("id,price", "id,cost", "'price'"),
    "crashes": ("rows =", "1 / 0; rows =", "exit code"),
    "needs no model": ('json.load(open(f"{given.model}/model.json"))', '{"slope": 2, "start": 10}', "emptied"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_what_is_wrong_is_named(work: Work, kind: str) -> None:
    right, wrong, words = BROKEN[kind]
    assert right in CODE["inference.py"]
    work.write(**{**CODE, "inference.py": CODE["inference.py"].replace(right, wrong)})
    checked = await check(work)
    assert not checked.passed
    assert words in (checked.problem or "")
    with pytest.raises(ToolFailed, match="no check passed"):
        await report(work)


async def test_code_that_changed_since_its_check_cannot_be_reported(work: Work) -> None:
    work.write(**CODE)
    await check(work)
    work.write(**{"config.yaml": "factor: 2.0\n"})
    with pytest.raises(ToolFailed, match="changed since its last check"):
        await report(work)
    work.write(**{"config.yaml": CODE["config.yaml"]})
    assert (await report(work)).check == "tuner.1.1.j1"


async def test_nothing_is_checked_before_it_is_written(work: Work) -> None:
    work.write(**{"train.py": "", "inference.py": ""})
    with pytest.raises(ToolFailed, match=r"lacks config\.yaml"):
        await check(work)
    with pytest.raises(ToolFailed, match="no check passed"):
        await report(work)


async def test_a_repeated_check_finds_its_job(work: Work) -> None:
    work.write(**CODE)
    first = await check(work, 1)
    again = await check(work, 1)
    assert isinstance(work.bench.jobs, DirectJobs)
    assert work.bench.jobs.started == ["tuner.1.1.j1"]
    assert again.model_copy(update={"seconds_left": first.seconds_left}) == first


async def test_a_command_runs_on_a_copy(work: Work) -> None:
    work.write(**{"look.py": "import os; open('made', 'w'); print(sorted(os.listdir('.')))"})
    done = await work.use(Checking(work.bench).tools(), "run", argv=["python", "look.py"])
    assert isinstance(done.content, Ran)
    assert done.content.phase == "done"
    assert done.content.log == "['look.py', 'made']\n"
    assert not (work.bench.worktree / "made").exists()


async def test_long_output_is_bounded_and_its_end_is_kept(work: Work) -> None:
    code = "print('x' * 100_000); raise SystemExit('the end')"
    done = await work.use(Checking(work.bench).tools(), "run", argv=["python", "-c", code])
    assert isinstance(done.content, Ran)
    assert len(done.content.log) <= 6_100
    assert done.content.log.endswith("the end\n")
    assert done.content.problem is not None


def test_the_sample_is_a_view_of_few_rows_that_no_label_leaves(work: Work) -> None:
    fit, inputs = sample_views(work.bench.layout, work.bench.task)
    rows, asked = pd.read_csv(fit / "train.csv"), pd.read_csv(inputs / "test.csv")
    assert (len(rows), len(asked)) == (1_500, 200)
    assert list(asked.columns) == ["id", "a", "b"]
    assert not set(rows.id) & set(asked.id)
    assert not (inputs / "train.csv").exists()
    assert list(pd.read_csv(inputs / "sample_submission.csv").id) == list(asked.id)
    assert json.loads((fit / "task.json").read_text())["name"] == work.bench.task.name
    assert sample_views(work.bench.layout, work.bench.task) == (fit, inputs)
    left = [path.name for path in Path(work.bench.layout.folder).iterdir()]
    assert not [name for name in left if name.startswith(".sample")]
