"""What every sandbox shows of the host: system folders, the environment with its interpreter, a few variables."""

import os
from collections.abc import Iterator
from pathlib import Path

from activities.execution.network import RESOLVER
from schemas.job import Limits, Step

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
CONFIGURATION = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "timezone",
    "alternatives",
    "fonts",
    "mime.types",
)
FOR_NETWORK = ("ssl", "pki", "ca-certificates", "services", "protocols", "gai.conf")
TOPOLOGY = ("/sys/devices/system/cpu", "/sys/devices/system/node")
OWN = Path(__file__).parent / "etc"
HOSTNAME = "sandbox"
USER = 1000


def interpreter(environment: str) -> str:
    return f"{environment}/bin/python"


def placed(environment: str, step: Step) -> str:
    """Where the step sees its environment: at its path on the host, unless one of the step's mounts would hide that."""
    return "/environment" if _hidden(environment, step) else environment


def obstacle(environment: str, step: Step) -> str | None:
    """What keeps the step from running in any sandbox, in words for a person."""
    for prefix in prefixes(environment):
        if _hidden(prefix, step):
            top = f"/{Path(prefix).parts[1]}"
            return f"the Python at {prefix} cannot be shown in the sandbox, where {top} is taken: use another one"
    for private in (str(Path(environment).parent), *(mount.source for mount in step.mounts)):
        if shown := shown_with(private, environment):
            return (
                f"{private} lies below {shown}, which is shown to generated code as a whole, with other runs and "
                "withheld labels in it: keep the home folder and runs elsewhere"
            )
    return None


def shown_with(private: str, environment: str) -> str | None:
    """The folder shown for its own sake that a private one lies below, by whatever names."""
    folders = [folder for folder in (*SYSTEM, *prefixes(environment)) if Path(folder).is_dir()]
    return next((one for one in folders if Path(os.path.realpath(private)).is_relative_to(os.path.realpath(one))), None)


def _hidden(path: str, step: Step) -> bool:
    return any(Path(path).is_relative_to(mount.target) for mount in step.mounts)


def argv(step: Step, environment: str) -> list[str]:
    """The step's words, with the environment's interpreter for `python`."""
    first = interpreter(environment) if step.argv[0] in ("python", "python3") else step.argv[0]
    return [first, *step.argv[1:]]


def variables(step: Step, environment: str, given: dict[str, str], *, temporary: str = "/tmp") -> dict[str, str]:  # noqa: S108 - in the sandbox
    """The whole environment of a step: nothing of the host's is passed on."""
    return {
        "PATH": f"{environment}/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": environment,
        "HOME": temporary,
        "TMPDIR": temporary,
        "XDG_CACHE_HOME": f"{temporary}/.cache",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "USER": "candidate",
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONFAULTHANDLER": "1",  # a crash in native code says where Python was
        **given,
        **step.environment,
    }


def readable(environment: str, inside: str, *, network: bool, outside: bool = False) -> Iterator[tuple[str, str]]:
    """Host path, and path in the sandbox, of all that is there to read besides the step's mounts.

    `inside` is where the environment is seen; `outside` says that the network is one of its own, with its resolver.
    System folders that are links are left to the caller.
    """
    for folder in SYSTEM:
        if Path(folder).is_dir() and not Path(folder).is_symlink():
            yield folder, folder
    for name in (*CONFIGURATION, *(FOR_NETWORK if network else ())):
        if Path("/etc", name).exists():
            yield os.path.realpath(f"/etc/{name}"), f"/etc/{name}"
    if network and (outside or Path("/etc/resolv.conf").exists()):
        yield str(RESOLVER) if outside else os.path.realpath("/etc/resolv.conf"), "/etc/resolv.conf"
    for file in sorted(OWN.glob("*.txt")):
        yield str(file), f"/etc/{'nsswitch.conf' if file.stem == 'nsswitch' else file.stem}"
    for path in TOPOLOGY:
        if Path(path).is_dir():
            yield path, path
    for path in prefixes(environment):
        yield os.path.realpath(path), path
    yield os.path.realpath(environment), inside


def links() -> Iterator[tuple[str, str]]:
    """Target and place of the system folders that are links, as /bin mostly is."""
    for folder in SYSTEM:
        if Path(folder).is_symlink():
            yield str(Path(folder).readlink()), folder


def prefixes(environment: str) -> list[str]:
    """Where the interpreter behind an environment is installed, by each name on the way to it; none if in /usr."""
    found: list[str] = []
    path = Path(interpreter(environment))
    for _ in range(16):  # links to links, until the real file
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
        found += _shown(path.parent.parent, environment)
    real = Path(os.path.realpath(path))
    return sorted({*found, *_shown(real.parent.parent, environment)})  # outer folders first, so that none hides another


def _shown(prefix: Path, environment: str) -> list[str]:
    if str(prefix) == environment or any(prefix.is_relative_to(folder) for folder in (*SYSTEM[:1], *SYSTEM[-2:])):
        return []
    if prefix == Path("/") or Path.home().is_relative_to(prefix):  # an interpreter in ~/bin must not show the home
        return [str(prefix / name) for name in ("bin", "lib") if prefix != Path("/") and (prefix / name).is_dir()]
    return [str(prefix)]


def temporary_mb(limits: Limits) -> int:
    """Size of each of /tmp and /dev/shm, which live in memory."""
    return max(limits.memory_mb // 4, 64)
