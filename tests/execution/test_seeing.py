"""What generated code cannot see or write: labels, other runs, keys, and how it was started."""

import json
import sys
from pathlib import Path

import pytest

from activities.delivery.bundle import DATA, OUT, REPOSITORY
from activities.execution.devices import THREADS
from tests.execution.conftest import Bench, told, with_mount

SECRET = "sk-secret-that-nobody-may-see"
LOOKS = """
import json, os, sys
def read(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read()
    except OSError as error:
        return type(error).__name__
def write(path):
    try:
        open(path, 'w').close()
        return 'written'
    except OSError as error:
        return error.strerror
seen = {
    'read': {path: read(path) for path in json.loads(sys.argv[1])},
    'write': {path: write(path + '/x') for path in json.loads(sys.argv[2])},
    'environ': dict(os.environ),
    'processes': [int(name) for name in os.listdir('/proc') if name.isdigit()],
    'uid': os.getuid(),
    'cores': len(os.sched_getaffinity(0)),
    'init': read('/proc/1/environ'),
}
json.dump(seen, open('/out/seen.json', 'w'))
"""
VARIABLES = {
    *("PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LANG", "LC_ALL", "TERM", "USER", "PWD", "MPLBACKEND"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONNOUSERSITE", "PYTHONHASHSEED", "PYTHONUTF8"),
    "PYTHONFAULTHANDLER",
    "CUDA_VISIBLE_DEVICES",
}
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


async def test_nothing_but_its_own_is_there_to_read_or_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    labels = bench.root / "run" / "withheld" / "labels.csv"
    labels.parent.mkdir(parents=True)
    labels.write_text("1\n")
    view = bench.root / "run" / "view"
    view.mkdir()
    (view / "train.csv").write_text("a\n")
    hidden = [str(labels), str(Path.home()), str(bench.home), str(bench.root / "jobs"), "/root", "/home", "/var"]
    places = ["/", REPOSITORY, DATA, OUT, "/usr", "/etc", "/tmp", str(bench.environment)]
    asked = (json.dumps([*hidden, f"{DATA}/train.csv"]), json.dumps(places))
    step = with_mount(bench.step(LOOKS, argv=("python", "train.py", *asked)), view, DATA)
    assert (await bench.run(step)).phase == "done"
    seen = json.loads((bench.out / "seen.json").read_text())
    read = {path: found for path, found in seen["read"].items() if found != "FileNotFoundError"}
    assert read.pop(f"{DATA}/train.csv") == "a\n"
    # a folder on the way to the interpreter or the environment may be there, with nothing else in it
    shown = {part for prefix in (sys.base_prefix, str(bench.environment)) for part in Path(prefix).parts}
    assert {name for found in read.values() for name in found} <= shown
    assert seen["write"].pop("/tmp") == seen["write"].pop(OUT) == "written"
    assert set(seen["write"].values()) == {"Read-only file system"}
    assert "sk-secret" not in json.dumps(seen)
    assert set(seen["environ"]) <= VARIABLES | set(THREADS)
    assert seen["environ"]["HOME"] == "/tmp"
    assert max(seen["processes"]) < 10, "it sees only its own processes"
    assert seen["cores"] == 1, "it is held to the device that is leased"


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
        "import json, os, sys\nfor root in [*json.loads(sys.argv[1]), '/data/..', '/out/..', '/repository/../..']:\n"
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
