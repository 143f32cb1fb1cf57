"""Jobs of an invocation that ended without a report: nobody waits for them, and they would keep their devices."""

from contextlib import suppress
from pathlib import Path

from activities.execution.folder import JobFolder


def call_off(jobs: Path, invocation: str) -> tuple[str, ...]:
    """Asks the supervisors of its jobs to stop them, from any process, and returns their ids. Waits for nothing."""
    asked = []
    for folder in sorted(jobs.glob(f"{invocation}.*")):
        job = JobFolder(folder)
        with suppress(FileNotFoundError):  # it was never ordered
            if not job.state().ended:
                job.ask_to_stop()
                asked.append(folder.name)
    return tuple(asked)
