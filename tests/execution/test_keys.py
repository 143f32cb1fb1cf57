"""Keys live in workers alone: a supervisor and all that it runs are started without them, whatever the sandbox."""

import psutil
import pytest

from activities.execution.jobs import LocalJobs
from tests.execution.conftest import Bench
from tests.execution.test_jobs import supervisors

KEY = "planted-secret-of-nobody"
NAMES = (
    "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS",
    "AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_CLIENT_SECRET",
    "HF_TOKEN", "TEMPORAL_API_KEY",
)  # fmt: skip
WAITS = """
import json, os, pathlib, time
open('/out/environ', 'w').write(json.dumps(dict(os.environ)))
while not pathlib.Path('/out/go').exists():
    time.sleep(0.02)
"""


def environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.ZombieProcess:
        return {}


@pytest.mark.parametrize("sandbox", ["bubblewrap", "none"])
async def test_no_process_of_a_job_has_a_key(bench: Bench, monkeypatch: pytest.MonkeyPatch, sandbox: str) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, KEY)
    bench.jobs = LocalJobs(bench.root / "jobs", bench.home, ("cpu:0",), sandbox)
    code = WAITS if sandbox == "bubblewrap" else WAITS.replace("/out/", f"{bench.out}/")
    await bench.jobs.start(bench.spec(code), id="tuner.1.1.j1")
    await bench.until((bench.out / "environ").exists)
    [supervisor] = supervisors(bench)
    seen = [environ(process) for process in (supervisor, *supervisor.children(recursive=True))]
    (bench.out / "go").touch()
    assert (await bench.ended()).phase == "done"
    assert len([one for one in seen if one]) > 1
    assert not [name for one in seen for name in one if name in NAMES]
    assert KEY not in str(seen)
    assert KEY not in (bench.out / "environ").read_text()
    kept = [path for path in bench.root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert kept == []
