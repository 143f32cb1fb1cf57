"""A user with data and a description gets a model that works without this project, and a record that can be checked."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pandas as pd

from tests.whole import tumours
from tests.whole.conftest import Delivered, House, of_home

LEAST = 0.90  # far above the majority's 0.63; published models are at 0.95 and more


def test_it_says_what_it_does_and_what_came_of_it(delivered: Delivered) -> None:
    lines = delivered.shown.out.splitlines()
    assert lines[0].startswith("Model: playbook, a rule-based engineer. No language model is used")
    assert "DONE: delivered and verified" in lines
    for beginning in ("Verified:   accuracy 0.", "Model:", "Submission:", "Predict:", "Report:"):
        assert [line for line in lines if line.startswith(beginning)], beginning
    told = [line[10:] for line in lines if line[2:3] == ":"]
    assert any(line.startswith("manager, turn 1: design candidate 1; design candidate 2") for line in told)


def test_predictions_are_far_better_than_the_most_frequent_answer(delivered: Delivered) -> None:
    found = tumours.accuracy(delivered.layout.output / "submission.csv")
    assert found >= max(LEAST, tumours.majority() + 0.2)


def test_the_package_is_complete(delivered: Delivered) -> None:
    output = delivered.layout.output
    assert (output / "report.html").stat().st_size > 10_000
    assert (output / "progress.pdf").read_bytes().startswith(b"%PDF-")
    card = (output / "model" / "MODEL_CARD.md").read_text()
    assert "accuracy" in card
    assert "no language model" in card.lower()
    assert any((output / "model" / "weights").iterdir())
    assert not [path for path in (output / "model").rglob("*") if path.is_symlink()]


def test_the_printed_command_predicts_the_submission_again(delivered: Delivered, task: Path, tmp_path: Path) -> None:
    """Away from this project, on a folder as the line below the command says it."""
    folder = tmp_path / "rows"
    folder.mkdir()
    shutil.copy(task / "data" / "test.csv", folder)
    [line] = [line for line in delivered.shown.out.splitlines() if line.startswith("Predict:")]
    words = shlex.split(line.removeprefix("Predict:"))
    words[words.index("FOLDER")] = str(folder)
    own = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=own, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    again = pd.read_csv(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(again, pd.read_csv(delivered.layout.output / "submission.csv"))


async def test_status_tells_programs_how_it_ended(house: House, delivered: Delivered) -> None:
    found = (await house.shell("status", delivered.run, "--json")).json
    assert (found["phase"], found["verified"], found["paused"]) == ("DONE", True, False)
    assert (found["best"]["metric"], found["best"]["split"]) == ("accuracy", "report")
    assert found["best"]["low"] <= found["best"]["value"] <= found["best"]["high"]
    assert len([one for one in found["candidates"] if one["value"] is not None]) >= 1
    assert found["output"] == str(delivered.layout.output)
    assert found["spent"]["seconds"] <= 200


async def test_its_record_can_be_checked_by_anyone_and_no_change_goes_unseen(
    house: House, delivered: Delivered
) -> None:
    verified = await house.shell("history", delivered.run, "--verify", "--json")
    assert verified.code == 0, verified.out
    lines = delivered.layout.ledger.read_text().splitlines()
    assert (verified.json["entries"], verified.json["agrees"]) == (len(lines), True)
    [place] = [n for n, line in enumerate(lines) if '"report_scored"' in line]
    entry = json.loads(lines[place])
    entry["event"]["estimated"]["score"]["value"] = 1.0
    delivered.layout.ledger.write_text("\n".join([*lines[:place], json.dumps(entry), *lines[place + 1 :]]) + "\n")
    caught = await house.shell("history", delivered.run, "--verify")
    delivered.layout.ledger.write_text("\n".join(lines) + "\n")
    assert caught.code == 1
    assert f"broken at entry {place + 1}" in caught.out


def test_no_process_of_the_run_is_left(delivered: Delivered) -> None:
    assert list(of_home(delivered.layout.folder)) == []


async def test_down_leaves_no_process(house: House, delivered: Delivered) -> None:
    assert len(list(of_home(house.settings.home))) >= 3, "the server and two workers"
    stopped = (await house.shell("down", "--json")).json["stopped"]
    assert sorted(stopped) == ["aibuildai", "aibuildai-gpu", "server"]
    assert list(of_home(house.settings.home)) == []
    alone = await house.shell("status", delivered.run, "--json")
    assert (alone.json["phase"], alone.json["live"]) == ("DONE", False)
