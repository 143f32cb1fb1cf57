"""What `doctor` says of that which confines generated code: the limits' keeper, and the network that jobs may get."""

import shutil
from pathlib import Path

import pytest

from activities.execution import cgroups, network, sandbox
from activities.execution.sandbox import Finding
from ops import confining
from tests.ops.conftest import Shell

CONTAINER = Finding("container", "/usr/bin/docker", True, "works")


@pytest.fixture
def bubblewrap() -> Finding:
    return sandbox.probe()[0]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


async def test_doctor_has_a_line_on_each(shell: Shell) -> None:
    names = [check["name"] for check in (await shell("doctor", "--json")).json]
    assert names[names.index("sandbox") :][:3] == ["sandbox", "limits of jobs", "network"]


def test_where_control_groups_can_be_made_the_kernel_keeps_the_limits(bubblewrap: Finding) -> None:
    if not any(cgroups._places()):
        pytest.skip("no control group can be made here")
    check = confining.limits(bubblewrap)
    assert (check.level, "bounded by the kernel, in control groups (version" in check.detail) == ("ok", True)
    assert not [folder for places in cgroups._places() for place in places for folder in place.glob("*-doctor-*")]


def test_where_none_can_be_made_the_supervisor_watches_and_the_way_to_groups_is_named(
    bubblewrap: Finding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "PROCESS", tmp_path)
    check = confining.limits(bubblewrap)
    assert (check.level, "watched by each job's supervisor" in check.detail) == ("warn", True)
    assert "Delegate=yes" in check.advice


def test_a_container_engine_brings_limits_and_a_network() -> None:
    assert "through /usr/bin/docker" in confining.limits(CONTAINER).detail
    assert "that of /usr/bin/docker where the task grants one" in confining.granted(CONTAINER).detail


@pytest.mark.skipif(network.joiner() is None, reason="slirp4netns is not installed")
def test_a_network_through_slirp4netns_is_tried(bubblewrap: Finding) -> None:
    check = confining.granted(bubblewrap)
    assert check.level == "ok", check
    assert "by slirp4netns where the task grants it, without this machine's loopback" in check.detail


def test_without_slirp4netns_a_granted_network_is_this_machines_and_that_is_said(
    bubblewrap: Finding, programs: Path
) -> None:
    check = confining.granted(bubblewrap)
    assert (check.level, check.advice) == ("warn", "for one that does not reach that, install slirp4netns")
    assert "or this machine's too where the task grants one, with this machine's loopback" in check.detail


def test_a_slirp4netns_that_fails_is_found_out_before_a_job_does(bubblewrap: Finding, programs: Path) -> None:
    program = programs / "slirp4netns"
    program.write_text("#!/bin/sh\necho 'open(\"/dev/net/tun\"): No such file or directory' >&2\nexit 1\n")
    program.chmod(0o755)
    assert shutil.which("slirp4netns") == str(program)
    check = confining.granted(bubblewrap)
    assert check.level == "warn"
    assert 'even where the task grants one: no network could be made: open("/dev/net/tun")' in check.detail


def test_without_a_sandbox_nothing_takes_the_network_away() -> None:
    check = confining.granted(None)
    assert (check.level, "setup and jobs have this machine's own" in check.detail) == ("warn", True)
