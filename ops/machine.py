"""What this machine has to run candidates with: what confines them, devices, their environment, torch."""

import importlib.metadata
from pathlib import Path

import torch

from activities.errors import BadInput, NeedsPerson
from activities.execution import devices, environments
from ops import confining
from ops.checks import Check, bad, ok, warn
from ops.settings import Settings


def checks(settings: Settings) -> list[Check]:
    return [*confining.checks(), _devices(settings), _environment(settings.home), _torch()]


def _devices(settings: Settings) -> Check:
    try:
        return ok("devices", ", ".join(devices.discover(settings.devices)))
    except BadInput as error:
        return bad("devices", settings.devices, str(error))


def _environment(home: Path) -> Check:
    try:
        return ok("candidates' environment", str(environments.base(home)))
    except (NeedsPerson, OSError) as error:
        return bad("candidates' environment", str(home / "environments"), str(error))


def _torch() -> Check:
    version = importlib.metadata.version("torch")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        return ok("torch", f"{version}, {names}")
    if torch.version.cuda:
        found = f"{version}, built for CUDA {torch.version.cuda}, finds no GPU"
        return warn("torch", found, "see `nvidia-smi`; without a GPU, networks train on the CPU")
    return ok("torch", f"{version}, CPU build")
