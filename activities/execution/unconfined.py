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
        moved = self._moved(step, root)
        given = surroundings.variables(moved, environment, variables, temporary=str(root / "tmp"))
        settings = [f"{name}={value}" for name, value in {**given, MARK: str(self.scratch.parent)}.items()]
        words = surroundings.argv(moved, environment)
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

    def _moved(self, step: Step, root: Path) -> Step:
        """The step with its own paths (/data, /out, ...) where they are in truth.

        Only in its own words and variables: on the host, its environment or its scratch may lie below such a name, too.
        """
        tops = sorted({f"/{mount.target.strip('/').split('/')[0]}" for mount in step.mounts}, key=len, reverse=True)
        if not tops:
            return step
        inside = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, tops))})(?![\w.-])")
        argv = tuple(inside.sub(rf"{root}\1", word) for word in step.argv)
        environment = {name: inside.sub(rf"{root}\1", value) for name, value in step.environment.items()}
        return step.model_copy(update={"argv": argv, "environment": environment})
