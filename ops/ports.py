"""Which ports the embedded server listens on."""

import socket

import psutil

from activities.errors import BadInput

HOST = "127.0.0.1"
SERVER, UI = 7_233, 8_233


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # as the server does, so that a port which only waits for old packets counts as free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def listens(pid: int, port: int) -> bool:
    """True if it is this process that listens there."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr and one.laddr[1] == port for one in connections)


def choose(asked: int | None, usual: int, variable: str, taken: tuple[int, ...] = ()) -> int:
    """The port that was asked for, which must be free; else the usual one if free, else any free one."""
    if asked is not None:
        if asked in taken or not is_free(asked):
            raise BadInput(f"port {asked} is not free: stop what listens there, or set {variable} to another port")
        return asked
    if usual not in taken and is_free(usual):
        return usual
    for _ in range(20):
        port = _any()
        if port not in taken:
            return port
    raise BadInput(f"no free port was found on {HOST}: set {variable} to one")


def _any() -> int:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, 0))
        except OSError as error:
            raise BadInput(f"no port can be opened on {HOST} ({error.strerror})") from error
        return int(probe.getsockname()[1])
