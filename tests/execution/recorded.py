"""The supervisor, with a note of what it brings to disk and which states it writes, in their order."""

import sys
from collections.abc import Iterable
from pathlib import Path

from activities.execution import durable, steprun, supervisor
from activities.execution.folder import JobFolder
from schemas.job import JobState

if __name__ == "__main__":
    notes = Path(sys.argv[1], "order")
    write, sync = JobFolder.write, durable.sync_file_systems

    def noted_write(self: JobFolder, state: JobState) -> None:
        done = [step.name for step in state.steps if step.exit_code == 0]
        with notes.open("a") as file:
            file.write(f"{state.phase} {','.join(done)}\n")
        write(self, state)

    def noted_sync(folders: Iterable[Path]) -> None:
        found = list(folders)
        sync(found)
        with notes.open("a") as file:
            file.write(f"synced {','.join(path.name for path in found)}\n")

    JobFolder.write = noted_write  # type: ignore[method-assign]
    steprun.sync_file_systems = noted_sync  # type: ignore[attr-defined]
    sys.exit(supervisor.main(sys.argv[1:]))
