"""Trees and revisions: nothing in a folder can configure git, lead out of it, or be lost."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from activities.errors import ToolFailed
from activities.workspace.repository import LARGEST_FILE, GitFailed, Repository


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def git(repository: Repository, *words: str, given: str = "") -> str:
    command = ["git", "--git-dir", str(repository.git_dir), *words]
    done = await asyncio.to_thread(subprocess.run, command, input=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_a_checkout_gives_back_what_a_snapshot_took(repository: Repository, tmp_path: Path) -> None:
    folder = write(tmp_path / "work", plan="a", src__model="b", **{"with space": "c", "ümlaut": "d"})
    (folder / "binary").write_bytes(bytes(range(256)))

    tree = await repository.snapshot(folder)
    await repository.checkout(tree, tmp_path / "again")

    assert contents(tmp_path / "again") == contents(folder)
    assert await repository.snapshot(tmp_path / "again") == tree


async def test_a_checkout_leaves_nothing_of_what_was_there(repository: Repository, tmp_path: Path) -> None:
    tree = await repository.snapshot(write(tmp_path / "one", kept="1"))
    folder = write(tmp_path / "two", kept="changed", stray="2", deep__stray="3")

    await repository.checkout(tree, folder)

    assert contents(folder) == {"kept": b"1"}


async def test_an_empty_folder_is_the_empty_tree(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert await repository.snapshot(tmp_path / "nothing") == await repository.empty()
    await repository.checkout(await repository.empty(), tmp_path / "out")
    assert contents(tmp_path / "out") == {}


async def test_a_folder_that_is_gone_is_no_empty_repository(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is gone"):
        await repository.snapshot(tmp_path / "nowhere")


async def test_a_revision_that_a_model_named_is_no_option_of_git(repository: Repository, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    with pytest.raises(GitFailed):
        await repository.checkout(f"--index-output={victim}", tmp_path / "out")
    assert victim.read_text() == "kept"


async def test_a_revision_has_every_parent_and_no_twice(repository: Repository, tmp_path: Path) -> None:
    first = await repository.commit(await repository.snapshot(write(tmp_path / "a", x="1")), (), "first")
    second = await repository.commit(await repository.snapshot(write(tmp_path / "b", x="2")), (), "second")
    merged = await repository.commit(await repository.tree_of(first), (first, second, first), "both")

    parents = await git(repository, "log", "-1", "--format=%P", merged)

    assert parents.split() == [first, second]
    assert await repository.tree_of(merged) == await repository.tree_of(first)


async def test_files_are_read_at_the_revision_asked_for(repository: Repository, tmp_path: Path) -> None:
    folder = write(tmp_path / "a", deep__x="old")
    old = await repository.commit(await repository.snapshot(folder), (), "old")
    new = await repository.commit(await repository.snapshot(write(folder, deep__x="newer")), (old,), "new")

    assert await repository.read(old, "deep/x") == b"old"
    assert await repository.files(new) == (("deep/x", 5),)
    with pytest.raises(ToolFailed, match="y is not in revision"):
        await repository.read(new, "y")


async def test_attributes_filters_and_ignore_rules_of_a_tree_do_nothing(repository: Repository, tmp_path: Path) -> None:
    folder = write(tmp_path / "a", data="$Id$\r\nline\r\n", ignored="here")
    (folder / ".gitattributes").write_text("* text=auto eol=lf ident filter=evil working-tree-encoding=UTF-16\n")
    (folder / ".gitignore").write_text("*\n")

    await repository.checkout(await repository.snapshot(folder), tmp_path / "b")

    assert contents(tmp_path / "b") == contents(folder)


async def test_a_hook_that_lies_in_the_git_directory_is_not_run(repository: Repository, tmp_path: Path) -> None:
    hook = repository.git_dir / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)

    await repository.name(1, await repository.commit(await repository.empty(), (), "empty"))

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("inside", [True, False])
async def test_a_symbolic_link_is_refused(repository: Repository, tmp_path: Path, inside: bool) -> None:
    folder = write(tmp_path / "a", real="1")
    (folder / "link").symlink_to("real" if inside else "/etc/passwd")
    with pytest.raises(ToolFailed, match="link is a symbolic link"):
        await repository.snapshot(folder)


@pytest.mark.parametrize("name", [".git", ".GIT"])
async def test_a_git_directory_in_a_tree_is_refused(repository: Repository, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a"
    (folder / "deep" / name).mkdir(parents=True)
    with pytest.raises(ToolFailed, match="is no name for a file"):
        await repository.snapshot(folder)


async def test_a_large_file_is_refused_by_name_and_size(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    with (folder / "weights.bin").open("wb") as file:
        file.truncate(LARGEST_FILE + 2**20)
    with pytest.raises(ToolFailed, match=r"weights\.bin has 21 MB"):
        await repository.snapshot(folder)


async def test_a_link_that_stands_in_a_tree_comes_out_as_a_plain_file(repository: Repository, tmp_path: Path) -> None:
    blob = await git(repository, "hash-object", "-w", "--stdin", given="/etc/passwd")
    tree = await git(repository, "mktree", given=f"120000 blob {blob}\tlink\n")

    await repository.checkout(tree, tmp_path / "out")

    assert not (tmp_path / "out" / "link").is_symlink()
    assert (tmp_path / "out" / "link").read_bytes() == b"/etc/passwd"


async def test_beginning_twice_keeps_what_is_there(repository: Repository, tmp_path: Path) -> None:
    tree = await repository.snapshot(write(tmp_path / "a", x="1"))
    await Repository(repository.git_dir).init()
    await repository.checkout(tree, tmp_path / "b")
    assert contents(tmp_path / "b") == {"x": b"1"}


async def test_the_folder_for_people_holds_the_latest_revision_and_no_draft(
    repository: Repository, tmp_path: Path
) -> None:
    shown = tmp_path / "repositories" / "1"
    for text in ("1", "2"):
        tree = await repository.snapshot(write(tmp_path / text, x=text))
        await repository.refresh(await repository.commit(tree, (), text), shown)
    assert contents(shown) == {"x": b"2"}
    assert sorted(path.name for path in shown.parent.iterdir()) == ["1", "run.git"]
