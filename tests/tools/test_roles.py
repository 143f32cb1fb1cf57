"""A candidate from its design to a choice: each role starts from what the one before committed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activities import aggregator, coder, designer, setup, tuner
from activities.agent.doing import Doing
from activities.agent.journal import ended, read
from activities.assignment import Assignment, Equipment, R, carry_out
from activities.errors import NeedsPerson
from activities.models.scripted import ScriptedModel, calls, says
from activities.tools.bench import Bench
from activities.tools.trials import read_trial
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository
from schemas.base import RunRef
from schemas.candidate import Candidate
from schemas.job import JobState, Limits
from schemas.message import ModelRequest, Reply
from schemas.role import (
    AggregateRequest,
    CodeReport,
    CodeRequest,
    DesignReport,
    DesignRequest,
    SetupRequest,
    TuneReport,
    TuneRequest,
)
from schemas.task import Task
from tests.agent.world import Killed
from tests.tools.conftest import CODE, Work
from tests.tools.direct import DirectJobs

PLAN = "---\napproach: a line\nfamily: linear\n---\n\n## Idea\n\nA line.\n"
WRITE = tuple(("write_file", {"path": name, "text": text}) for name, text in CODE.items())
DESIGNED = calls(
    ("write_file", {"path": "PLAN.md", "text": PLAN}),
    ("report_design", {"approach": "a line", "family": "linear", "summary": "so"}),
)


class Stage:
    """A run's folder, and what carries its invocations out."""

    def __init__(self, layout: Layout, task: Task) -> None:
        self.layout = layout
        self.jobs = DirectJobs(layout.jobs)
        self.repository = Repository(layout.git_dir)
        self.common = {
            "run": RunRef(id="run", folder=str(layout.folder)),
            "task": task,
            "deadline": datetime.now(UTC) + timedelta(minutes=5),
        }

    async def carry_out(self, assignment: Assignment[R], model: ScriptedModel, **other: object) -> R:
        equipment = Equipment(
            model=model,
            jobs=self.jobs,
            job_limits=Limits(),
            home=self.layout.folder,
            devices=("cpu:0",),
            sandbox="none",
            doing=Doing(),
        )
        return await carry_out(assignment, replace(equipment, **other))  # type: ignore[arg-type]

    async def design(self, *replies: Reply, **more: object) -> DesignReport:
        request = DesignRequest(**{"invocation": "designer.1.1", "candidate": 1, "brief": "", **self.common, **more})
        return await self.carry_out(designer.assignment(request), ScriptedModel(replies or (DESIGNED,)))

    async def code(self, revision: str, *replies: Reply, **more: object) -> CodeReport:
        fields = {"invocation": "coder.1.2", "candidate": 1, "brief": "", "revision": revision, **self.common, **more}
        script = replies or (calls(*WRITE, ("check", {})), calls(("report_code", {"summary": "it runs"})))
        return await self.carry_out(coder.assignment(CodeRequest(**fields)), ScriptedModel(script))

    def tuning(self, revision: str, card: Candidate | None = None, **more: object) -> TuneRequest:
        own = {"candidate": 1, "brief": "", "revision": revision, "seconds": 100.0, "card": card or Candidate(number=1)}
        return TuneRequest(**{"invocation": "tuner.1.3", **own, **self.common, **more})

    async def coded(self) -> str:
        revision = (await self.code((await self.design()).revision or "")).revision
        assert revision is not None
        return revision


@pytest.fixture
def stage(work: Work) -> Stage:
    return Stage(work.bench.layout, work.bench.task)


TRAIN = calls(("train", {"minutes": 1, "note": "as it is"}))
WORSE = calls(("write_config", {"text": "factor: 0.5\n"}), ("train", {"minutes": 1, "note": "half"}))


def report_tune(job: str | None) -> Reply:
    return calls(("report_tune", {"best": job, "summary": "tuned"}))


async def test_a_design_is_committed_and_shown(stage: Stage) -> None:
    report = await stage.design()
    assert report.problem is None
    assert report.revision is not None
    assert (report.approach, report.family, report.turns) == ("a line", "linear", 1)
    assert await stage.repository.read(report.revision, "PLAN.md") == PLAN.encode()
    assert (stage.layout.repository(1) / "PLAN.md").read_text() == PLAN
    assert not stage.layout.worktree("designer.1.1", 1).exists()
    assert ended(read(stage.layout.journals("designer.1.1"))) is not None


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("no front matter", "must begin with front matter"),
        ("---\nfamily: linear\n---\n", "must name approach and family"),
        ("---\napproach: b\nfamily: linear\n---\n", "approach: 'b', and your report 'a line'"),
        ("---\na: [\n---\n", "not valid YAML"),
        ("---\ncreated: 2024-02-30\n---\n", "not valid YAML: day"),
        (
            "---\napproach: a line\nfamily: linear\nweights: [org/model]\n---\n",
            "weights: ['org/model'], and your report []",
        ),
        ("---\napproach: a line\nfamily: linear\npackages: xgboost\n---\n", "must name packages as a list"),
    ],
)
async def test_a_plan_names_approach_and_family(stage: Stage, plan: str, words: str) -> None:
    model = ScriptedModel(
        (calls(("write_file", {"path": "PLAN.md", "text": plan}), DESIGNED_REPORT), calls(("give_up", {"why": "no"})))
    )
    request = DesignRequest(invocation="designer.1.1", candidate=1, brief="", **stage.common)
    report = await stage.carry_out(designer.assignment(request), model)
    refused = model.asked[1].messages[-1].content[1]
    assert words in str(getattr(refused, "content", ""))
    assert (report.problem, report.revision) == ("no", None)


