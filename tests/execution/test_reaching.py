"""What generated code cannot reach: the network, this machine's services and processes, its devices, the kernel."""

import ast
import json
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.execution.conftest import Bench, told

REACHES = """
import json, socket, sys
address = tuple(json.loads(sys.argv[1]))
try:
    socket.create_connection(address, timeout=2).sendall(b'x')
    print('reached')
except OSError as error:
    print('unreachable', error.strerror)
"""


@pytest.fixture
def listening() -> Iterator[list[str | int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield list(server.getsockname())


@pytest.fixture
def reachable() -> Iterator[list[str | int]]:
    """A service of this machine that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        try:
            found.connect(("192.0.2.1", 9))  # nothing is sent: it says by which address this host goes out
        except OSError:
            pytest.skip("this host has no network to be granted")
        address = found.getsockname()[0]
    with socket.create_server((address, 0)) as server:
        yield list(server.getsockname())


async def test_the_network_is_there_only_where_it_is_granted(bench: Bench, reachable: list[str | int]) -> None:
    step = bench.step(REACHES, argv=("python", "train.py", json.dumps(reachable)))
    for network, said in ((False, "unreachable"), (True, "reached")):
        assert (await bench.run(step, id=f"tuner.1.{network:d}.j1", network=network)).phase == "done"
        assert bench.jobs.log(f"tuner.1.{network:d}.j1").startswith(said)


@pytest.mark.skipif(shutil.which("slirp4netns") is None, reason="without it, a granted network is the host's own")
@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.2.2"])
async def test_what_listens_on_the_hosts_loopback_is_not_reached_even_then(
    bench: Bench, listening: list[str | int], host: str
) -> None:
    step = bench.step(REACHES, argv=("python", "train.py", json.dumps([host, listening[1]])))
    assert (await bench.run(step, network=True)).phase == "done"
    assert bench.jobs.log("tuner.1.1.j1").startswith("unreachable")


@contextmanager
def unix_server(address: str) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        yield


@pytest.mark.parametrize(
    "network", [False, pytest.param(True, marks=pytest.mark.skipif(not shutil.which("slirp4netns"), reason="shared"))]
)
@pytest.mark.parametrize("kind", ["file", "abstract"])
async def test_no_socket_of_this_machine_is_reached(bench: Bench, kind: str, network: bool) -> None:
    address = f"\0aibuildai-{os.getpid()}" if kind == "abstract" else str(bench.root / "service.sock")
    code = (
        "import json, socket, sys\ntry:\n    socket.socket(socket.AF_UNIX).connect(json.loads(sys.argv[1]))\n"
        "    print('reached')\nexcept OSError as error:\n    print(type(error).__name__)\n"
    )
    with unix_server(address):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address)
        said = await told(bench, code, network=network, argument=json.dumps(address))
    assert said in ("FileNotFoundError\n", "ConnectionRefusedError\n")


async def test_it_signals_nobody_else(bench: Bench) -> None:
    """Not by number, and not everyone at once."""
    code = (
        "import os, signal, sys\ntry:\n    os.kill(int(sys.argv[1]), signal.SIGTERM)\n    print('signalled')\n"
        "except ProcessLookupError:\n    print('no such process')\nsys.stdout.flush()\n"
        "try:\n    os.kill(-1, signal.SIGKILL)\nexcept ProcessLookupError:\n    print('alone')\n"
    )
    assert await told(bench, code, argument=str(os.getpid())) == "no such process\nalone\n"


@pytest.mark.parametrize(
    "act",
    [
        "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "libc.mount(b'none', b'/out', b'proc', 0, None)",
        "libc.umount2(b'/repository', 2)",
        "libc.unshare(0x10000000)",
        "libc.unshare(0x00020000)",
        "libc.chroot(b'/tmp')",
        "libc.sethostname(b'x', 1)",
        "libc.mknod(b'/out/disk', 0o60600, 0x0800)",
        "libc.setuid(0)",
        "libc.reboot(0x1234567)",
    ],
)
async def test_it_has_no_power_over_the_system(bench: Bench, act: str) -> None:
    code = (
        f"import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nprint({act}, os.strerror(ctypes.get_errno()))\n"
    )
    said = await told(bench, code)
    assert said.startswith("-1 "), said


KERNEL = """
import os, stat, sys
tried, opened = 0, []
for root in ('/proc', '/sys'):
    for folder, _, files in os.walk(root):
        for path in (os.path.join(folder, name) for name in files):
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    tried += 1
                    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                    opened.append(path)
            except OSError:
                pass
print(tried, opened)
"""


async def test_no_setting_of_the_kernel_can_be_written(bench: Bench) -> None:
    """Root's own are in reach of file modes where a worker is root; core_pattern names what root runs, outside."""
    tried, opened = (await told(bench, KERNEL)).split(maxsplit=1)
    assert int(tried) > 500
    assert ast.literal_eval(opened) == []


async def test_nothing_of_the_kernel_is_read_that_only_root_may_read(bench: Bench) -> None:
    closed = [
        file.name for file in Path("/proc").iterdir() if file.is_file() and not file.stat().st_mode & stat.S_IROTH
    ]
    code = (
        "import json, sys\nread = []\nfor name in json.loads(sys.argv[1]):\n    try:\n"
        "        open('/proc/' + name, 'rb').close()\n        read.append(name)\n    except OSError:\n        pass\n"
        "print(read)\n"
    )
    assert closed
    assert await told(bench, code, argument=json.dumps([*closed, "keys"])) == "[]\n"


async def test_of_devices_it_sees_those_that_every_program_needs(bench: Bench) -> None:
    """None of this machine's disks, memory or other devices, and no GPU that was not leased."""
    said = await told(bench, "import os\nprint(sorted(os.listdir('/dev')))\n")
    usual = {"console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "tty", "urandom", "zero"}
    assert set(ast.literal_eval(said)) <= usual | {"stdin", "stdout", "stderr"}
