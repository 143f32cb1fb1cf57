"""What each role's model is asked with, and what its report says of replies, searches and cost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities import coder, designer, tuner
from activities.agent.doing import Doing
from activities.agent.journal import read
from activities.agent.outages import Backoff
from activities.agent.purse import Purse
from activities.agent.records import Replied, spent
from activities.agent.searching import searches
from activities.assignment import Assignment, Equipment, carry_out
from activities.manager import take_turn
from activities.models.base import Model
from activities.models.scripted import ScriptedModel, calls, says
from activities.roles import RoleActivities
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository
from schemas.base import RunRef
from schemas.candidate import Candidate
from schemas.job import Limits
from schemas.message import Message, ModelRequest, Reply, Search, ToolResultBlock
from schemas.role import Caps, CodeRequest, DesignReport, DesignRequest, ModelChoice, Report, TuneRequest
from tests.agent.requests import TASK, requests
from tests.agent.storm import Storm, overloaded
from tests.tools.direct import DirectJobs

GIVE_UP = calls(("give_up", {"why": "no"}))
CLAUDE = ModelChoice(name="claude-opus-5-5", effort="high", fallback="claude-sonnet-5-5")


def equipment(folder: Path, model: Model, **more: object) -> Equipment:
    common = {"job_limits": Limits(), "home": folder, "devices": (), "sandbox": "none", "doing": Doing()}
    jobs = DirectJobs(folder / "jobs")
    return Equipment(model=model, jobs=jobs, backoff=Backoff(0.0001, 0.0002), **{**common, **more})  # type: ignore[arg-type]


def common(folder: Path, **more: object) -> dict[str, object]:
    run, until = RunRef(id="run", folder=str(folder)), datetime.now(UTC) + timedelta(minutes=5)
    return {"run": run, "task": TASK, "deadline": until, "model": CLAUDE, **more}


def design(folder: Path, **more: object) -> Assignment[DesignReport]:
    fields = {"invocation": "designer.1.1", "candidate": 1, "brief": "", **common(folder, **more)}
    return designer.assignment(DesignRequest.model_validate(fields))


async def asked(folder: Path, assignment: Assignment[Report]) -> ModelRequest:
    model = ScriptedModel([GIVE_UP])
    await carry_out(assignment, equipment(folder, model))
    (request,) = model.asked
    return request


async def test_the_designer_alone_searches_the_web_where_that_is_allowed(tmp_path: Path) -> None:
    request = await asked(tmp_path, design(tmp_path, web=True))  # type: ignore[arg-type]
    assert request.web_searches > 0
    assert (request.model, request.effort, request.cache) == ("claude-opus-5-5", "high", "5m")
    assert (request.invocation, request.turn) == ("designer.1.1", 1)
    again = await asked(tmp_path, design(tmp_path, attempt=1, invocation="designer.1.2", web=False))  # type: ignore[arg-type]
    assert again.web_searches == 0
    playbook = design(tmp_path, invocation="designer.1.3", web=True, model=ModelChoice())
    assert (await asked(tmp_path, playbook)).web_searches == 0  # type: ignore[arg-type]
    coding = CodeRequest.model_validate(
        {"invocation": "coder.1.4", "candidate": 1, "brief": "", "revision": "", **common(tmp_path, web=True)}
    )
    empty = await Repository(Layout(tmp_path).git_dir).empty()
    coded = coder.assignment(coding.model_copy(update={"revision": empty}))
    assert (await asked(tmp_path, coded)).web_searches == 0  # type: ignore[arg-type]


async def test_who_waits_for_training_keeps_the_cache_for_an_hour(tmp_path: Path) -> None:
    git = Repository(Layout(tmp_path).git_dir)
    await git.init()
    fields = {"invocation": "tuner.1.1", "candidate": 1, "brief": "", "seconds": 60.0, "card": Candidate(number=1)}
    tuning = TuneRequest.model_validate({**fields, "revision": await git.empty(), **common(tmp_path)})
    assert (await asked(tmp_path, tuner.assignment(tuning))).cache == "1h"  # type: ignore[arg-type]
    model = ScriptedModel([says("ok")])
    turn = requests(tmp_path)["manager, first"]
    await take_turn(turn, equipment(tmp_path, model))  # type: ignore[arg-type]
    assert model.asked[0].cache == "1h"


def searched(name: str, query: str, *urls: str) -> tuple[dict[str, object], ...]:
    found = [{"type": "web_search_result", "url": url, "title": "", "encrypted_content": "..."} for url in urls]
    return (
        {"type": "server_tool_use", "id": name, "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": name, "content": found},
    )


async def test_each_query_and_each_address_is_in_the_report(tmp_path: Path) -> None:
    failed = {"type": "web_search_tool_result", "tool_use_id": "s3", "content": {"error_code": "unavailable"}}
    first = searched("s1", "tabular networks", "https://a.example/1", "https://a.example/2", "https://a.example/1")
    second = (*searched("s2", "folds by group"), {**searched("s3", "none")[0]}, failed)
    replies = [
        Reply(model="m", content=Message.model_validate({"role": "assistant", "content": blocks}).content, **ending)
        for blocks, ending in ((first, {"stop_reason": "pause_turn"}), (second, {"stop_reason": "max_tokens"}))
    ]
    report = await carry_out(design(tmp_path), equipment(tmp_path, ScriptedModel([*replies, GIVE_UP])))
    assert report.searches == (
        Search(query="tabular networks", urls=("https://a.example/1", "https://a.example/2")),
        Search(query="folds by group"),
        Search(query="none"),
    )


def test_of_very_many_searches_a_report_has_the_queries_and_no_more_addresses_than_history_takes() -> None:
    urls = [f"https://a.example/{number:03}/{'x' * 80}" for number in range(10)]
    blocks = [block for number in range(600) for block in searched(f"s{number}", f"query {number}", *urls)]
    content = Message.model_validate({"role": "assistant", "content": blocks}).content
    reply = Reply(model="m", content=content, stop_reason="pause_turn")
    found = searches([Replied(turn=1, reply=reply, seconds=1.0)])
    assert [search.query for search in found] == [f"query {number}" for number in range(600)]
    assert [len(search.urls) for search in found[:30]] == [10] * 30
    assert sum(len(search.model_dump_json()) for search in found) < 100_000


def test_very_many_long_queries_do_not_fill_history_either() -> None:
    blocks = [block for number in range(600) for block in searched(f"s{number}", f"{number:03}" + "y" * 4_000)]
    content = Message.model_validate({"role": "assistant", "content": blocks}).content
    found = searches([Replied(turn=1, reply=Reply(model="m", content=content, stop_reason="pause_turn"), seconds=1.0)])
    assert [search.query[:3] for search in found] == [f"{number:03}" for number in range(75)]
    assert {len(search.query) for search in found} == {400}


@pytest.mark.parametrize("attempts", [1, 2])
async def test_a_report_counts_what_the_fallback_answered_in_all_attempts(tmp_path: Path, attempts: int) -> None:
    look = calls(("list_files", {}))
    chosen = Storm([], {turn: [overloaded()] * 9 for turn in (1, 2, 3)})
    if attempts == 2:
        other: Model = ScriptedModel([look])
        with pytest.raises(IndexError):
            await carry_out(design(tmp_path), equipment(tmp_path, chosen, fallback=other))
        other = ScriptedModel([look, GIVE_UP])
    else:
        other = ScriptedModel([look, look, GIVE_UP])
    report = await carry_out(design(tmp_path, attempt=attempts), equipment(tmp_path, chosen, fallback=other))
    (fallen,) = report.fell_back
    assert (fallen.model, fallen.calls, fallen.why) == ("claude-sonnet-5-5", 3, "overloaded (529)")


async def test_an_ended_invocation_leaves_nothing_reserved(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    purse = Purse(layout.purse, Caps(tokens=10_000_000))

    def crash(request: ModelRequest) -> Reply:
        raise OSError("the line is cut")

    with pytest.raises(OSError, match="cut"):
        await carry_out(design(tmp_path), equipment(tmp_path, ScriptedModel(crash), purse=purse))
    totals = purse.totals()
    assert (totals.reserved_tokens, totals.tokens > 0) == (0, True)


async def test_the_last_money_ends_an_invocation_with_what_it_has(tmp_path: Path) -> None:
    purse = Purse(Layout(tmp_path).purse, Caps(dollars=0.005))
    model = Storm([calls(("list_files", {}))] * 5)
    report = await carry_out(design(tmp_path), equipment(tmp_path, model, purse=purse))
    assert report.problem is not None
    assert "are spent, of $0.0" in report.problem
    assert report.turns == 1
    assert report.spend == spent(read(Layout(tmp_path).journals("designer.1.1")))


async def test_what_a_call_gave_can_be_read_again_whole(tmp_path: Path) -> None:
    (tmp_path / "view").mkdir()
    text = "".join(f"row {number}\n" for number in range(300))
    (tmp_path / "view" / "train.csv").write_text(text)
    script = [
        calls(("read_file", {"path": "data/train.csv"})),
        calls(("read_file", {"path": "calls/1.txt"}), ("list_files", {"path": "calls"})),
        calls(("read_file", {"path": "calls/9.txt"})),
        GIVE_UP,
    ]
    model = ScriptedModel(script)
    await carry_out(design(tmp_path), equipment(tmp_path, model))
    first, second, third = (request.messages[-1].content for request in model.asked[1:])
    assert isinstance(first[0], ToolResultBlock)
    assert first[0].content == text
    assert isinstance(second[0], ToolResultBlock)
    assert str(second[0].content).rstrip() == text.rstrip()
    assert isinstance(second[1], ToolResultBlock)
    assert '"path":"calls/1.txt"' in str(second[1].content)
    assert isinstance(third[0], ToolResultBlock)
    assert "calls/N.txt holds what your tool call N gave" in str(third[0].content)


class Silent:
    """A model that must not be asked."""

    async def ask(self, request: ModelRequest) -> Reply:
        raise AssertionError("asked, though a record answers")


async def test_a_run_is_recorded_and_goes_the_same_way_from_its_record(tmp_path: Path) -> None:
    look = calls(("list_files", {}))
    kept, again = Layout(tmp_path / "kept"), Layout(tmp_path / "again")
    first = RoleActivities(tmp_path, (), lambda _name: ScriptedModel([look, GIVE_UP]), sandbox="none")
    one = DesignRequest.model_validate(
        {"invocation": "designer.1.1", "candidate": 1, "brief": "", **common(kept.folder, record=True)}
    )
    report = await ActivityEnvironment().run(first.designer, one)
    assert [path.name for path in sorted(kept.exchange("designer.1.1", 1).parent.iterdir())] == ["001.json", "002.json"]
    second = RoleActivities(tmp_path, (), lambda _name: Silent(), sandbox="none")
    two = one.model_copy(
        update={
            "run": RunRef(id="again", folder=str(again.folder)),
            "record": False,
            "replay": str(kept.folder),
        }
    )
    replayed = await ActivityEnvironment().run(second.designer, two)
    assert (replayed.problem, replayed.turns, replayed.spend.usage) == (report.problem, 2, report.spend.usage)


@pytest.mark.parametrize(("name", "counted"), [("claude-opus-5-5", True), ("playbook", False)])
async def test_a_purse_is_for_models_that_cost(tmp_path: Path, name: str, counted: bool) -> None:
    roles = RoleActivities(tmp_path, (), lambda _name: ScriptedModel([GIVE_UP]), sandbox="none")
    request = DesignRequest.model_validate(
        {"invocation": "designer.1.1", "candidate": 1, "brief": "", **common(tmp_path, model=ModelChoice(name=name))}
    )
    await ActivityEnvironment().run(roles.designer, request)
    assert Layout(tmp_path).purse.exists() is counted
