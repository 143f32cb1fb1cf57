"""A run that was recorded, as another is started from its exchanges."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from activities.errors import BadInput
from activities.workspace.layout import Layout
from ops import runs
from ops.settings import Settings
from schemas.run import RunSpec


@dataclass(frozen=True)
class Recorded:
    """What the run was started with, and where its task and its exchanges lie."""

    spec: RunSpec
    layout: Layout


async def recorded(settings: Settings, run: str) -> Recorded:
    """The recorded run by its id, the beginning of it, or its folder. BadInput if it holds no exchanges."""
    where = Layout(await _folder(settings, run))
    if not holds_exchanges(where):
        raise BadInput(f"--replay {run}: {where.folder} holds no exchanges; only a run started with --record does")
    try:
        spec = RunSpec.model_validate_json(where.spec.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(f"--replay {run}: {where.spec} cannot be read: {' '.join(str(error).split())[:300]}") from error
    return Recorded(spec, where)


def holds_exchanges(where: Layout) -> bool:
    return any(where.exchanges.glob("*/*.json"))


async def _folder(settings: Settings, run: str) -> Path:
    path = Path(run).expanduser()
    if os.sep in run and path.is_dir():
        return path.resolve()
    try:
        return runs.layout(settings, await runs.resolve(settings, None, run)).folder
    except BadInput as error:
        raise BadInput(f"--replay {run}: {error}") from error
