"""What a step's own words and metrics say of why it failed, put so that an agent can act on it."""

import json
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from activities.execution.mounts import writable
from activities.execution.walking import printable
from schemas.job import Step

METRICS = "metrics.jsonl"
END_BYTES = 256 << 10
SIZE = r"(\d[\d.]*\s?[KMGT]?i?B|\d[\d.]* bytes)"
DEVICE_MEMORY = re.compile(rf"(?:CUDA|HIP|XPU|MPS) out of memory[\s\S]{{0,40}}?Tried to allocate {SIZE}")
TOTAL = re.compile(rf"total capaci?ty of {SIZE}|{SIZE} total capacity")
FREE = re.compile(rf"of which {SIZE} is free|{SIZE} free")
OURS = re.compile(
    rf"this process has {SIZE} memory in use|{SIZE} already allocated|memory {SIZE} is allocated by PyTorch"
)
OTHER_DEVICE_SIGNS = (
    *("CUDA out of memory", "CUDA error: out of memory", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED"),
    "NCCL WARN Cuda failure 'out of memory'",
)
NO_MODULE = re.compile(r"^(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?", re.MULTILINE)
NO_LIBRARY = re.compile(r"^ImportError: (\S+): cannot open shared object file", re.MULTILINE)
CRASHED_AT = re.compile(r'\(most recent call first\):\n\s+File "([^"\n]{1,200})", line (\d+)')
LESS = (
    "use a smaller batch, shorter inputs, mixed precision, gradient accumulation or checkpointing, or a smaller model"
)


def device_memory(text: str) -> str | None:
    """Out of memory on a GPU, with the sizes that torch names."""
    asked = DEVICE_MEMORY.search(text)
    if asked is None:
        found = any(sign in text for sign in OTHER_DEVICE_SIGNS)
        return f"out of memory on the device, which did not say how much it lacked; {LESS}" if found else None
    rest = text[asked.start() :]
    facts = [
        f"{words} {size}"
        for words, pattern in (("it has", TOTAL), ("free were", FREE), ("this code held", OURS))
        if (size := _first(pattern, rest))
    ]
    sizes = f" ({', '.join(facts)})" if facts else ""
    return f"out of memory on the device: it asked for {asked[1]} more{sizes}; {LESS}"


def missing_module(text: str) -> str | None:
    """A package or a library that the environment lacks."""
    if found := list(NO_MODULE.finditer(text)):
        name = found[-1][1]
        return (
            f"there is no module {name!r}, neither among the repository's files nor in the environment; "
            "use a package that SETUP.md lists, or write what is needed yourself"
        )
    if found := list(NO_LIBRARY.finditer(text)):
        return f"the library {found[-1][1]} is not in the environment; use another package, or a build without it"
    return None


def crash_site(text: str) -> str:
    """Where Python was when native code crashed, as its fault handler says; empty if it says nothing."""
    found = CRASHED_AT.search(text)
    return f"at {found[1]}, line {found[2]}" if found else ""


def bad_loss(step: Step) -> str | None:
    """A loss that ended as no number, by the `metrics.jsonl` that training wrote as it went."""
    for mount in writable(step):
        for line in reversed(list(_lines(Path(mount.source) / METRICS))):
            losses = {name: value for name, value in line.items() if "loss" in name and isinstance(value, float)}
            wrong = [(name, value) for name, value in losses.items() if not math.isfinite(value)]
            if wrong:
                name, value = wrong[0]
                at = line.get("step")
                step_name = printable(str(at)[:12]) if isinstance(at, int | float | str) else "unknown"
                return (
                    f"{printable(str(name)[:40])} is {value} at step {step_name}; lower the learning "
                    "rate, clip gradients, and look for missing or infinite values in what it is given"
                )
            if losses:
                break  # only how it ended counts
    return None


def _end_of(file: Path) -> bytes:
    """Nothing of what is no plain file: code may have put anything there."""
    try:
        number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        found = os.fstat(number)
        return os.pread(number, END_BYTES, max(found.st_size - END_BYTES, 0)) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(number)


def _lines(file: Path) -> Iterator[dict[str, object]]:
    for line in _end_of(file).splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return next(group for group in found.groups() if group) if found else None
