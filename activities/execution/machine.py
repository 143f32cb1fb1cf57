"""What the machine, one job on it and the candidates' environment are, for the setup agent. Nothing is run for it."""

import platform
from pathlib import Path

import psutil

from activities.execution import cgroups, conda, devices, distributions, environments, weights
from activities.execution.sandbox import choose
from activities.execution.surroundings import temporary_mb
from schemas.job import Limits
from schemas.tool import EnvironmentFacts, JobFacts


def facts(
    environment: Path, home: Path, *, devices_of_host: tuple[str, ...], limits: Limits, network: bool, sandbox: str
) -> EnvironmentFacts:
    """As it is now; `limits` and `network` are those of a job."""
    return EnvironmentFacts(
        python=platform.python_version(),
        packages=distributions.pinned(environments.lock(environment)),
        cores=len(devices.usable_cores()),
        memory_mb=cgroups.allowed_memory() // 2**20,
        devices=devices_of_host,
        gpus=tuple(f"{name}, {uuid}" for name, uuid in devices.gpus().values()),
        disk_free_mb=psutil.disk_usage(str(environment)).free // 2**20,
        sandbox=choose(sandbox).name,
        job=_job(devices_of_host, limits, network=network),
        conda=conda.found() or "",
        weights_at_hand=weights.at_hand(home),
    )


def _job(devices_of_host: tuple[str, ...], limits: Limits, *, network: bool) -> JobFacts:
    """What a job gets at least, whichever device it leases."""
    threads = [devices.variables((one,), devices_of_host)["OMP_NUM_THREADS"] for one in devices_of_host]
    return JobFacts(
        cores=min(map(int, threads), default=len(devices.usable_cores())),
        memory_mb=limits.memory_mb,
        temporary_mb=temporary_mb(limits),
        disk_mb=limits.disk_mb,
        processes=limits.processes,
        network=network,
    )
