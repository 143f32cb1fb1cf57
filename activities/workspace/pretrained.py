"""Pretrained weights in a run's folder: linked from the cache, and seen read-only by the jobs that train.

Beside each folder lies `FOLDER.json`, which says what it is: what the agents and the code of a run go by.
"""

import os
import shutil
from pathlib import Path
from uuid import uuid4

from activities.execution.durable import write_once
from activities.execution.weights import files_of, settle
from schemas.job import Mount, Step
from schemas.tool import Fetched

SEEN_AT = "/weights"  # in the sandbox
# WEIGHTS for code that runs without a sandbox too; the others keep libraries from looking for a network
VARIABLES = {"WEIGHTS": SEEN_AT, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def link(home: Path, fetched: Fetched, run: Path) -> Fetched:
    """Puts the set into a run's folder, as links to the same files where the disk allows that; says where it is.

    A name that another revision has taken gets a digest behind it: what a training saw is never replaced.
    """
    run.mkdir(parents=True, exist_ok=True)
    plain = fetched.weights.name.replace("/", "--")
    for place in (plain, f"{plain}--{fetched.weights.digest[:12]}"):
        placed = fetched.model_copy(update={"path": f"{SEEN_AT}/{place}"})
        index = run / f"{place}.json"
        write_once(index, placed.model_dump_json(indent=1))
        if Fetched.model_validate_json(index.read_bytes()).weights.digest != fetched.weights.digest:
            continue
        if not (run / place).exists():
            draft = run / f".{place}.{uuid4().hex}"
            shutil.copytree(files_of(home, fetched), draft, copy_function=_link)
            settle(draft, run / place)
        return placed
    raise AssertionError("a digest names one set")


def of_run(run: Path) -> tuple[Fetched, ...]:
    """What was linked into a run's folder, by name."""
    indexes = [path for path in run.glob("*.json") if path.with_suffix("").is_dir()]
    found = (Fetched.model_validate_json(path.read_bytes()) for path in indexes)
    return tuple(sorted(found, key=lambda fetched: fetched.path))


def shown(step: Step, run: Path) -> Step:
    """The step with the run's weights to read, where it has any. Inference never gets them: train.py saves its own."""
    if not run.is_dir():
        return step
    mounts = (*step.mounts, Mount(source=str(run), target=SEEN_AT))
    return step.model_copy(update={"mounts": mounts, "environment": {**step.environment, **VARIABLES}})


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
