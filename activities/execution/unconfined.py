"""No sandbox: the code can read and write whatever its user can. Only where nothing else works, and loudly."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from activities.execution import surroundings
from activities.execution.base import Command
from schemas.job import Limits, Step

MARK = "AIBUILDAI_JOB"  # a variable by which processes are found that outlived their supervisor


@dataclass(frozen=True)
class Unconfined:
    """The paths that the step knows are links below `scratch`, and its words are rewritten to them."""

    scratch: Path
    name: str = "none"
    in_own_processes: bool = True

    def command(
        self,
        step: Step,
        *,
        environment: str,
        variables: dict[str, str],
        devices: tuple[str, ...],  # noqa: ARG002 - nothing hides the others
        network: bool,  # noqa: ARG002 - nothing takes it away
        limits: Limits,  # noqa: ARG002 - the supervisor watches what it can
        label: str = "",
    ) -> Command:
        root = self._links(step, label)
        given = surroundings.variables(step, environment, variables, temporary=str(root / "tmp"))
        moved = {name: self._moved(value, step, root) for name, value in given.items()}
        moved[MARK] = str(self.scratch.parent)
        words = [self._moved(word, step, root) for word in surroundings.argv(step, environment)]
        settings = [f"{name}={value}" for name, value in moved.items()]
        return Command(("/usr/bin/env", "-i", f"--chdir={root}{step.workdir}", *settings, *words))

    def clean(self, label: str) -> None:
        shutil.rmtree(self.scratch / label, ignore_errors=True)

    def _links(self, step: Step, label: str) -> Path:
        root = self.scratch / label
        self.clean(label)
        (root / "tmp").mkdir(parents=True)
        for mount in sorted(step.mounts, key=lambda mount: mount.target):
            place = root / mount.target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(mount.source)
        return root

    def _moved(self, word: str, step: Step, root: Path) -> str:
        """The word with the step's own paths (/data, /out, ...) where they are in truth."""
        tops = sorted({f"/{mount.target.strip('/').split('/')[0]}" for mount in step.mounts}, key=len, reverse=True)
        pattern = "|".join(map(re.escape, tops))
        return re.sub(rf"(?<![\w./-])({pattern})(?![\w.-])", rf"{root}\1", word) if tops else word
