"""What generated code is confined by on this machine: its sandbox, who keeps its limits, and the network it may get."""

import os
import subprocess
import sys
from collections.abc import Sequence

from activities.execution import cgroups, network, processes, sandbox
from activities.execution.base import Sandbox
from activities.execution.launching import launch
from activities.execution.sandbox import Finding
from ops.checks import Check, ok, warn
from schemas.job import Limits

OWN = "packages and weights are fetched over this machine's own; jobs have none"
LOOPBACK = "this machine's loopback, where Temporal's server listens"


def checks() -> list[Check]:
    findings = sandbox.probe()
    working = next((finding for finding in findings if finding.works), None)
    return [_sandbox(findings, working), limits(working), granted(working)]


def _sandbox(findings: Sequence[Finding], working: Finding | None) -> Check:
    if working is not None:
        return ok("sandbox", f"{working.name} ({working.program})")
    why = "; ".join(f"{finding.program}: {finding.detail}" for finding in findings) or "none is installed"
    return warn(
        "sandbox",
        f"none works here: {why}",
        "mend what is named above; until then playbook runs go on without a sandbox, and say so, and runs with a "
        "language model are refused, unless started with `--sandbox none`",
    )


def limits(working: Finding | None) -> Check:
    """Who keeps a job's memory and processes within bounds, of jobs that are started from where this process is."""
    name = "limits of jobs"
    if working is not None and working.name == "container":
        return ok(name, f"memory and processes are bounded by the kernel, through {working.program}")
    made = cgroups.group(f"doctor-{os.getpid()}", Limits())
    if made is None:
        return warn(
            name,
            "memory and processes are watched by each job's supervisor, which looks some times a second: no control "
            "group can be made from here",
            "the kernel bounds them where a worker may make control groups: as root, or as a systemd service with "
            "Delegate=yes and DelegateSubgroup=, as in ops/deploy",
        )
    made.remove()
    version = 2 if made.memory == made.pids else 1
    return ok(name, f"memory and processes are bounded by the kernel, in control groups (version {version})")


def granted(working: Finding | None) -> Check:
    """What setup fetches over, and what a job is joined to where its task grants it a network."""
    name = "network"
    if working is None:
        detail = f"setup and jobs have this machine's own, with {LOOPBACK}: no sandbox takes it away"
        return warn(name, detail, "see the sandbox above")
    if working.name == "container":
        return ok(name, f"{OWN}, or that of {working.program} where the task grants one")
    if network.joiner() is None:
        return warn(
            name,
            f"{OWN}, or this machine's too where the task grants one, with {LOOPBACK}",
            f"for one that does not reach that, install {network.PROGRAM}",
        )
    if problem := _unjoined(sandbox.choose()):
        return warn(
            name,
            f"{OWN}, even where the task grants one: {problem}",
            f"let {network.PROGRAM} have what it lacks, such as /dev/net/tun",
        )
    return ok(name, f"{OWN}, or one by {network.PROGRAM} where the task grants it, without {LOOPBACK}")


def _unjoined(found: Sandbox) -> str | None:
    """What keeps a job from a network of its own, by a trial."""
    command = found.command(
        sandbox.TRIAL, environment=sys.prefix, variables={}, devices=(), network=True, limits=Limits(), label="doctor"
    )
    said: list[str] = []
    process = launch(command, variables={}, prepare=processes.end_with_parent, say=said.append)
    try:
        process.communicate(timeout=sandbox.TRIAL.seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"a trial took more than {sandbox.TRIAL.seconds:.0f} s"
    return "; ".join(said) or None
