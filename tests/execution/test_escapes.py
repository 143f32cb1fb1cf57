"""What code in the real sandbox cannot do: see, reach or change what is not its own, or have us run its code."""

import ast
import io
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.delivery.bundle import Bundle
from activities.delivery.work import Deliverer
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository
from schemas.base import RunRef
from schemas.delivery import DeliveryRequest
from schemas.job import JobState, Limits, Mount, Step
from tests.execution.conftest import Bench
from tests.report import made

PROJECT = Path(__file__).parents[2]
SECRET = "sk-secret-that-nobody-may-see"


async def told(bench: Bench, code: str, *, network: bool = False, argument: str = "", **more: object) -> str:
    """What the code printed."""
    step = bench.step(code, argv=("python", "train.py", argument), **more)
    state = await bench.run(step, network=network)
    assert state.phase == "done", (state.problem, bench.jobs.log(state.id))
    return bench.jobs.log(state.id)


def with_mount(step: Step, source: Path, target: str) -> Step:
    return step.model_copy(update={"mounts": (*step.mounts, Mount(source=str(source), target=target))})


# --- reading ----------------------------------------------------------------------------------------------------------

READS_PROC = """
import json, os, stat
seen = {}
def read(path):
    if stat.S_ISREG(os.stat(path).st_mode):
        return open(path, 'rb').read(65536).decode(errors='replace')
    return ''
for folder, names, files in os.walk('/proc'):
    names[:] = [name for name in names if not name.startswith('task')]
    for name in (*files, *names):
        if name in ('environ', 'cmdline', 'cwd', 'root', 'exe', 'stack') or folder.endswith('/fd'):
            path = os.path.join(folder, name)
            for look in (os.readlink,) if name == 'exe' else (read, os.readlink):
                try:
                    seen[path] = seen.get(path, '') + look(path)
                except OSError:
                    pass
json.dump(seen, open('/out/seen.json', 'w'))
"""


async def test_proc_tells_of_no_process_but_its_own_and_nothing_of_how_it_was_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of workers, their command lines, and what the sandbox was told: places of the host, other folders."""
    for name in ("ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "TEMPORAL_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    await told(bench, READS_PROC)
    seen = json.loads((bench.out / "seen.json").read_text())
    numbers = {int(path.split("/")[2]) for path in seen if path.split("/")[2].isdigit()}
    assert 1 in numbers, "so that what follows is not true of code that sees nothing"
    assert max(numbers) < 10
    words = " ".join(seen.values()).replace(str(bench.environment), "").replace(sys.base_prefix, "")
    hidden = (SECRET, str(bench.root), str(Path.home()), "--bind", "--setenv")
    assert [word for word in hidden if word in words] == []


async def test_another_run_candidate_or_withheld_label_is_not_there_under_any_name(bench: Bench) -> None:
    """By their paths, by those of the mounts' parents, and by walking up from what is mounted."""
    run, other = bench.root / "runs" / "r1", bench.root / "runs" / "r2"
    for path in (run / "withheld/labels.csv", run / "repositories/2/train.py", other / "ledger.jsonl"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    (run / "view").mkdir()
    (run / "view" / "train.csv").write_text("a\n")
    code = (
        "import json, os, sys\nfor root in [*json.loads(sys.argv[1]), '/data/..', '/out/..', '/work/../..']:\n"
        "    for folder, folders, files in os.walk(root):\n"
        "        paths = {os.path.realpath(os.path.join(folder, one)): one for one in folders}\n"
        "        folders[:] = [one for path, one in paths.items() if path not in sys.argv[2:]]\n"
        "        for name in files:\n            try:\n"
        "                text = open(os.path.join(folder, name), errors='replace').read(200)\n"
        "            except OSError:\n                continue\n"
        "            if 'sk-secret' in text and 'train.py' not in name:\n                print('found', folder, name)\n"
    )
    system = ("/proc", "/sys", "/usr", "/dev", sys.base_prefix, str(bench.environment))
    step = bench.step(code, argv=("python", "train.py", json.dumps([str(run), str(other), str(bench.root)]), *system))
    assert (await bench.run(with_mount(step, run / "view", "/data"))).phase == "done"
    assert bench.jobs.log("tuner.1.1.j1") == ""


# --- reaching out -----------------------------------------------------------------------------------------------------


@contextmanager
def unix_server(address: str) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        yield


@pytest.mark.parametrize(
    "network", [False, pytest.param(True, marks=pytest.mark.skipif(not shutil.which("slirp4netns"), reason="shared"))]
)
@pytest.mark.parametrize("kind", ["file", "abstract"])
async def test_no_socket_of_this_machine_is_reached(bench: Bench, kind: str, network: bool) -> None:
    address = f"\0aibuildai-{os.getpid()}" if kind == "abstract" else str(bench.root / "service.sock")
    code = (
        "import json, socket, sys\ntry:\n    socket.socket(socket.AF_UNIX).connect(json.loads(sys.argv[1]))\n"
        "    print('reached')\nexcept OSError as error:\n    print(type(error).__name__)\n"
    )
    with unix_server(address):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address)
        said = await told(bench, code, network=network, argument=json.dumps(address))
    assert said in ("FileNotFoundError\n", "ConnectionRefusedError\n")


