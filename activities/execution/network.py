"""A network for code that was granted one: its own, joined to the outside by slirp4netns.

It reaches what this host reaches, except the host's own loopback, where the Temporal server and other services listen.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from activities.handing import handed_on

PROGRAM = "slirp4netns"
RESOLVER = Path(__file__).parent / "etc" / "network" / "resolv.conf.txt"
CONFINED = ("--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", "--enable-seccomp")
PATIENCE = 20.0
LOOK = 0.005  # seconds
NS_GET_USERNS = 0xB701


def joiner() -> str | None:
    """The program, if it is installed."""
    return shutil.which(PROGRAM)


class Gate:
    """Holds bubblewrap's child back until its network is there."""

    def __init__(self) -> None:
        self._told, self._tell = os.pipe()  # bubblewrap tells which process has the namespaces
        self._waits, self._go = os.pipe()  # and waits for a byte
        self.descriptors = (self._tell, self._waits)
        self.options = ("--info-fd", str(self._tell), "--block-fd", str(self._waits))

    def open(self, prepare: Callable[[], None]) -> str | None:
        """Joins the network and lets the code begin. What is wrong, if it goes without."""
        for number in self.descriptors:
            os.close(number)
        try:
            return _join(_child(self._told), prepare)
        finally:
            os.close(self._told)
            with suppress(BrokenPipeError):  # bubblewrap has failed, and says why itself
                os.write(self._go, b"x")
            os.close(self._go)


def _child(told: int) -> int | None:
    text = b""
    while select.select([told], [], [], PATIENCE)[0] and (data := os.read(told, 4_096)):
        text += data
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        return None  # it failed, and says why itself


def _join(pid: int | None, prepare: Callable[[], None]) -> str | None:
    program = joiner()
    if pid is None or program is None:
        return "no network could be made"
    _await_loopback(pid)
    number = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    owner = fcntl.ioctl(number, NS_GET_USERNS)
    try:
        return _run(program, _place(number, owner), prepare)
    finally:
        os.close(number)
        os.close(owner)


def _await_loopback(pid: int) -> None:
    """Bubblewrap makes it, and fails if it is there already: what joins makes it too."""
    until = time.monotonic() + PATIENCE
    with suppress(OSError):  # it has ended
        while b"127.0.0.1" not in Path(f"/proc/{pid}/net/fib_trie").read_bytes() and time.monotonic() < until:
            time.sleep(LOOK)


def _place(number: int, owner: int) -> tuple[str, ...]:
    """The network, and the user namespace that it belongs to: the code itself may be in one further in."""
    ours = os.path.samestat(os.fstat(owner), Path("/proc/self/ns/user").stat())
    files = f"/proc/{os.getpid()}/fd"
    return (*(() if ours else (f"--userns-path={files}/{owner}",)), "--netns-type=path", f"{files}/{number}")


def _run(program: str, place: tuple[str, ...], prepare: Callable[[], None]) -> str | None:
    ready, tell = os.pipe()
    try:
        process = subprocess.Popen(
            [program, *CONFINED, "--ready-fd", str(tell), *place, "tap0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=handed_on(),
            pass_fds=(tell,),
            preexec_fn=prepare,
        )
    finally:
        os.close(tell)
    try:
        if select.select([ready], [], [], PATIENCE)[0] and os.read(ready, 1):
            return None
    finally:
        os.close(ready)
    process.kill()
    _, said = process.communicate()
    return f"no network could be made: {said.decode(errors='replace').strip()[-300:]}"