DESIGNED_REPORT = ("report_design", {"approach": "a line", "family": "linear", "summary": "so"})


async def test_a_design_asks_for_what_the_environment_lacks(stage: Stage) -> None:
    plan = PLAN.replace("linear\n", "linear\nweights: [org/model]\npackages: [xgboost]\n")
    asks = {**DESIGNED_REPORT[1], "weights": ["org/model"], "packages": ["xgboost"]}
    report = await stage.design(calls(("write_file", {"path": "PLAN.md", "text": plan}), ("report_design", asks)))
    assert report.problem is None
    assert (report.weights, report.packages) == (("org/model",), ("xgboost",))


async def test_a_design_with_parents_starts_from_the_first_and_has_all_of_them(stage: Stage) -> None:
    first = await stage.coded()
    other = await stage.design(invocation="designer.2.4", candidate=2)
    assert other.revision is not None
    again = calls(
        ("read_file", {"path": "train.py"}), ("read_file", {"path": "candidates/2/PLAN.md"}), *[DESIGNED_REPORT]
    )
    report = await stage.design(
        again, invocation="designer.3.5", candidate=3, parents=((1, first), (2, other.revision))
    )
    assert report.revision is not None
    assert {path for path, _ in await stage.repository.files(report.revision)} == {"PLAN.md", *CODE}
    parents = await stage.repository._git("log", "-1", "--format=%P", report.revision)
    assert parents.split() == [first, other.revision]


async def test_code_is_reported_with_the_check_that_passed(stage: Stage) -> None:
    plan = await stage.design()
    report = await stage.code(plan.revision or "")
    assert (report.check, report.problem) == ("coder.1.2.j4", None)
    assert report.spend.jobs == 1
    assert {path for path, _ in await stage.repository.files(report.revision or "")} == {"PLAN.md", *CODE}


async def test_tuning_leaves_the_repository_at_the_best_settings(stage: Stage) -> None:
    revision = await stage.coded()
    model = ScriptedModel((TRAIN, WORSE, report_tune("tuner.1.3.j1")))
    report = await stage.carry_out(tuner.assignment(stage.tuning(revision)), model)
    assert report.problem is None
    assert [trial.job for trial in report.trials] == ["tuner.1.3.j1", "tuner.1.3.j3"]
    assert report.revision == report.trials[0].revision
    assert await stage.repository.read(report.revision, "config.yaml") == b"factor: 1.0\n"
    assert (report.spend.jobs, report.spend.model_calls) == (2, 3)


async def test_a_tuning_that_beats_nothing_leaves_the_repository_as_it_was(stage: Stage) -> None:
    revision = await stage.coded()
    best = (
        await stage.carry_out(
            tuner.assignment(stage.tuning(revision)), ScriptedModel((TRAIN, report_tune("tuner.1.3.j1")))
        )
    ).trials[0]
    card = Candidate(number=1, best=best)
    model = ScriptedModel((WORSE, report_tune("tuner.1.4.j2")))
    report = await stage.carry_out(tuner.assignment(stage.tuning(best.revision, card, invocation="tuner.1.4")), model)
    assert (report.best, report.revision) == ("tuner.1.4.j2", best.revision)


async def test_a_tuner_out_of_turns_still_reports_what_it_trained(stage: Stage) -> None:
    revision = await stage.coded()
    request = stage.tuning(revision, max_turns=2)
    report = await stage.carry_out(tuner.assignment(request), ScriptedModel((TRAIN, WORSE)))
    assert (report.best, report.problem, len(report.trials)) == ("tuner.1.3.j1", None, 2)
    assert "within 2 model calls" in report.summary


async def test_a_tuner_that_trained_nothing_reports_a_problem(stage: Stage) -> None:
    revision = await stage.coded()
    report = await stage.carry_out(
        tuner.assignment(stage.tuning(revision, max_turns=1)), ScriptedModel((calls(("list_files", {})),))
    )
    assert report.best is None
    assert report.problem is not None
    assert report.spend.model_calls == 1


async def test_a_refusal_is_a_report_with_a_problem_and_what_it_cost(stage: Stage) -> None:
    report = await stage.design(says("I will not", "refusal"))
    assert report.problem is not None
    assert "refused" in report.problem
    assert report.spend.model_calls == 1


class Dying(DirectJobs):
    """The worker dies while it waits for a job, which runs on."""

    async def wait(self, id: str, *, until: datetime) -> JobState:
        raise Killed

    async def start(self, spec: object, *, id: str) -> JobState:
        state = await super().start(spec, id=id)  # type: ignore[arg-type]
        return state.model_copy(update={"phase": "running"})