async def test_it_signals_nobody_else(bench: Bench) -> None:
    """Not by number, and not everyone at once."""
    code = (
        "import os, signal, sys\ntry:\n    os.kill(int(sys.argv[1]), signal.SIGTERM)\n    print('signalled')\n"
        "except ProcessLookupError:\n    print('no such process')\nsys.stdout.flush()\n"
        "try:\n    os.kill(-1, signal.SIGKILL)\nexcept ProcessLookupError:\n    print('alone')\n"
    )
    assert await told(bench, code, argument=str(os.getpid())) == "no such process\nalone\n"


@pytest.mark.parametrize(
    "act",
    [
        "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "libc.mount(b'none', b'/out', b'proc', 0, None)",
        "libc.umount2(b'/work', 2)",
        "libc.unshare(0x10000000)",
        "libc.unshare(0x00020000)",
        "libc.chroot(b'/tmp')",
        "libc.sethostname(b'x', 1)",
        "libc.mknod(b'/out/disk', 0o60600, 0x0800)",
        "libc.setuid(0)",
        "libc.reboot(0x1234567)",
    ],
)
async def test_it_has_no_power_over_the_system(bench: Bench, act: str) -> None:
    code = (
        f"import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nprint({act}, os.strerror(ctypes.get_errno()))\n"
    )
    said = await told(bench, code)
    assert said.startswith("-1 "), said


