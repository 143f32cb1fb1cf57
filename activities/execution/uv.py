"""uv, told where pip looks: often only pip knows of the local index, the wheels at hand, the proxy's certificate.

uv runs the interpreter that it is given, and with it every `.pth` file that lies there. So it is never given one of an
environment that holds what candidates asked for: that code would run outside the sandbox.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

from activities.handing import INSTALLERS, handed_on

SIGNS_OF_NO_NETWORK = (
    *("dns error", "error sending request", "Failed to fetch", "Connection refused", "timed out", "Network is"),
    *("Could not connect", "tunnel error", "connect error", "operation timed out"),
)
LONGEST = 30 * 60  # seconds
ADDED = re.compile(r"^ ?\+ (\S+==\S+)", re.MULTILINE)


class UvFailed(Exception):
    """What uv said. `offline`: it could not reach where packages come from."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.offline = any(sign in text for sign in SIGNS_OF_NO_NETWORK)


def make_environment(folder: Path) -> None:
    """With the interpreter that runs this project, and nothing installed."""
    _run("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))


def resolve(requirements: str, python: Path) -> str:
    """The lock: each distribution with its exact version, a line each."""
    return _run(
        *("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-build", "--python", str(python), "-"),
        *sources(),
        given=requirements,
    )


def additions(requirements: str, lock: Path, packages: Path) -> str:
    """What a folder of packages lacks, a line each; what it has keeps its version, and is not looked up."""
    plan = _run(
        *("pip", "install", "--dry-run", "--no-build", "--python", sys.executable, "--target", str(packages)),
        *("--constraints", str(lock), "--requirements", "-"),
        *sources(),
        given=requirements,
    )
    return "\n".join(ADDED.findall(plan))


def install(lock: str, folder: Path) -> None:
    """A new environment with exactly these, from wheels only: to build a source package would run its code here."""
    make_environment(folder)
    _run(
        *("pip", "install", "--quiet", "--no-deps", "--no-build", "--python", str(folder / "bin" / "python")),
        *("--requirements", "-"),
        *sources(),
        given=lock,
    )


def compile_bytecode(packages: Path) -> None:
    """Nothing can be compiled later, where the environment is read-only. No code of the packages runs here."""
    command = [sys.executable, "-I", "-S", "-m", "compileall", "-q", "-j", "0", str(packages)]
    # some packages hold files for other versions of Python, which do not compile
    subprocess.run(command, capture_output=True, timeout=LONGEST, env=handed_on(), check=False)


def sources() -> list[str]:
    """pip's configuration as uv's flags. pip takes the best of all its indexes, so uv must too."""
    settings = _pip_settings()
    flags = [f"--find-links={place}" for place in settings.get("find-links", ())]
    flags += [f"--default-index={url}" for url in settings.get("index-url", ())[-1:]]
    flags += [f"--index={url}" for url in settings.get("extra-index-url", ())]
    flags += [f"--allow-insecure-host={host}" for host in settings.get("trusted-host", ())]
    flags += ["--no-index"] if settings.get("no-index", ())[-1:] in (("true",), ("1",), ("yes",), ("on",)) else []
    return [*flags, "--index-strategy=unsafe-best-match"]


def _pip_settings() -> dict[str, tuple[str, ...]]:
    """The words of each setting. What pip ranks higher comes later in its list, and replaces what came before."""
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]  # never a pip, or a json, of the current folder
    given = handed_on(INSTALLERS)
    listing = subprocess.run(command, capture_output=True, text=True, timeout=60, env=given, check=False)
    ranked: dict[str, tuple[int, tuple[str, ...]]] = {}
    for line in listing.stdout.splitlines():
        key, equal, value = line.partition("=")
        section, _, name = key.rpartition(".")
        rank = ("global", "install", ":env:").index(section) if section in ("global", "install", ":env:") else -1
        if equal and rank >= ranked.get(name, (0, ()))[0]:
            ranked[name] = rank, tuple(str(ast.literal_eval(value)).split())
    return {name: words for name, (_, words) in ranked.items()}


def _run(*arguments: str, given: str = "") -> str:
    environment = handed_on(INSTALLERS)
    certificates = _pip_settings().get("cert") if arguments[0] == "pip" else None
    if certificates:
        environment.setdefault("SSL_CERT_FILE", certificates[0])
    ran = subprocess.run(
        [find_uv_bin(), "--no-progress", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        env=environment,
        check=False,
    )
    if ran.returncode != 0:
        raise UvFailed(ran.stderr.strip()[-2_000:])
    return ran.stdout or ran.stderr  # a plan is told among the messages
