"""Setup and knowledge: facts of environment and data, notes that others read, what designs ask for."""

import csv
from pathlib import Path

import pytest

from activities import setup
from activities.errors import ToolFailed
from activities.execution import conda, devices
from activities.models.scripted import ScriptedModel, calls
from activities.tools.environment import SettingUp
from activities.tools.knowing import Knowing
from schemas.role import SetupReport, SetupRequest
from schemas.tool import EnvironmentFacts, Fetched, Retrieved
from tests.hub.fixtures import hub
from tests.hub.server import LoopbackHub
from tests.tools.conftest import Work
from tests.tools.test_roles import Stage

__all__ = ["hub"]

DONE = ("report_setup", {"summary": "What was asked for is there."})


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "environments" / "one"
    folder.mkdir(parents=True)
    (folder / "requirements.lock").write_text("numpy==2.3.0\npandas==2.3.1\n")
    return folder


async def test_setup_looks_writes_its_notes_and_reports(work: Work, environment: Path) -> None:
    stage = Stage(work.bench.layout, work.bench.task)
    report = ("report_setup", {"summary": "all is there"})
    model = ScriptedModel(
        (
            calls(("inspect_environment", {}), ("profile_data", {}), report),
            calls(
                ("write_file", {"path": "train.py", "text": ""}), ("install", {"packages": ["x @ https://host/x.whl"]})
            ),
            calls(("write_file", {"path": "SETUP.md", "text": "# Setup"}), report),
        )
    )
    request = SetupRequest(invocation="setup.1", environment=str(environment), **stage.common)
    done = await stage.carry_out(setup.assignment(request), model)

    facts, profile, early = (str(getattr(block, "content", "")) for block in model.asked[1].messages[-1].content)
    assert EnvironmentFacts.model_validate_json(facts).packages == {"numpy": "2.3.0", "pandas": "2.3.1"}
    assert '"rows":' in profile
    assert "SETUP.md is not written yet" in early
    refused, address = (str(getattr(block, "content", "")) for block in model.asked[2].messages[-1].content)
    assert "SETUP.md only, and not train.py" in refused
    assert "names an address" in address
    assert (done.summary, done.environment, done.installed) == ("all is there", str(environment), ())
    assert stage.layout.setup_notes.read_text() == "# Setup"


async def test_knowledge_is_found_by_words_and_by_name(work: Work) -> None:
    tools = (Knowing(work.bench).retrieve_tool(),)
    found = (await work.use(tools, "retrieve", query="gradient boosted trees")).content
    assert isinstance(found, Retrieved)
    assert found.entries
    assert not any(entry.files for entry in found.entries)
    named = (await work.use(tools, "retrieve", name=found.entries[0].name)).content
    assert isinstance(named, Retrieved)
    assert {"train.py", "inference.py", "config.yaml"} <= set(named.entries[0].files)
    with pytest.raises(ToolFailed, match="there is no entry 'nothing'; there are boosted"):
        await work.use(tools, "retrieve", name="nothing")


