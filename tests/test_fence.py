"""Attempts at the same thing: of what an older one makes nothing is seen once a newer one has begun."""

from collections.abc import Callable
from pathlib import Path

import pytest

from activities.agent.journal import Superseded
from activities.fence import Fence, fenced, numbers


def made(fence: Fence, text: str) -> Path:
    draft = fence.draft()
    draft.mkdir(parents=True)
    (draft / "file").write_text(text)
    return draft


@pytest.fixture
def subject(tmp_path: Path) -> Path:
    return tmp_path / "fences" / "package"


def test_a_file_and_a_folder_take_the_place_of_what_is_there(tmp_path: Path, subject: Path) -> None:
    with fenced(subject, 1) as fence:
        for text in ("first", "second"):
            fence.put(made(fence, text), tmp_path / "model")
            fence.write(tmp_path / "rows.csv", text)
    assert (tmp_path / "model" / "file").read_text() == (tmp_path / "rows.csv").read_text() == "second"
    assert {path.name for path in tmp_path.iterdir()} == {"fences", "model", "rows.csv"}
    assert list(subject.rglob("*")) == [subject / "1"]


def test_what_an_older_one_was_about_to_show_is_gone_once_a_newer_one_begins(tmp_path: Path, subject: Path) -> None:
    """At whatever point it stands still: after its last look, too, its draft is not there to be moved."""
    older = Fence.begin(subject, 1)
    draft = made(older, "older")
    older.check()
    Fence.begin(subject, 2)
    assert not draft.exists()
    with pytest.raises(Superseded):
        older.put(draft, tmp_path / "model")
    assert not (tmp_path / "model").exists()


ACTS: dict[str, Callable[[Fence, Path], object]] = {
    "put": lambda fence, folder: fence.put(made(fence, "older"), folder / "model"),
    "write": lambda fence, folder: fence.write(folder / "rows.csv", "older"),
    "remove": lambda fence, folder: fence.remove(folder / "rows.csv"),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_a_newer_one_showed_stays(tmp_path: Path, subject: Path, act: str) -> None:
    older = Fence.begin(subject, 1)
    with fenced(subject, 2) as newer:
        newer.put(made(newer, "newer"), tmp_path / "model")
        newer.write(tmp_path / "rows.csv", "newer")
    with pytest.raises(Superseded):
        ACTS[act](older, tmp_path)
    assert (tmp_path / "model" / "file").read_text() == (tmp_path / "rows.csv").read_text() == "newer"


def test_one_that_begins_after_a_newer_one_does_not(subject: Path) -> None:
    Fence.begin(subject, 10, 1)
    with pytest.raises(Superseded):
        Fence.begin(subject, 9, 3)
    assert [path.name for path in subject.iterdir()] == ["10.1"]


def test_the_same_one_may_begin_again(tmp_path: Path, subject: Path) -> None:
    left = made(Fence.begin(subject, 1), "killed")
    with fenced(subject, 1) as fence:
        fence.write(tmp_path / "rows.csv", "again")
    assert (tmp_path / "rows.csv").read_text() == "again"
    assert not left.exists()


def test_what_fails_because_a_newer_one_began_says_so_and_leaves_nothing(subject: Path) -> None:
    with pytest.raises(Superseded), fenced(subject, 1) as older:
        _fail(older, subject)
    Fence.begin(subject, 3)
    assert not [path for path in subject.rglob("*") if path.is_file()]


def _fail(older: Fence, subject: Path) -> None:
    Fence.begin(subject, 2)
    made(older, "in a folder that it made again")
    raise ValueError("what it had written was not there")


def test_what_fails_by_itself_keeps_its_error(subject: Path) -> None:
    with pytest.raises(FileNotFoundError), fenced(subject, 1) as fence:
        fence.put(fence.draft(), subject.parent / "model")


def test_what_is_not_there_need_not_be_removed(tmp_path: Path, subject: Path) -> None:
    with fenced(subject, 1) as fence:
        fence.remove(tmp_path / "nothing")


def test_later_names_have_higher_numbers() -> None:
    assert numbers("tuner.2.17") > numbers("coder.2.9")
    assert numbers("publish.0.a12") == (0, 12)
