"""The strict server as a process, and what is asked of it while others use it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.strict.prompt import Json

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class StrictProcess:
    """At `url`; `log` has a line of JSON for each request."""

    url: str
    log: Path

    def set_faults(self, words: str) -> None:
        """From the next request on."""
        body = json.dumps({"faults": words}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/strict/faults", body), timeout=10):
            pass

    def counters(self) -> Json:
        with urllib.request.urlopen(f"{self.url}/strict/counters", timeout=10) as reply:
            return dict(json.load(reply))

    def asked(self) -> list[Json]:
        """The requests so far, as the record has them."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[StrictProcess]:
    log = folder / "strict.jsonl"
    words = [sys.executable, "-m", "tests.strict", "--log", str(log), *flags]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield StrictProcess(json.loads(process.stdout.readline())["url"], log)
        finally:
            process.terminate()