async def test_facts_are_those_of_the_machine_and_of_one_job(
    work: Work, environment: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.share("org/tiny", {"config.json": b"{}"})
    bench = work.bench
    bench.environment, bench.devices, bench.home = str(environment), ("cpu:0",), environment.parent.parent
    monkeypatch.setenv("CONDA_EXE", "/bin/true")
    tools = SettingUp(bench).tools()
    fetched = (await work.use(tools, "fetch_weights", name="org/tiny")).content
    facts = (await work.use(tools, "inspect_environment")).content
    assert isinstance(fetched, Fetched)
    assert isinstance(facts, EnvironmentFacts)
    assert facts.cores == len(devices.usable_cores())
    assert facts.devices == ("cpu:0",)
    assert facts.disk_free_mb > 0
    assert facts.job is not None
    assert facts.job.cores == 1
    assert (facts.job.memory_mb, facts.job.processes) == (bench.job_limits.memory_mb, bench.job_limits.processes)
    assert facts.job.network is False
    assert facts.conda == conda.found() == "/bin/true"
    assert facts.weights == (fetched.path,) == ("/weights/org--tiny",)
    assert facts.weights_at_hand == (f"org/tiny@{fetched.weights.revision}",)


async def get(stage: Stage, environment: Path, candidate: int, model: ScriptedModel, attempt: int = 1) -> SetupReport:
    request = SetupRequest(
        invocation=f"setup.{candidate}.9",
        attempt=attempt,
        environment=str(environment),
        candidate=candidate,
        weights=("org/tiny", "org/none"),
        **stage.common,
    )
    return await stage.carry_out(setup.assignment(request), model, home=environment.parent.parent)


async def test_what_designs_ask_for_is_added_to_the_notes(work: Work, environment: Path, hub: LoopbackHub) -> None:
    commit = hub.share("org/tiny", {"config.json": b"{}", "model.safetensors": b"x" * 5_000_000})
    stage = Stage(work.bench.layout, work.bench.task)
    stage.layout.setup_notes.write_text("# Setup\n\nFacts.\n")
    script = calls(("fetch_weights", {"name": "org/tiny"}), ("fetch_weights", {"name": "org/none"}))
    model = ScriptedModel((script, calls(DONE)))
    report = await get(stage, environment, 1, model)
    await get(stage, environment, 2, ScriptedModel((script, calls(DONE))))

    assert "write_file" not in {tool.name for tool in model.asked[0].tools}
    missing = model.asked[1].messages[-1].content[1]
    assert "there is no model org/none" in str(getattr(missing, "content", ""))
    assert [(one.name, one.revision, one.files) for one in report.weights] == [("org/tiny", commit, 2)]
    text = stage.layout.setup_notes.read_text()
    assert text.startswith("# Setup\n\nFacts.\n")
    first, second = text.split("## Added for candidate ")[1:]
    assert first.startswith("1 (setup.1.9)\n\nWhat was asked for is there.")
    assert f"`/weights/org--tiny` | 4.8 MB | config.json, model.safetensors | {commit[:12]} | apache-2.0 |" in first
    assert second.startswith("2 (setup.2.9)")


async def test_a_repeated_attempt_adds_nothing_and_fetches_nothing(
    work: Work, environment: Path, hub: LoopbackHub
) -> None:
    hub.share("org/tiny", {"config.json": b"{}"})
    stage = Stage(work.bench.layout, work.bench.task)
    script = (calls(("fetch_weights", {"name": "org/tiny"})), calls(DONE))
    first = await get(stage, environment, 1, ScriptedModel(script))
    text = stage.layout.setup_notes.read_text()
    hub.asked.clear()
    again = await get(stage, environment, 1, ScriptedModel(script[1:]), attempt=2)
    assert again.weights == first.weights
    assert hub.asked == []
    assert stage.layout.setup_notes.read_text() == text


async def test_no_tool_of_setup_reads_the_data(work: Work, environment: Path, hub: LoopbackHub) -> None:
    """It has a network, so it knows of the data what its profile says."""
    stage = Stage(work.bench.layout, work.bench.task)
    view = stage.layout.view
    paths = [str(view / "train.csv"), "../view/train.csv", "view/train.csv", "data/train.csv"]
    tries = [
        calls(("inspect_environment", {}), ("profile_data", {})),
        calls(*(("write_file", {"path": path, "text": ""}) for path in paths)),
        calls(*(("install", {"packages": [f"{word}{path}"]}) for path in paths for word in ("", "-r ", "x @ file://"))),
        calls(*(("fetch_weights", {"name": path}) for path in paths)),
        calls(*(("read_file", {"path": path}) for path in paths), ("list_files", {"path": "data"})),
        calls(("write_file", {"path": "SETUP.md", "text": "# Setup"}), DONE),
    ]
    model = ScriptedModel(tuple(tries))
    request = SetupRequest(invocation="setup.1", environment=str(environment), **stage.common)
    assert (await stage.carry_out(setup.assignment(request), model)).problem is None

    answers = [block for message in model.asked[-1].messages[1:] for block in message.content]
    failed = [block for block in answers if getattr(block, "is_error", False)]
    assert len(failed) == len(paths) * 6 + 1
    with (view / "train.csv").open() as file:
        values = sorted((row["a"] for row in csv.DictReader(file)), key=float)[1:-1]  # its range is a fact of it
    told = " ".join(str(getattr(block, "content", "")) for block in answers)
    assert not [value for value in values if len(value) > 5 and f"{value}," in told]
