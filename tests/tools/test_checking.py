"""`check` finds what the final verification would; `report_code` believes nothing else."""

import json
from pathlib import Path

import pandas as pd
import pytest

from activities.errors import ToolFailed
from activities.tools.checking import Checking
from activities.tools.reporting import Reporting
from activities.tools.sample import sample_views
from schemas.role import CodeReport, Role
from schemas.tool import Checked, Ran
from tests.tools.conftest import CODE, Work
from tests.tools.direct import DirectJobs


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
    assert len(checked.findings) == 5
    assert all(finding.startswith("passed") for finding in checked.findings)
    assert (await report(work)).check == checked.job


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
    assert again == first


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
