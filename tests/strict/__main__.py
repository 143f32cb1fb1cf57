"""The strict server as a process: python -m tests.strict --port 0 --log FILE; its first line says where it is."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from tests.strict.minds import Mind, PlaybookMind, Thoughtful
from tests.strict.server import StrictServer
from tests.strict.service import Service


def main() -> None:
    given = _arguments()
    mind: Mind = PlaybookMind()
    if given.thinks or given.searches:
        mind = Thoughtful(mind, searches=given.searches)
    service = Service(mind, keys=given.key, faults=given.faults, log=given.log, context=given.context)
    server = StrictServer(service, given.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
    sys.stdout.write(json.dumps({"url": server.url}) + "\n")
    sys.stdout.flush()
    server.serve()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.strict", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mind", choices=["playbook"], default="playbook")
    parser.add_argument(
        "--thinks", action="store_true", help="signed thinking before each answer, where a model thinks"
    )
    parser.add_argument("--searches", action="store_true", help="one search of the web at first, where it is declared")
    parser.add_argument("--faults", default="", help="see faults.py; POST /strict/faults sets others")
    parser.add_argument("--key", action="append", default=[], help="a key that is taken; without any, all are")
    parser.add_argument("--context", type=int, help="tokens of every model's context window")
    parser.add_argument("--log", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
