"""Setup and knowledge: facts of environment and data, notes that others read, packages by name only."""

from pathlib import Path

import pytest

from activities import setup
from activities.errors import ToolFailed
from activities.models.scripted import ScriptedModel, calls
from activities.tools.knowing import Knowing
from schemas.role import SetupRequest
from schemas.tool import EnvironmentFacts, Retrieved
from tests.tools.conftest import Work
from tests.tools.test_roles import Stage


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
