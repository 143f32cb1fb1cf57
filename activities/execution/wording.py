"""Why a step failed, in words that an agent can act on."""

import signal
from dataclasses import dataclass
from typing import Literal

from activities.execution import diagnosing
from schemas.job import Limits, Step

Reason = Literal["stop", "suspend", "time", "deadline", "memory", "processes", "disk"]
MEMORY_SIGNS = ("MemoryError", "out of memory", "can't allocate memory", "Cannot allocate memory", "std::bad_alloc")
LONGEST_LINE = 300
LONG_SILENCE = 120.0  # seconds, or a fifth of the step's time if that is less: then it is worth a word
IDLE_CORES = 0.05


@dataclass(frozen=True)
class Ending:
    """How a step's process ended, and what the supervisor had done about it."""

    exit_code: int | None
    signal: int | None
    reason: Reason | None  # why it was told to stop, if it was
    peak_memory_mb: float
    peak_processes: int
    disk_mb: float
    seconds: float
    end_of_output: str  # empty for a sealed step
    silent_seconds: float = 0.0  # since its last output
    cores_lately: float | None = None  # how many it used when it was last looked at

    @property
    def orderly(self) -> bool:
        return self.exit_code == 0


def problem(step: Step, limits: Limits, ending: Ending) -> str | None:
    """None if the process ended well: what it left is judged elsewhere."""
    said = _problem(step, limits, ending)
    if said is None or step.sealed:
        return said
    hints = (diagnosing.bad_loss(step), _silence(step, ending) if ending.reason in ("time", "deadline") else None)
    return "; ".join([said, *filter(None, hints)])


def _problem(step: Step, limits: Limits, ending: Ending) -> str | None:
    if ending.reason is not None and not (ending.orderly and ending.reason in ("time", "deadline")):
        return _stopped(step, limits, ending)
    if ending.signal is not None:
        return _crash(limits, ending)
    if ending.exit_code:
        return _failure(limits, ending)
    return None


def note(step: Step, ending: Ending) -> str | None:
    """What a reader should know of a step that ended by itself with all that was expected."""
    notes = {
        "time": f"its time of {_time(step.seconds)} was up, and it stopped in order when it was told to",
        "deadline": "the deadline came, and it stopped in order when it was told to",
    }
    said = [notes.get(ending.reason or ""), None if step.sealed else diagnosing.bad_loss(step)]
    return "; ".join(filter(None, said)) or None


def _silence(step: Step, ending: Ending) -> str | None:
    if ending.silent_seconds < max(min(LONG_SILENCE, step.seconds / 5), 1.0):
        return None
    said = f"it had printed nothing for the last {_time(ending.silent_seconds)}"
    if ending.cores_lately is not None and ending.cores_lately < IDLE_CORES:
        return f"{said}, and used no processor time: it waits for something that does not come"
    return f"{said}, though it was working: let it print how far it is"


def _stopped(step: Step, limits: Limits, ending: Ending) -> str:
    words: dict[Reason, str] = {
        "stop": "it was stopped, as nobody waits for it any more",
        "suspend": "its supervisor was told to end",
        "time": (
            f"time-out: it was still running after {_time(step.seconds)}, and did not end in order when it got SIGTERM"
            " (it should watch its time, save what it has and exit with 0)"
        ),
        "deadline": "the deadline came before it was done; there is no more time for it",
        "memory": (
            f"killed for memory: its processes took {ending.peak_memory_mb:.0f} MB, and {limits.memory_mb} MB is the "
            "limit; read or keep less at a time, use smaller types or batches, or fewer worker processes"
        ),
        "processes": (
            f"killed: it started {ending.peak_processes} processes{_beyond(ending, limits)}, and {limits.processes} is "
            "the limit; use fewer workers"
        ),
        "disk": f"killed: it wrote {ending.disk_mb:.0f} MB to disk, and {limits.disk_mb} MB is the limit; keep less",
    }
    assert ending.reason is not None, "it was told to stop"
    return words[ending.reason]


def _beyond(ending: Ending, limits: Limits) -> str:
    """Where the kernel refused more before they could be counted."""
    return "" if ending.peak_processes > limits.processes else " or more, with very many threads"


def _crash(limits: Limits, ending: Ending) -> str:
    assert ending.signal is not None, "it was killed by a signal"
    name = _signal_name(ending.signal)
    taken = f"after {_time(ending.seconds)}, having used up to {ending.peak_memory_mb:.0f} of {limits.memory_mb} MB"
    if ending.signal == signal.SIGKILL:
        return f"killed from outside ({name}) {taken}; most likely the machine ran out of memory, so use less"
    if ending.signal == signal.SIGXFSZ:
        return f"killed: a file grew over the limit of {limits.disk_mb} MB"
    if ending.signal in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL):
        place = diagnosing.crash_site(ending.end_of_output)
        return f"crashed with {name}{f' {place}' if place else ''} {taken}; native code failed in the call made there"
    return f"ended by {name} {taken}"


def _failure(limits: Limits, ending: Ending) -> str:
    if known := diagnosing.device_memory(ending.end_of_output) or diagnosing.missing_module(ending.end_of_output):
        return f"{known} (exit code {ending.exit_code})"
    if any(sign in ending.end_of_output for sign in MEMORY_SIGNS):
        return (
            f"out of memory (exit code {ending.exit_code}): it took up to {ending.peak_memory_mb:.0f} MB, and "
            f"{limits.memory_mb} MB is the limit: {_last_line(ending.end_of_output)}"
        )
    last = _last_line(ending.end_of_output)
    if ending.exit_code in (126, 127):
        return f"the command could not be run (exit code {ending.exit_code}): {last}"
    return f"exit code {ending.exit_code}: {last}" if last else f"exit code {ending.exit_code}, without output"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:LONGEST_LINE] if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
