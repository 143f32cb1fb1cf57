"""A model server of one's own, which knows one model, no Claude, and no tools but those that it is given."""

import pytest

from activities import coder, designer
from schemas.role import Caps, CodeRequest, DesignRequest, ModelChoice
from tests.strict import bill
from tests.strict.minds import ScriptMind, Thoughtful
from tests.strict.models import MODELS, OWN
from tests.strict.prompt import Json
from tests.strict.raw import use
from tests.strict.runs import CHOICE, Runs, designing
from tests.strict.service import Service
from tests.strict.sessions import accepted, models_asked, sound
from tests.tools.conftest import CODE, Work
from tests.tools.test_roles import Stage

NAME = "our-model"
OURS = ModelChoice(name=f"server/{NAME}", effort="high")
CODING = [
    [use(f"toolu_{name[:3]}", "write_file", path=name, text=text) for name, text in CODE.items()],
    [use("toolu_c", "check")],
    [use("toolu_r", "report_code", summary="it runs")],
]


def working(body: Json) -> list[Json]:
    """As a designer or as a coder, by the tools that it has."""
    codes = any(tool["name"] == "report_code" for tool in body["tools"])
    heard = sum(message["role"] == "assistant" for message in body["messages"])
    return (CODING if codes else designing(5))[heard]


def served(*others: str, faults: str = "") -> Service:
    """A server that has our model, and these of Anthropic's behind it."""
    models = {NAME: OWN} | {name: MODELS[name] for name in others}
    return Service(Thoughtful(ScriptMind(working), searches=True), models=models, faults=faults)


@pytest.fixture
def stage(work: Work) -> Stage:
    return Stage(work.bench.layout, work.bench.task)


async def test_a_designer_and_a_coder_come_to_their_ends(runs: Runs, stage: Stage) -> None:
    run = runs(served())
    common = {"candidate": 1, "brief": "", "web": True, **stage.common, "model": OURS}
    model = run.models(OURS.name)
    designed = await stage.carry_out(designer.assignment(DesignRequest(invocation="designer.1.1", **common)), model)
    coding = CodeRequest(invocation="coder.1.2", revision=designed.revision or "", **common)
    coded = await stage.carry_out(coder.assignment(coding), model)
    sound(run.server)
    assert models_asked(run.server) == [NAME]
    assert (designed.problem, coded.problem, designed.turns, coded.turns) == (None, None, 6, 3)
    assert set(CODE) < {path for path, _ in await stage.repository.files(coded.revision or "")}
    spend = designed.spend + coded.spend
    assert (spend.usage, spend.dollars) == (bill.usage(run.asked), None), "and nobody knows the price"


@pytest.mark.parametrize("faults", ["rate_limit:900@3", "refusal@3", "pause_turn@2 refusal@3", "rate_limit:900@1"])
async def test_it_goes_on_with_what_claude_began_and_searched(runs: Runs, faults: str) -> None:
    run = runs(served(CHOICE.name, faults=faults))
    report = await run.design(web=True, model=CHOICE.model_copy(update={"fallback": OURS.name}))
    accepted(run.server)
    assert report.problem is None
    assert [fallen.model for fallen in report.fell_back] == [OURS.name]
    assert models_asked(run.server) == [CHOICE.name, NAME, CHOICE.name][: 3 if "refusal" in faults else 2]


async def test_where_dollars_are_capped_it_is_not_asked_and_the_report_says_why(runs: Runs) -> None:
    run = runs(served())
    report = await run.design(model=OURS, caps=Caps(dollars=1.0))
    assert "what its model costs is not known, and the run has a limit of dollars" in str(report.problem)
    assert run.asked == []