async def test_of_devices_it_sees_those_that_every_program_needs(bench: Bench) -> None:
    """None of this machine's disks, memory or other devices, and no GPU that was not leased."""
    said = await told(bench, "import os\nprint(sorted(os.listdir('/dev')))\n")
    usual = {"console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "tty", "urandom", "zero"}
    assert set(ast.literal_eval(said)) <= usual | {"stdin", "stdout", "stderr"}


# --- leaving through files --------------------------------------------------------------------------------------------


async def test_a_hard_link_is_no_way_out(bench: Bench) -> None:
    data = bench.root / "view"
    data.mkdir()
    (data / "train.csv").write_text("a\n")
    code = (
        "import os\nfor source in ('/data/train.csv', '/work/train.py', '/etc/passwd', '/usr/bin/env'):\n"
        "    try:\n        os.link(source, '/out/linked')\n        print('linked', source)\n"
        "    except OSError as error:\n        print(error.strerror)\n"
    )
    assert (await bench.run(with_mount(bench.step(code), data, "/data"))).phase == "done"
    assert "linked" not in bench.jobs.log("tuner.1.1.j1")
    assert (data / "train.csv").stat().st_nlink == 1


def crafted(path: Path, target: Path) -> None:
    """An archive whose members lead out: upwards, by absolute names, through a link, and as a hard link."""

    def member(name: str, **given: object) -> tarfile.TarInfo:
        made = tarfile.TarInfo(name)
        for key, value in given.items():
            setattr(made, key, value)
        return made

    with tarfile.open(path, "w") as archive:
        text = b"overwritten"
        for name in ("../../../../../../" + str(target), str(target)):
            archive.addfile(member(name, size=len(text)), io.BytesIO(text))
        archive.addfile(member("link", type=tarfile.SYMTYPE, linkname=str(target.parent)))
        archive.addfile(member(f"link/{target.name}", size=len(text)), io.BytesIO(text))
        archive.addfile(member("hard", type=tarfile.LNKTYPE, linkname=str(target)))
        archive.addfile(member("device", type=tarfile.BLKTYPE, devmajor=8, devminor=0))


async def test_a_crafted_archive_in_the_data_unpacks_to_nowhere_else(bench: Bench) -> None:
    view, target = bench.root / "view", bench.root / "outside" / "labels.csv"
    for folder in (view, target.parent):
        folder.mkdir()
    target.write_text("1\n")
    crafted(view / "images.tar", target)
    code = (
        "import os, tarfile\nos.makedirs('/out/unpacked')\narchive = tarfile.open('/data/images.tar')\n"
        "for member in archive:\n    try:\n        archive.extract(member, '/out/unpacked', filter='fully_trusted')\n"
        "    except (OSError, KeyError):\n        pass\n"
    )
    assert (await bench.run(with_mount(bench.step(code), view, "/data"))).phase == "done"
    assert target.read_text() == "1\n"
    assert [path.name for path in target.parent.iterdir()] == ["labels.csv"]
    left = [path for path in bench.out.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
    assert left == []


async def test_a_link_made_after_the_first_look_is_gone_too(bench: Bench) -> None:
    """Folders replaced by links, links to links, and links into other mounts of the step."""
    secret = bench.root / "labels"
    secret.mkdir()
    (secret / "labels.csv").write_text(SECRET)
    code = (
        "import os, sys\nos.mkdir('/out/model')\nos.rmdir('/out/model')\nos.symlink(sys.argv[1], '/out/model')\n"
        "os.symlink('model', '/out/again')\nos.symlink('/work', '/out/code')\nos.symlink('loop', '/out/loop')\n"
    )
    await told(bench, code, argument=str(secret))
    assert list(bench.out.iterdir()) == []
    assert (secret / "labels.csv").read_text() == SECRET


async def test_what_it_leaves_lends_nobody_its_owners_rights_and_can_be_read(bench: Bench) -> None:
    code = (
        "import os\nos.makedirs('/out/a/b')\n"
        "for name, mode in (('tool', 0o6755), ('a/hidden', 0o000), ('a/b/plain', 0o640)):\n"
        "    open('/out/' + name, 'w').write('x')\n    os.chmod('/out/' + name, mode)\nos.chmod('/out/a', 0)\n"
    )
    await told(bench, code)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.out.rglob("*") if path.is_file()}
    assert modes == {"tool": 0o755, "hidden": 0o600, "plain": 0o640}


# --- having us run something ------------------------------------------------------------------------------------------

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


async def test_what_training_forges_is_not_what_prediction_leaves(bench: Bench) -> None:
    """Files named as predictions, scores and states, in the folder that training may write; then inference that does
    nothing: its own folder is where predictions count, and that has none."""
    forging = (
        "import os, pathlib\nout = pathlib.Path('/out')\n(out / 'model').mkdir()\n"
        "(out / 'model' / 'm').write_text('m')\n"
        "for name in ('predictions.csv', 'predictions/predictions.csv', 'trial.json', 'state.json', 'score.json',\n"
        "             '../predictions/predictions.csv', '../state.json', '../trial.json'):\n"
        "    path = out / name\n    try:\n        path.parent.mkdir(parents=True, exist_ok=True)\n"
        "        path.write_text('id,y\\n1,1\\n')\n    except OSError:\n        pass\n"
    )
    predictions = bench.root / "predictions"
    predictions.mkdir()
    train = bench.step(forging, expect=(str(bench.out / "model"),))
    tree = bench.step("raise SystemExit(0)", name="predict").mounts[0]
    mounts = (
        tree,
        Mount(source=str(bench.out / "model"), target="/model"),
        Mount(source=str(predictions), target="/predictions", writable=True),
    )
    expect = (str(predictions / "predictions.csv"),)
    predict = bench.step("raise SystemExit(0)", name="predict", mounts=mounts, expect=expect, sealed=True)
    state: JobState = await bench.run(train, predict)
    assert state.problem == "predict: it ended without an error, but did not write /predictions/predictions.csv"
    assert not (bench.root / "state.json").exists()
    assert state.id == "tuner.1.1.j1"


async def test_inference_cannot_change_the_model_or_leave_word_for_the_next_time(bench: Bench) -> None:
    """Else the first of several final predictions could tell the later ones what to say."""
    model = bench.root / "model"
    model.mkdir()
    (model / "weights").write_text("w")
    places = ("/model/seen", "/work/seen", "/tmp/seen", "/dev/shm/seen")
    code = (
        f"import os, pathlib\nfor path in ('/model/weights', *{places!r}):\n"
        "    print(path, os.path.exists(path))\n    try:\n        pathlib.Path(path).write_text('seen')\n"
        "    except OSError:\n        pass\n"
    )
    step = with_mount(bench.step(code), model, "/model")
    again = step.model_copy(update={"name": "again"})
    assert (await bench.run(step, again, limits=Limits(memory_mb=500))).phase == "done"
    said = bench.jobs.log("tuner.1.1.j1").splitlines()
    assert said == 2 * ["/model/weights True", *(f"{path} False" for path in places)]
    assert (model / "weights").read_text() == "w"


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


HOLDS = "import json, pathlib\npathlib.Path('/predictions/predictions.csv').write_text('id,y\\n1,4\\n')\n"
READS = "import json\ny = json.load(open('/model/weights.json'))\n"
READS += "open('/predictions/predictions.csv', 'w').write(f'id,y\\n1,{y}\\n')\n"


@pytest.mark.parametrize(("code", "passed"), [(HOLDS, False), (READS, True)])
async def test_a_package_that_holds_predictions_instead_of_a_model_is_found_out(
    bench: Bench, code: str, passed: bool
) -> None:
    layout, folder = Layout(bench.root / "run"), bench.root / "delivery"
    inputs, model = bench.root / "inputs", bench.root / "model"
    for path in (inputs, model, bench.root / "code"):
        path.mkdir()
    (inputs / "test.csv").write_text("id\n1\n")
    (model / "weights.json").write_text("4")
    (bench.root / "code" / "inference.py").write_text(code)
    request = DeliveryRequest(
        run=RunRef(id="r", folder=str(layout.folder)),
        task=made.task(),
        invocation="delivery.7",
        members=(),
        environment=str(bench.environment),
        deadline=datetime.now(UTC) + timedelta(minutes=1),
    )
    parts = Bundle(bench.root / "code", {}, {"": model})
    finding = await Deliverer(request, bench.jobs, Limits())._emptied(parts, inputs, folder, "delivery.7.verify")
    assert (finding.name, finding.passed) == ("needs its model", passed)
