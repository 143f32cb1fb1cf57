"""Answers as nvidia-smi does, of two GPUs with 80 GB each."""

import sys
import time
from pathlib import Path

PROGRAM = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
PROGRAM += "from tests.execution.fake_smi import main\nmain(sys.argv[1:])\n"


def install(folder: Path) -> Path:
    """A folder for PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return folder


def main(arguments: list[str]) -> None:
    if arguments == ["-L"]:
        for number in (0, 1):
            _say(f"GPU {number}: NVIDIA H100 80GB HBM3 (UUID: GPU-{number}{number}{number})")
    elif arguments[0] == "--query-gpu=index,memory.total":
        _say("0, 81559\n1, 81559")
    elif arguments[0] == "--query-gpu=index,utilization.gpu,memory.used":
        wanted = next(word for word in arguments if word.startswith("--id=")).removeprefix("--id=").split(",")
        while True:
            _say("\n".join(f"{number}, 40, {1000 * (int(number) + 1)}" for number in wanted))
            time.sleep(0.2)
    else:
        sys.exit(f"unknown: {arguments}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
