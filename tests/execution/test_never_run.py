"""Generated code never has us run something of its own outside the sandbox: no module, no pickle, nothing of git's."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

from activities.workspace.repository import Repository
from tests.execution.conftest import Bench

PROJECT = Path(__file__).parents[2]
EVIL = "import pathlib\npathlib.Path({marker!r}).write_text('ran')\n"


async def test_modules_named_as_ours_or_pythons_own_are_nobodys_but_its_own(bench: Bench) -> None:
    """In its repository and in all that it can write: supervisor, scorer and worker import theirs."""
    marker = bench.root / "ran-outside"
    evil = EVIL.format(marker=str(marker))
    names = ("activities/__init__.py", "schemas/job.py", "json.py", "sitecustomize.py", "usercustomize.py", "psutil.py")
    step = bench.step(
        "import pathlib\n"
        f"for name in {names!r}:\n    path = pathlib.Path('/out', name)\n    path.parent.mkdir(exist_ok=True)\n"
        f"    path.write_text({evil!r})\npathlib.Path('/out/evil.pth').write_text('import sitecustomize')\n"
    )
    tree = Path(step.mounts[0].source)
    for name in names:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(evil)
    state = await bench.run(step, bench.step("import helper\n", name="second"))
    assert state.phase == "done", state.problem
    assert not marker.exists()


def test_nothing_outside_the_sandbox_unpickles() -> None:
    """What candidates leave may be a pickle, which is a program: no module of ours reads any. Recipes run inside."""
    forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    calls = {"read_pickle", "unsafe_load", "full_load", "unpack_archive", "extractall"}
    found = []
    for file in sorted(
        path for name in ("activities", "ops", "schemas", "workflows") for path in PROJECT.glob(f"{name}/**/*.py")
    ):
        if file.is_relative_to(PROJECT / "activities" / "knowledge" / "recipes"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            loads_torch = called == "load" and isinstance(node, ast.Call) and _is(node, "torch")
            loads_numpy = isinstance(node, ast.keyword) and node.arg == "allow_pickle"
            if {name.split(".")[0] for name in names} & forbidden or called in calls or loads_torch or loads_numpy:
                found.append(f"{file.relative_to(PROJECT)}:{getattr(node, 'lineno', '?')}")
    assert found == []


def _is(call: ast.Call, module: str) -> bool:
    return (
        isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == module
    )


def as_git_alone_does(tree: Path) -> None:
    subprocess.run(["git", "hash-object", "--path", "train.py", "train.py"], cwd=tree, capture_output=True, check=False)


async def test_a_tree_made_to_look_like_a_git_directory_has_git_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks, filters, a file system monitor, an editor and a pager: named in configuration of every kind that git
    looks for in a folder, and in that of whoever runs us."""
    marker, evil = tmp_path / "ran-outside", tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\n")
    evil.chmod(0o755)
    settings = (
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\thooksPath = .\n"
        f"\tfsmonitor = {evil}\n\tpager = {evil}\n"
        f'\teditor = {evil}\n\tsshCommand = {evil}\n\talternateRefsCommand = {evil}\n[filter "f"]\n\tclean = {evil}\n'
        f'\tsmudge = {evil}\n\tprocess = {evil}\n[diff "f"]\n\ttextconv = {evil}\n\tcommand = {evil}\n[alias]\n'
        f"\tcommit-tree = !{evil}\n[init]\n\ttemplateDir = .\n[gpg]\n\tprogram = {evil}\n[commit]\n\tgpgSign = true\n"
    )
    tree = tmp_path / "tree"
    for folder in ("objects", "refs/heads", "hooks", "info"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "kept").write_text("x")
    for name, text in {
        **{"config": settings, ".gitconfig": settings, "HEAD": "ref: refs/heads/main\n", ".gitmodules": settings},
        **{".gitattributes": "* filter=f diff=f\n", "info/attributes": "* filter=f\n", "train.py": "print(1)\n"},
    }.items():
        (tree / name).write_text(text)
    for hook in ("post-checkout", "pre-commit", "post-commit", "post-index-change", "reference-transaction"):
        for place in (tree / "hooks" / hook, tree / hook):
            shutil.copy(evil, place)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(settings)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tree)
    as_git_alone_does(tree)
    assert marker.exists(), "so that what follows is not true of any configuration"
    marker.unlink()
    repository = Repository(tmp_path / "run.git")
    await repository.init()
    revision = await repository.commit(await repository.snapshot(tree), (), "as it is")
    await repository.name(1, revision)
    await repository.checkout(revision, tmp_path / "again")
    assert {path for path, _ in await repository.files(revision)} >= {"config", ".gitattributes", "hooks/pre-commit"}
    assert (tmp_path / "again" / "train.py").read_text() == "print(1)\n"
    assert not marker.exists()
