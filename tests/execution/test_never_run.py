"""Generated code never has us run something of its own outside the sandbox: no module, no start-up file, no hook."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from activities.execution import uv
from activities.workspace.repository import Repository
from tests.execution.conftest import Bench, told

EVIL = "import pathlib\npathlib.Path({marker!r}).write_text('ran')\n"


async def test_modules_named_as_ours_or_pythons_own_are_nobodys_but_its_own(bench: Bench) -> None:
    """In its repository and in all that it can write: supervisor, scorer and worker import theirs."""
    marker = bench.root / "ran-outside"
    evil = EVIL.format(marker=str(marker))
    names = ("activities/__init__.py", "schemas/job.py", "json.py", "sitecustomize.py", "usercustomize.py", "psutil.py")
    step = bench.step(
        "import pathlib\n"
        f"for name in {names!r}:\n    path = pathlib.Path('/out', name)\n    path.parent.mkdir(exist_ok=True)\n"
        f"    path.write_text({evil!r})\n"
    )
    tree = Path(step.mounts[0].source)
    for name in names:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(evil)
    state = await bench.run(step, bench.step("import helper\n", name="second"))
    assert state.phase == "done", state.problem
    assert not marker.exists()


def start(environment: Path) -> None:
    """Its Python, outside the sandbox, as installers do."""
    subprocess.run([environment / "bin" / "python", "-I", "-c", ""], check=True)


async def test_no_folder_from_which_python_takes_startup_files_can_be_written(bench: Bench) -> None:
    """Python runs the `.pth` files of its environment at every start, outside the sandbox too: installers start it."""
    marker = bench.root / "ran-outside"
    own = bench.root / "environment"  # to be planted in below, and no other test's
    venv.create(own)
    bench.environment = own
    line = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    tries = (
        "import pathlib, site, sys\n"
        "for folder in {*sys.path[1:], *site.getsitepackages()}:\n"
        "    try:\n"
        f"        pathlib.Path(folder, 'evil.pth').write_text({line!r})\n"
        "        print('written:', folder)\n"
        "    except OSError as error:\n"
        "        print('refused:', folder, error)\n"
    )
    said = await told(bench, tries)
    assert "written:" not in said
    places = [path for path in own.rglob("site-packages") if not path.is_symlink()]
    assert places
    assert said.count("site-packages") >= len(places), "its environment's was tried"
    start(own)
    assert not marker.exists()
    (places[0] / "evil.pth").write_text(line)
    start(own)
    assert marker.exists(), "so that it would have run"


def test_what_lies_in_the_current_folder_is_not_taken_for_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts a worker may stand in a folder of anyone's. Settings of pip's user and variables count as ever."""
    marker, home = tmp_path / "ran-outside", tmp_path / "home"
    for name in ("pip/__init__.py", "pip/__main__.py", "json.py", "runpy.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(EVIL.format(marker=str(marker)))
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text("[global]\nextra-index-url = https://of.the.user/simple\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PIP_INDEX_URL", "https://of.the.variable/simple")
    monkeypatch.chdir(tmp_path)
    found = uv.sources()
    assert {"--index=https://of.the.user/simple", "--default-index=https://of.the.variable/simple"} <= set(found)
    assert not marker.exists()
    subprocess.run([sys.executable, "-m", "pip"], capture_output=True, check=False)
    assert marker.exists(), "so that it would have run"


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
