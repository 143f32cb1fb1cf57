"""What agents are told of the machine is so: also in a container, which may take less of it than there is."""

from pathlib import Path

import psutil
import pytest

from activities.execution import cgroups, devices, distributions, machine
from activities.host import USABLE_MEMORY, Host
from schemas.job import Limits

GIGABYTE = 1 << 30
V2 = "30 25 0:26 / {root} rw - cgroup2 cgroup2 rw\n"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "environments" / "one"
    folder.mkdir(parents=True)
    (folder / "requirements.lock").write_text("# conda https://host/noarch/rdkit-1-0.conda\nnumpy==2.3.0\n")
    return folder


def test_facts_are_those_of_this_host(environment: Path, tmp_path: Path) -> None:
    limits = Limits(memory_mb=3_000, processes=64, disk_mb=500)
    names = devices.cpu_slots(devices.usable_cores())
    facts = machine.facts(environment, tmp_path, devices_of_host=names, limits=limits, network=True, sandbox="none")
    assert facts.packages == distributions.pinned("numpy==2.3.0")
    assert facts.cores == len(devices.usable_cores())
    assert facts.devices == names
    assert facts.memory_mb == cgroups.allowed_memory() // 2**20
    assert facts.disk_free_mb == pytest.approx(psutil.disk_usage(str(tmp_path)).free / 2**20, abs=500)
    assert (facts.sandbox, facts.weights_at_hand) == ("none", ())
    assert facts.job is not None
    assert facts.job.cores == min(len(devices.cores(name)) for name in names)
    assert (facts.job.memory_mb, facts.job.processes, facts.job.disk_mb) == (3_000, 64, 500)
    assert facts.job.network


@pytest.mark.parametrize(
    ("cgroup", "mountinfo", "files", "allowed"),
    [
        (
            "0::/a/b\n",
            "30 25 0:26 / {root} rw - cgroup2 cgroup2 rw\n",
            {"a/memory.max": "2", "a/b/memory.max": "max"},
            2,
        ),
        ("0::/host/x\n", "30 25 0:26 /host/x {root} rw - cgroup2 cgroup2 rw\n", {"memory.max": "1"}, 1),
        ("4:memory:/a\n", "30 25 0:26 / {root} rw - cgroup cgroup rw,memory\n", {"a/memory.limit_in_bytes": "3"}, 3),
        ("0::/a\n", V2, {"a/memory.max": "max"}, None),
    ],
)
def test_memory_is_what_the_groups_around_allow(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cgroup: str,
    mountinfo: str,
    files: dict[str, str],
    allowed: int | None,
) -> None:
    """Of gigabytes; None is the machine's own."""
    root, process = tmp_path / "cgroup", tmp_path / "self"
    process.mkdir()
    (process / "cgroup").write_text(cgroup)
    (process / "mountinfo").write_text(mountinfo.format(root=root))
    for name, gigabytes in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("max\n" if gigabytes == "max" else f"{int(gigabytes) * GIGABYTE}\n")
    monkeypatch.setattr(cgroups, "PROCESS", process)
    total = psutil.virtual_memory().total
    assert cgroups.allowed_memory() == (total if allowed is None else min(allowed * GIGABYTE, total))
    host = Host(tmp_path, ("cpu:0", "cpu:1"))
    assert host.limits().memory_mb == int(cgroups.allowed_memory() * USABLE_MEMORY / 2**20 / 2)
