"""A worker that dies at a planned moment: `FAULT_PLAN=FILE python -m tests.faults.killable --queues ...`."""

import os
from pathlib import Path

from tests.faults.moments import lay


def main() -> None:
    plan = os.environ.pop("FAULT_PLAN", None)
    if plan is not None:
        lay(Path(plan))
    import worker

    worker.main()


if __name__ == "__main__":
    main()
