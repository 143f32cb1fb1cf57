"""A command becomes a process: its options on a descriptor, its network joined before its code begins."""

import os
import subprocess
from collections.abc import Callable

from activities.execution import processes
from activities.execution.base import Command
from activities.execution.network import Gate


def launch(
    command: Command, *, variables: dict[str, str], prepare: Callable[[], None], say: Callable[[str], None]
) -> subprocess.Popen[bytes]:
    """Its output is a pipe. `prepare` is called in the child before the program begins."""
    gate = Gate() if command.outside else None
    options = (*command.options, *(gate.options if gate else ()))
    number = _written(options)
    passed = (number, *(gate.descriptors if gate else ()))
    program, *rest = command.argv
    try:
        process = subprocess.Popen(
            [program, *(("--args", str(number)) if options else ()), *rest],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=variables,
            preexec_fn=prepare,
            pass_fds=passed if options else (),
        )
    finally:
        os.close(number)
    if gate is not None and (problem := gate.open(processes.end_with_parent)):
        say(problem)
    return process


def _written(words: tuple[str, ...]) -> int:
    number = os.memfd_create("options")
    with open(number, "wb", closefd=False) as file:
        file.write(b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(number, 0, os.SEEK_SET)
    return number
