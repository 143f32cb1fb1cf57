"""The supervisor as on a host where no control group can be made."""

import sys
from pathlib import Path

from activities.execution import cgroups, supervisor

if __name__ == "__main__":
    cgroups.PROCESS = Path("/nonexistent")
    sys.exit(supervisor.main(sys.argv[1:]))
