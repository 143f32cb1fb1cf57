"""Jobs on GPUs: which they are leased, what they see of them, and what is told of their use."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.execution import devices, nvidia
from activities.execution.bubblewrap import Bubblewrap, programs
from activities.execution.devices import discover, slices, spread, variables
from activities.execution.leases import Leases, Ticket, assign
from activities.execution.processes import Usage
from activities.execution.sampling import MOST, Sampler
from schemas.job import JobState, Limits, Sample, Step
from tests.execution import fake_smi
from tests.execution.conftest import Bench

GPUS = ("gpu:0", "gpu:1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEES = "import os\nprint(os.environ['CUDA_VISIBLE_DEVICES'], os.environ.get('PYTORCH_CUDA_ALLOC_CONF'))\n"
WAITS = (
    "import os, time\nopen('/out/{name}', 'w').close()\nwhile not os.path.exists('/out/go'):\n    time.sleep(0.02)\n"
)


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_smi.install(tmp_path / "smi")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


# --- leases -----------------------------------------------------------------------------------------------------------


def ticket(job: str, share: int = devices.SLICES, count: int = 1, among: tuple[str, ...] = GPUS) -> Ticket:
    return Ticket(job=job, devices=among, count=count, slices=share)


def test_jobs_that_declare_their_memory_share_a_gpu_and_others_have_one_alone() -> None:
    given = assign([ticket("a", 3), ticket("b", 5), ticket("c"), ticket("d", 1)], frozenset())
    assert [tuple(one) for one in given] == [("gpu:0",), ("gpu:0",), ("gpu:1",), ()]
    assert not set(given[0]["gpu:0"]) & set(given[1]["gpu:0"])
    assert len(given[2]["gpu:1"]) == devices.SLICES


def test_a_job_that_waits_for_a_whole_gpu_is_not_starved_by_small_ones() -> None:
    taken = frozenset(devices.units("gpu:0")[:1])
    alone = ("gpu:0",)
    given = assign([ticket("whole", among=alone), ticket("small", 1, among=alone)], taken)
    assert given == [{}, {}]


def test_declared_memory_becomes_slices_of_the_devices_at_hand() -> None:
    known = {0: 80_000, 1: 80_000}
    assert [slices(mb, GPUS, known) for mb in (None, 1, 10_000, 10_001, 80_000)] == [8, 1, 1, 2, 8]
    assert slices(5_000, ("cpu:0",), {}) == devices.SLICES, "cores are not shared"
    with pytest.raises(ValueError, match="needs 90000 MB on its device, and the largest has 80000 MB"):
        slices(90_000, GPUS, known)


def test_a_share_is_kept_by_torch_itself(two_gpus: None) -> None:
    shared = variables(("gpu:1",), GPUS, 2)
    assert shared["PYTORCH_CUDA_ALLOC_CONF"] == "per_process_memory_fraction:0.25"
    assert shared["CUDA_VISIBLE_DEVICES"] == "GPU-111"
    assert "PYTORCH_CUDA_ALLOC_CONF" not in variables(("gpu:1",), GPUS)


def test_machines_that_share_a_home_folder_lease_their_own_devices(tmp_path: Path) -> None:
    for machine in ("boot-1", "boot-2"):
        place = Leases(tmp_path, machine).join(ticket("a", among=("gpu:0",)), priority=1, since=NOW)
        assert place.take() is not None, machine


async def test_shares_run_side_by_side_and_a_whole_device_waits_its_turn(bench: Bench, two_gpus: None) -> None:
    bench.jobs = bench.another(devices=("gpu:0",))
    names = ("first", "second", "whole")
    for number, name in enumerate(names):
        memory = None if name == "whole" else 30_000
        spec = bench.spec(bench.step(WAITS.format(name=name), name=name), device_memory_mb=memory)
        await bench.jobs.start(spec, id=f"tuner.{number}.1.j1")
        if name != "whole":
            await bench.until((bench.out / name).exists, f"tuner.{number}.1.j1")
    assert bench.jobs.state("tuner.2.1.j1").phase == "queued"
    (bench.out / "go").touch()
    states = [await bench.ended(f"tuner.{number}.1.j1") for number in range(3)]
    assert [state.device for state in states] == ["gpu:0"] * 3


async def test_memory_that_no_device_has_is_an_answer_at_once(bench: Bench, two_gpus: None) -> None:
    bench.jobs = bench.another(devices=GPUS)
    state = await bench.run("", device_memory_mb=200_000)
    assert (state.phase, state.problem) == (
        "failed",
        "the job needs 200000 MB on its device, and the largest has 81559 MB",
    )


# --- what a job sees --------------------------------------------------------------------------------------------------


async def test_a_job_sees_the_gpus_of_its_lease_and_no_other(bench: Bench, two_gpus: None) -> None:
    bench.jobs = bench.another(devices=GPUS)
    state = await bench.run(bench.step(SEES), devices=2, id="tuner.1.1.j1")
    assert (state.device, bench.jobs.log("tuner.1.1.j1")) == ("gpu:0, gpu:1", "GPU-000,GPU-111 None\n")
    state = await bench.run(bench.step(SEES), device_memory_mb=20_000, id="tuner.1.1.j2")
    assert bench.jobs.log("tuner.1.1.j2") == "GPU-000 per_process_memory_fraction:0.25\n"


def test_devices_are_found_by_number_and_only_those_that_may_be_seen(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert discover("auto") == GPUS
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert discover("auto") == ("gpu:1",)


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes device files")
def test_only_leased_device_files_are_in_the_sandbox(
    bench: Bench, two_gpus: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "dev"
    files.mkdir()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "sda"):
        os.mknod(files / name, 0o20666, os.makedev(1, 3))  # each as /dev/null is
    monkeypatch.setattr(devices, "FILES", files)
    step = Step(name="t", argv=("ls", str(files)), mounts=(), workdir="/", seconds=5)
    made = Bubblewrap(programs()[0]).command(
        step, environment=str(bench.environment), variables={}, devices=("gpu:1",), network=False, limits=Limits()
    )
    command = [made.argv[0], *made.options, *made.argv[1:]]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ran.stdout.split() == ["nvidia-uvm", "nvidia1", "nvidiactl"], ran.stderr


# --- what it took -----------------------------------------------------------------------------------------------------


def samples(bench: Bench, id: str = "tuner.1.1.j1") -> list[Sample]:
    lines = (bench.root / "jobs" / id / "usage.jsonl").read_text().splitlines()
    return [Sample.model_validate_json(line) for line in lines]


async def test_use_of_processor_memory_and_gpu_is_in_the_record(bench: Bench, two_gpus: None) -> None:
    bench.jobs = bench.another(devices=GPUS)
    code = "import time\nkept = bytearray(80 << 20)\nend = time.monotonic() + 2.5\n"
    code += "while time.monotonic() < end:\n    pass\n"
    state: JobState = await bench.run(code, devices=2)
    use = state.steps[0].use
    assert use is not None
    assert use.cores > 0.1
    assert use.peak_memory_mb >= use.memory_mb > 80
    assert (use.gpu_percent, use.gpu_memory_mb, use.peak_gpu_memory_mb) == (40.0, 3000.0, 3000.0)
    taken = samples(bench)
    assert {sample.step for sample in taken} == {"train"}
    assert 1 <= len(taken) <= 3
    assert taken[-1].gpu_memory_mb == 3000.0
    assert state == JobState.model_validate_json(json.dumps(state.model_dump(mode="json")))


@pytest.mark.parametrize(("memory", "shared"), [(None, False), (20_000, True)])
async def test_the_record_says_where_the_numbers_of_a_gpu_are_of_all_who_share_it(
    bench: Bench, two_gpus: None, memory: int | None, shared: bool
) -> None:
    bench.jobs = bench.another(devices=GPUS)
    state = await bench.run("import time\ntime.sleep(1.5)\n", device_memory_mb=memory)
    use = state.steps[0].use
    assert use is not None
    assert (use.peak_gpu_memory_mb, use.gpu_shared) == (1000.0, shared)


def test_however_long_a_step_runs_its_samples_stay_few() -> None:
    sampler = Sampler("train")
    for second in range(20_000):
        sampler.look(second + 0.5, Usage(100.0, 1, second * 2.0), None)
    assert MOST / 2 <= len(sampler.samples) <= MOST
    use = sampler.use()
    assert use is not None
    assert use.cores == pytest.approx(2.0, abs=0.01), "means are over all of its time, not over the samples kept"
    assert (use.memory_mb, use.gpu_percent) == (100.0, None)
    assert sampler.samples[-1].at > 19_000


# --- several devices --------------------------------------------------------------------------------------------------


def test_torchrun_starts_what_is_written_for_several_gpus_and_nothing_else() -> None:
    step = Step(
        name="t", argv=("python", "train.py", "--out", "/out"), mounts=(), workdir="/repository", seconds=1, spread=True
    )
    words = ("python", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "train.py", "--out", "/out")
    assert spread(step, GPUS).argv == words
    assert spread(step, ("gpu:0",)).argv == spread(step, ("cpu:0", "cpu:1")).argv == step.argv
    assert spread(step.model_copy(update={"spread": False}), GPUS).argv == step.argv


DISTRIBUTED = """
import os, signal, sys, time
import torch
import torch.distributed as dist
dist.init_process_group('gloo')
rank = dist.get_rank()
value = torch.tensor([rank + 1.0])
dist.all_reduce(value)
def save(*_):
    open(f'/out/saved{rank}', 'w').write(str(value.item()))
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
dist.barrier()
open(f'/out/ready{rank}', 'w').close()
time.sleep(120)
"""


@pytest.mark.slow
async def test_several_processes_train_as_one_and_save_when_told_to_stop(bench: Bench, two_gpus: None) -> None:
    """With GPUs by name alone: the processes talk over the sandbox's own loopback, on the CPU."""
    bench.environment = Path(sys.prefix)
    bench.jobs = bench.another(devices=GPUS)
    step = bench.step(DISTRIBUTED, spread=True, seconds=60.0)
    limits = Limits(memory_mb=6_000, grace_seconds=20.0)
    await bench.jobs.start(bench.spec(step, devices=2, limits=limits), id="tuner.1.1.j1")
    state = bench.jobs.state("tuner.1.1.j1")
    while not all((bench.out / f"ready{rank}").exists() for rank in (0, 1)):
        state = await bench.jobs.wait("tuner.1.1.j1", until=datetime.now(UTC))
        assert not state.ended, bench.jobs.log("tuner.1.1.j1")
    state = await bench.jobs.stop("tuner.1.1.j1")
    assert state.phase == "stopped"
    assert [(bench.out / f"saved{rank}").read_text() for rank in (0, 1)] == ["3.0", "3.0"]


def test_readings_that_are_no_numbers_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, [N/A]'\necho '1, 40960'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert nvidia.memories() == {1: 40_960}
