"""What jobs are scheduled on: GPUs where there are any, else groups of CPU cores."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path

from activities.errors import BadInput
from activities.execution.processes import TORCHRUN
from activities.handing import handed_on
from schemas.job import Step

CORES = re.compile(r"cpu:(\d+(-\d+)?(\+\d+(-\d+)?)*)")
GPU = re.compile(r"gpu:(\d+)")
LISTED = re.compile(r"GPU (\d+): (.+?) \(UUID: ([^)]+)\)")
FEW_CORES, MOST_SLOTS = 4, 8
SLICES = 8  # parts of a GPU's memory that are leased to jobs which share it
FILES = Path("/dev")
THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
    *("VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "LGBM_NUM_THREADS"),
)


def discover(wanted: str = "auto") -> tuple[str, ...]:
    """`auto`: every GPU, or else the CPU in slots. Or devices by name, with commas. Raises BadInput."""
    if wanted == "auto":
        return tuple(f"gpu:{number}" for number in gpus()) or cpu_slots(usable_cores())
    if wanted == "cpu":
        return cpu_slots(usable_cores())
    names = tuple(word.strip() for word in wanted.split(",") if word.strip())
    if not names:
        raise BadInput("no device is named; use `auto`, `cpu`, or names such as `cpu:0,cpu:1-3` or `gpu:0`")
    for name in names:
        _check(name)
    used = [f"cpu:{core}" for name in names for core in cores(name)] + [name for name in names if GPU.fullmatch(name)]
    twice = sorted({unit for unit in used if used.count(unit) > 1})
    if twice:
        raise BadInput(f"the devices {wanted!r} name {', '.join(twice)} more than once; each may be in one device only")
    return names


def cpu_slots(available: Iterable[int]) -> tuple[str, ...]:
    """One core each on a small machine; on larger ones about four cores each, and at most eight slots."""
    ordered = sorted(available)
    count = len(ordered) if len(ordered) <= FEW_CORES else min(MOST_SLOTS, max(2, len(ordered) // 4))
    bounds = [round(index * len(ordered) / count) for index in range(count + 1)]
    return tuple(f"cpu:{_ranges(ordered[low:high])}" for low, high in pairwise(bounds))


def usable_cores() -> frozenset[int]:
    return frozenset(os.sched_getaffinity(0))


def gpus() -> dict[int, tuple[str, str]]:
    """Name and UUID of each GPU by its number; those only that CUDA_VISIBLE_DEVICES leaves visible, if it is set."""
    if shutil.which("nvidia-smi") is None:
        return {}
    command = ["nvidia-smi", "-L"]
    listing = subprocess.run(command, capture_output=True, text=True, timeout=60, env=handed_on(), check=False)
    if listing.returncode != 0:
        return {}
    found = {int(number): (name, uuid) for number, name, uuid in LISTED.findall(listing.stdout)}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    allowed = {word.strip() for word in visible.split(",")}
    return {number: (name, uuid) for number, (name, uuid) in found.items() if {str(number), uuid} & allowed}


def cores(device: str) -> frozenset[int]:
    """The cores of a CPU device; none for a GPU, whose job may use them all."""
    match = CORES.fullmatch(device)
    if match is None:
        return frozenset()
    found: set[int] = set()
    for part in match[1].split("+"):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def units(device: str) -> tuple[str, ...]:
    """What is locked for a device: single cores, so that devices which overlap are not both leased; slices of a GPU."""
    if GPU.fullmatch(device):
        return tuple(f"{device}/{number}" for number in range(SLICES))
    return tuple(f"cpu:{core}" for core in sorted(cores(device)))


def slices(memory_mb: int | None, leasable: Sequence[str], known: Mapping[int, int]) -> int:
    """How many slices of a GPU hold so much memory. Raises ValueError if no GPU of these has it; else all are asked."""
    totals = [known[number] for number in numbers(leasable) if number in known]
    if memory_mb is None or not totals:
        return SLICES
    if memory_mb > max(totals):
        raise ValueError(f"the job needs {memory_mb} MB on its device, and the largest has {max(totals)} MB")
    return max(1, ceil(memory_mb * SLICES / min(total for total in totals if total >= memory_mb)))


def numbers(names: Iterable[str]) -> tuple[int, ...]:
    """Of the GPUs among these devices."""
    return tuple(int(match[1]) for name in names if (match := GPU.fullmatch(name)))


def affinity(leased: Sequence[str]) -> frozenset[int]:
    """The cores that a job on these devices is held to; empty for no restriction."""
    return frozenset() if any(GPU.fullmatch(name) for name in leased) else frozenset().union(*map(cores, leased))


def variables(leased: Sequence[str], of_host: Sequence[str] = (), held: int = SLICES) -> dict[str, str]:
    """Thread counts, and the GPUs to be seen, for a job with these devices, or `held` slices of each."""
    wanted = numbers(leased)
    threads = len(affinity(leased))
    if not threads:  # a GPU's job has its share of the cores
        threads = len(usable_cores()) * max(len(leased), 1) // max(len(of_host), len(leased), 1) * held // SLICES
    known = gpus() if wanted else {}
    # by UUID, as a number means something else where not all device files are there
    visible = ",".join(known[number][1] if number in known else str(number) for number in wanted)
    part = {"PYTORCH_CUDA_ALLOC_CONF": f"per_process_memory_fraction:{held / SLICES:g}"} if held < SLICES else {}
    return {**dict.fromkeys(THREADS, str(max(threads, 1))), "CUDA_VISIBLE_DEVICES": visible, **part}


def spread(step: Step, leased: Sequence[str]) -> Step:
    """The step as one process on each GPU, where it is written for that and has several."""
    count = len(numbers(leased))
    if not step.spread or count < 2 or step.argv[0] not in ("python", "python3"):
        return step
    return step.model_copy(
        update={"argv": (step.argv[0], "-m", TORCHRUN, "--standalone", f"--nproc-per-node={count}", *step.argv[1:])}
    )


def device_files(leased: Sequence[str]) -> tuple[str, ...]:
    """What a job on these devices may open below /dev."""
    wanted = numbers(leased)
    shared = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
    names = [*(f"nvidia{number}" for number in wanted), *shared] if wanted else []
    return tuple(str(FILES / name) for name in names if (FILES / name).exists())


def _check(name: str) -> None:
    if match := GPU.fullmatch(name):
        found = gpus()
        if int(match[1]) not in found:
            there = ", ".join(f"gpu:{number}" for number in found) or "none"
            raise BadInput(f"there is no device {name!r}; GPUs that nvidia-smi lists here: {there}")
        return
    if not CORES.fullmatch(name):
        raise BadInput(f"{name!r} is no device; use `auto`, `cpu`, or names such as `cpu:0`, `cpu:0-3` or `gpu:0`")
    absent = sorted(cores(name) - usable_cores())
    if absent or not cores(name):
        usable = _ranges(sorted(usable_cores()))
        raise BadInput(f"device {name!r} has cores that this process may not use; usable are cpu:{usable}")


def _ranges(numbers: Sequence[int]) -> str:
    """`0-3+6` for 0, 1, 2, 3, 6."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return "+".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
