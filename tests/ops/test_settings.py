import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.errors import BadInput
from ops import ports, settings
from ops.settings import Settings


def test_the_home_folder_comes_from_the_option_then_the_environment_then_the_default(tmp_path: Path) -> None:
    assert Settings.load(tmp_path, {"AIBUILDAI_HOME": "/elsewhere"}).home == tmp_path
    assert Settings.load(None, {"AIBUILDAI_HOME": str(tmp_path / "b")}).home == tmp_path / "b"
    assert Settings.load(None, {}).home == Path.home() / ".aibuildai"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("port: 7400\nretention_days: 30\nrun: {candidates: 2}\n")
    found = Settings.load(tmp_path, {"AIBUILDAI_PORT": "7500"})
    assert (found.port, found.retention_days, found.run) == (7500, 30, {"candidates": 2})


@pytest.mark.parametrize(
    ("content", "variables", "names"),
    [
        ("retention: 3", {}, ["settings.yaml", "retention", "retention_days"]),
        ("port: high", {}, ["AIBUILDAI_PORT", "port"]),
        ("- a list", {}, ["settings.yaml", "retention_days: 365"]),
        ("a: [", {}, ["settings.yaml", "YAML"]),
        ("port: 2024-02-30", {}, ["settings.yaml", "YAML", "day"]),
        ("", {"AIBUILDAI_PORT": "70000"}, ["AIBUILDAI_PORT", "65535"]),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, content: str, variables: dict[str, str], names: list[str]) -> None:
    (tmp_path / "settings.yaml").write_text(content)
    with pytest.raises(BadInput) as caught:
        Settings.load(tmp_path, variables)
    assert all(name in str(caught.value) for name in names), str(caught.value)


def test_a_home_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"file/home cannot be written .*AIBUILDAI_HOME"):
        settings.writable(Settings.load(tmp_path / "file" / "home", {}))


def test_a_writable_home_is_made_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    settings.writable(Settings.load(tmp_path / "a" / "b", {}))
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this test listens."""
    with socket.socket() as listener:
        listener.bind((ports.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_was_asked_for_must_be_free(taken: int) -> None:
    with pytest.raises(BadInput, match=rf"port {taken} is not free: .*AIBUILDAI_PORT"):
        ports.choose(taken, 7233, "AIBUILDAI_PORT")


def test_another_port_is_found_where_the_usual_one_is_taken(taken: int) -> None:
    chosen = ports.choose(None, taken, "AIBUILDAI_PORT")
    assert chosen != taken
    assert ports.is_free(chosen)


def test_the_ui_never_gets_the_servers_own_port() -> None:
    free = ports.choose(None, 0, "AIBUILDAI_PORT")
    assert ports.choose(None, free, "AIBUILDAI_UI_PORT", taken=(free,)) != free
    with pytest.raises(BadInput, match="not free"):
        ports.choose(free, 8233, "AIBUILDAI_UI_PORT", taken=(free,))
