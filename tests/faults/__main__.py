"""`python -m tests.faults`: every fault, each in a run of its own, and a table of what happened; 1 if any was lost."""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.scenarios import FAULTS, Tries, staged

TASK = Path(__file__).parents[2] / "examples" / "diabetes"
MANY = {"worker killed at a planned moment": (50, 40.0)}  # kills, and minutes of the run
FEW = (3, 6.0)
HEAD = (
    "| fault | tried | seconds to go on, from death (median, most) | from return (median, most) |"
    " asked again | trainings again | events lost | events redated | calls lost | delivered |"
)


def row(tries: Tries) -> str:
    loss = tries.loss
    counts = (loss.asked_again, loss.started_twice, loss.events, loss.redated, loss.calls)
    cells = [tries.fault, str(tries.tried), _times(tries.since_death), _times(tries.since_return), *map(str, counts)]
    return f"| {' | '.join(cells)} | {'yes' if tries.delivered else 'NO'} |"


def _times(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f}, {max(seconds):.1f}" if seconds else "-"


async def _all(names: list[str], times: int | None, seed: int) -> bool:
    print(HEAD, "|---|---|---|---|---|---|---|---|---|---|", sep="\n", flush=True)
    good = True
    for name in names:
        count, minutes = MANY.get(name, FEW)
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        try:
            [tries] = await staged({name: times or count}, folder / "home", TASK, minutes=minutes, seed=seed)
        except AssertionError as error:
            tries = Tries(name, times or count, ended=f"{error}")
        print(row(tries), flush=True)
        if tries.moments:
            print("killed at:", ", ".join(f"{moment} {kills}" for moment, kills in tries.moments.most_common()))
        if tries.faults:
            print(name, *tries.faults, f"see {folder}", sep="\n  ", file=sys.stderr)
        else:
            shutil.rmtree(folder)
        good = good and not tries.faults
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*FAULTS], action="append", help="these faults; all of them by default")
    parser.add_argument("--times", type=int, default=None, help="how often each is tried")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = time.monotonic()
    good = asyncio.run(_all(asked.only or [*FAULTS], asked.times, asked.seed))
    minutes = (time.monotonic() - began) / 60
    print(
        f"{minutes:.0f} min, seed {asked.seed}; {'nothing was lost or repeated' if good else 'NOT all as it must be'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
