"""Walks of folders that code moves meanwhile: what stays where it was is seen, whatever becomes of the rest."""

from collections.abc import Callable
from pathlib import Path

from activities.execution.walking import Entry, walk


def filled(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        (root / folder / "file").write_text("x")
    return root


def meanwhile(root: Path, move: Callable[[Entry], None]) -> list[str]:
    """The paths of the files that a walk sees, while `move` is told of each."""
    seen = []
    for entry in walk(root):
        if not entry.is_folder:
            seen.append("/".join((*entry.above, entry.name)))
            move(entry)
    return sorted(seen)


def test_a_walk_goes_on_where_a_folder_is_moved_while_it_is_in_it(tmp_path: Path) -> None:
    folders = [f"top/{number}" for number in range(4)]
    root = filled(tmp_path / "root", *folders)
    taken = tmp_path / "taken"
    taken.mkdir()

    def move(entry: Entry) -> None:
        root.joinpath(*entry.above).rename(taken / entry.above[-1])

    assert meanwhile(root, move) == [f"{folder}/file" for folder in folders]
    assert len(list(taken.iterdir())) == 4


def test_a_walk_goes_on_above_what_it_does_not_find_again(tmp_path: Path) -> None:
    """Others have come into the places of those that it was in."""
    tops = ("a", "b", "c")
    root = filled(tmp_path / "root", *(f"{top}/below" for top in tops))

    def move(entry: Entry) -> None:
        top = root / entry.above[0]
        (top / "below").rename(tmp_path / f"below {top.name}")
        top.rename(tmp_path / f"top {top.name}")
        filled(top, "below")

    assert meanwhile(root, move) == [f"{top}/below/file" for top in tops]


def test_a_walk_ends_where_its_root_is_gone(tmp_path: Path) -> None:
    root = filled(tmp_path / "root", "a", "b")

    def move(entry: Entry) -> None:
        (root / entry.above[0]).rename(tmp_path / "moved")
        root.rename(tmp_path / "gone")

    assert len(meanwhile(root, move)) == 1