async def test_a_worker_that_dies_while_a_job_runs_costs_no_training(stage: Stage) -> None:
    revision = await stage.coded()
    before = len(stage.jobs.started)
    script = (TRAIN, report_tune("tuner.1.3.j1"))

    def by_place(request: ModelRequest) -> Reply:
        return script[sum(message.role == "assistant" for message in request.messages)]

    first = ScriptedModel(by_place)
    dying = Dying(stage.layout.jobs)
    with pytest.raises(Killed):
        await stage.carry_out(tuner.assignment(stage.tuning(revision)), first, jobs=dying)
    second = ScriptedModel(by_place)
    report = await stage.carry_out(tuner.assignment(stage.tuning(revision, attempt=2)), second)

    assert dying.started == ["tuner.1.3.j1"]
    assert len(stage.jobs.started) == before
    assert (len(first.asked), len(second.asked)) == (1, 1)
    assert report.trials[0].score is not None
    assert (report.attempt, report.spend.model_calls, report.spend.lost_calls) == (2, 2, 0)


async def test_a_blend_is_evaluated_and_delivered_with_revisions(stage: Stage) -> None:
    revision = await stage.coded()
    trained = await stage.carry_out(
        tuner.assignment(stage.tuning(revision)), ScriptedModel((TRAIN, report_tune("tuner.1.3.j1")))
    )
    card = Candidate(number=1, revision=trained.revision, best=trained.trials[0])
    members = [{"candidate": 1, "job": "tuner.1.3.j1"}]
    wrong = [{"candidate": 2, "job": "tuner.1.3.j1"}]
    model = ScriptedModel(
        (
            calls(
                ("read_file", {"path": "candidates/1/results/tuner.1.3.j1/config.yaml"}),
                ("evaluate", {"members": members, "method": "single"}),
                ("evaluate", {"members": wrong, "method": "single"}),
                ("report_aggregate", {"members": members, "method": "mean", "summary": ""}),
            ),
            calls(("report_aggregate", {"members": members, "method": "single", "summary": "the only one"})),
        )
    )
    request = AggregateRequest(invocation="aggregator.4", candidates=(card,), **stage.common)
    report = await stage.carry_out(aggregator.assignment(request), model)

    told = [str(getattr(block, "content", "")) for block in model.asked[1].messages[-1].content]
    assert told[0] == "factor: 1.0\n"
    assert '"rmse"' in told[1]
    assert "is a training of candidate 1, not 2" in told[2]
    assert "single is for one member" in told[3]
    assert report.claim == trained.trials[0].score
    assert report.members[0].revision == read_trial(stage.layout, "tuner.1.3.j1").trial.revision
    assert report.revision is not None


async def test_what_a_person_must_mend_is_raised(stage: Stage) -> None:
    def keyless(request: ModelRequest) -> Reply:
        raise NeedsPerson("set the key")

    request = DesignRequest(invocation="designer.1.1", candidate=1, brief="", **stage.common)
    with pytest.raises(NeedsPerson):
        await stage.carry_out(designer.assignment(request), ScriptedModel(keyless))
    report = await stage.carry_out(
        designer.assignment(request.model_copy(update={"attempt": 2})), ScriptedModel((DESIGNED,))
    )
    assert (report.attempt, report.spend.lost_calls) == (2, 0)


def names(assignment: Assignment[R], bench: Bench) -> Sequence[str]:
    return sorted(tool.name for tool in assignment.tools(bench))


def test_each_role_has_its_tools_and_no_other(stage: Stage, work: Work) -> None:
    reading = ["list_files", "read_file", "view_image"]
    given = {**stage.common, "invocation": "x.1.1"}
    coding = CodeRequest(candidate=1, brief="", revision="r", **given)
    designing = DesignRequest(candidate=1, brief="", **given)
    expected = {
        "setup": [
            *("inspect_environment", "install", "fetch_weights", "profile_data", "write_file", "report_setup"),
        ],
        "designer": [*reading, "profile_data", "retrieve", "write_file", "report_design"],
        "coder": [*reading, "write_file", "edit_file", "retrieve", "profile_data", "run", "check", "report_code"],
        "tuner": [*reading, "write_config", "train", "report_tune"],
        "aggregator": [*reading, "write_file", "retrieve", "evaluate", "report_aggregate"],
    }
    made = {
        "setup": names(setup.assignment(SetupRequest(**given)), work.bench),
        "designer": names(designer.assignment(designing), work.bench),
        "coder": names(coder.assignment(coding), work.bench),
        "tuner": names(tuner.assignment(stage.tuning("r")), work.bench),
        "aggregator": names(aggregator.assignment(AggregateRequest(candidates=(), **given)), work.bench),
    }
    assert made == {role: sorted([*tools, "give_up"]) for role, tools in expected.items()}


def test_a_report_is_of_the_roles_own_type(stage: Stage) -> None:
    assert isinstance(tuner.assignment(stage.tuning("r")).unable("why"), TuneReport)
