"""What this machine has to run candidates with: torch, and what activities.execution finds."""

import importlib.metadata

import torch

from ops.checks import Check, ok, warn
from ops.settings import Settings


def checks(settings: Settings) -> list[Check]:  # noqa: ARG001
    return [_torch()]


def _torch() -> Check:
    version = importlib.metadata.version("torch")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        return ok("torch", f"{version}, {names}")
    built = torch.version.cuda
    if built:
        return warn("torch", f"{version}, built for CUDA {built}, finds no GPU", "check the driver with nvidia-smi")
    return ok("torch", f"{version}, CPU build")
