import errno
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.errors import BadInput
from activities.workspace.taskfile import read_given
from ops import runs, staging
from ops.asked import Asked
from ops.options import spec_of
from ops.settings import Settings
from ops.staging import check, new_id, place, stage, unplace


def test_a_task_is_read_the_same_from_the_runs_folder_its_data_where_it_lay(task: Path, tmp_path: Path) -> None:
    (task / "task.yaml").write_text("metric: grade.py:score\ndirection: lower\nsplit: {select_file: mine.csv}\n")
    (task / "grade.py").write_text("def score(labels, predictions): return 0.0\n")
    (task / "mine.csv").write_text("id,a,b,height\n")
    staged = stage(Asked(task=task), tmp_path / "staged")
    given = read_given(staged.folder)
    assert staged.name == "heights"
    assert given.data == task / "data"
    assert given.description.startswith("# Heights")
    assert given.file.split is not None
    assert given.file.split.select_file == str(task / "mine.csv")
    assert (staged.folder / "grade.py").read_text() == (task / "grade.py").read_text()
    assert sorted(path.name for path in staged.folder.iterdir()) == ["description.md", "grade.py", "task.yaml"]


def test_flags_alone_make_a_task(task: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Predict `height`, by RMSE.")
    staged = stage(Asked(data=task / "data", name="tall", instruction=f"@{note}"), tmp_path / "staged")
    check(staged, 0)
    assert staged.name == "tall"
    assert read_given(staged.folder).description == "Predict `height`, by RMSE."


def test_a_data_folder_is_named_after_what_holds_it(task: Path, tmp_path: Path) -> None:
    assert stage(Asked(data=task / "data", instruction="x"), tmp_path / "staged").name == "heights"


def test_a_flag_wins_over_the_folder(task: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    staged = stage(Asked(task=task, data=other, instruction="mine"), tmp_path / "staged")
    given = read_given(staged.folder)
    assert (given.data, given.description) == (other, "mine")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(), "Give a task folder, or --data-dir"),
        (Asked(task=Path("/no/such")), "/no/such: there is no such folder"),
        (Asked(data=Path("/no/such"), instruction="x"), "/no/such: there is no such folder"),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_written(asked: Asked, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=says):
        stage(asked, tmp_path / "staged")
    assert not (tmp_path / "staged").exists()


def test_an_instruction_file_that_is_not_there_is_named(task: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--instruction @/no/file cannot be read"):
        stage(Asked(task=task, instruction="@/no/file"), tmp_path / "staged")


def test_what_is_wrong_is_named_by_where_the_person_has_it(task: Path, tmp_path: Path) -> None:
    (task / "task.yaml").write_text("metric: grade.py:score\n")
    staged = stage(Asked(task=task), tmp_path / "staged")
    with pytest.raises(BadInput) as caught:
        check(staged, 0)
    assert str(task) in str(caught.value)
    assert str(tmp_path / "staged") not in str(caught.value)


def test_an_id_says_what_and_when_and_is_good_for_people_and_temporal() -> None:
    found = new_id("Bike  Sharing/Ünï (2)", datetime(2026, 11, 21, 3, 12, tzinfo=UTC))
    assert found[:-3] == "bike-sharing-n-2-20261121-0312-"
    assert new_id("???", datetime(2026, 1, 1, tzinfo=UTC)).startswith("task-20260101-0000-")


def test_a_run_in_a_playground_is_known_to_the_home_folder(home: Settings, task: Path, tmp_path: Path) -> None:
    staged = stage(Asked(task=task), tmp_path / "staged")
    spec = place(home, staged, tmp_path / "playground", spec_of(home, {}, []), searchable=True)
    run = spec.run.id
    assert Path(spec.run.folder) == tmp_path / "playground" / run
    assert runs.local_runs(home) == [run]
    assert runs.layout(home, run).folder == Path(spec.run.folder)
    assert (runs.layout(home, run).task / "task.yaml").is_file()
    unplace(home, spec)
    assert runs.local_runs(home) == []
    assert list((tmp_path / "playground").iterdir()) == list(home.runs.iterdir()) == []


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_placed_run_is_on_disk_before_the_server_can_know_it(
    home: Settings, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    synced: list[list[Path]] = []
    real = staging.sync_file_systems

    def noted(folders: Iterable[Path]) -> None:
        found = list(folders)
        [run] = runs.local_runs(home)
        synced.append([folder for folder in found if runs.layout(home, run).folder.is_relative_to(folder.resolve())])
        assert (runs.layout(home, run).task / "task.yaml").is_file()
        real(found)

    monkeypatch.setattr(staging, "sync_file_systems", noted)
    playground = tmp_path / "playground" if elsewhere else None
    spec = place(home, stage(Asked(task=task), tmp_path / "staged"), playground, spec_of(home, {}, []), searchable=True)
    [on_disk] = synced
    assert Path(spec.run.folder) in on_disk


def test_a_run_that_cannot_be_brought_to_disk_is_not_placed(
    home: Settings, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Iterable[Path]) -> None:
        raise OSError(errno.EIO, "what was written could not be brought to disk")

    monkeypatch.setattr(staging, "sync_file_systems", failing)
    with pytest.raises(BadInput, match="cannot be written: what was written could not be brought to disk"):
        place(home, stage(Asked(task=task), tmp_path / "staged"), None, spec_of(home, {}, []), searchable=True)
    assert runs.local_runs(home) == []


def test_a_playground_that_cannot_be_written_is_named(home: Settings, task: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    staged = stage(Asked(task=task), tmp_path / "staged")
    with pytest.raises(BadInput, match=r"run's folder .*file/.* cannot be written"):
        place(home, staged, tmp_path / "file", spec_of(home, {}, []), searchable=True)
    assert runs.local_runs(home) == []
