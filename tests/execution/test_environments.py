"""Environments are named by their lock, made once, and hold nothing of this project."""

import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest

from activities.errors import NeedsPerson, ToolFailed
from activities.execution import distributions, environments, uv

SMALL = ("joblib", "threadpoolctl>=3")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def made(home: Path) -> Path:
    return environments.base(home, SMALL)


def answer(environment: Path, code: str) -> str:
    ran = subprocess.run([environment / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_it_has_what_was_asked_for_and_nothing_of_this_project(made: Path) -> None:
    assert answer(made, "import joblib; print(joblib.__file__)").startswith(str(made))
    ours = ("activities", "schemas", "workflows", "temporalio", "pydantic")
    assert answer(made, f"import importlib.util as u; print([n for n in {ours} if u.find_spec(n)])") == "[]"
    assert set(distributions.pinned(environments.lock(made))) >= {"joblib", "threadpoolctl"}
    assert str(Path(sys.prefix)) not in (made / "bin").joinpath("activate").read_text()


def test_its_name_is_the_digest_of_its_lock(made: Path) -> None:
    lock = environments.lock(made)
    assert made.name == environments.digest(lock)
    reordered = "# a comment\n" + "\n".join(reversed(lock.splitlines()))
    assert environments.digest(reordered) == made.name
    assert environments.digest(lock.replace("joblib==", "joblib==9")) != made.name


def test_a_second_call_needs_neither_uv_nor_the_network(
    home: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv, "find_uv_bin", lambda: "/nonexistent/uv")
    before = (made / environments.COMPLETE).stat().st_mtime_ns
    assert environments.base(home, SMALL) == made
    assert (made / environments.COMPLETE).stat().st_mtime_ns == before


def test_one_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    made = environments.base(tmp_path, SMALL)
    (made / environments.COMPLETE).unlink()
    (made / "half").touch()
    assert environments.base(tmp_path, SMALL) == made
    assert not (made / "half").exists()
    assert (made / environments.COMPLETE).exists()


def test_what_was_installed_is_on_disk_before_it_counts_as_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[Path, bool, bool]] = []
    real = environments.sync_file_systems

    def noted(folders: Iterable[Path]) -> None:
        [folder] = folders
        compiled = any(distributions.site_packages(folder).glob("joblib/__pycache__/*.pyc"))
        synced.append((folder, compiled, (folder / environments.COMPLETE).exists()))
        real([folder])

    monkeypatch.setattr(environments, "sync_file_systems", noted)
    made = environments.base(tmp_path, SMALL)
    assert synced == [(made, True, False)]


def test_workers_that_ask_at_once_do_not_make_it_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    real = uv.make_environment
    monkeypatch.setattr(uv, "make_environment", lambda folder: (made.append(folder), real(folder)))
    with ThreadPoolExecutor(3) as pool:
        found = set(pool.map(lambda _: environments.base(tmp_path, SMALL), range(3)))
    assert len(found) == len(made) == 1


def test_a_layer_keeps_the_versions_below_it(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = wheel(tmp_path).parent
    monkeypatch.setattr(uv, "sources", lambda: ["--no-index", f"--find-links={wheels}"])
    layer = environments.extend(made, ["tiny_layer>=1"])
    assert layer != made
    assert set(environments.lock(made).splitlines()) < set(environments.lock(layer).splitlines())
    assert answer(layer, "import tiny_layer, joblib; print(tiny_layer.VALUE)") == "7"
    assert environments.extend(made, ["tiny_layer>=1"]) == layer


def wheel(folder: Path, name: str = "tiny_layer", /, **more: str) -> Path:
    """A wheel of one module, written by hand; it needs something that only the environment has."""
    information = f"{name}-1.0.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\nRequires-Dist: joblib\n"
    files = {
        f"{name}.py": "VALUE = 7\n",
        **more,
        f"{information}/METADATA": about,
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{information}/RECORD"))
    path = folder / "wheels" / f"{name}-1.0-py3-none-any.whl"
    path.parent.mkdir(exist_ok=True)
    with ZipFile(path, "w") as archive:
        for name, text in {**files, f"{information}/RECORD": record}.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize(
    ("package", "problem"),
    [
        ("../secret", "is no requirement"),
        ("--index-url=x", "is no requirement"),
        ("x @ file:///etc", "names an address"),
        ("joblib<0.1", "joblib<0.1 cannot be installed: they do not fit"),
    ],
)
def test_what_cannot_be_installed_is_told_to_the_agent(
    made: Path, monkeypatch: pytest.MonkeyPatch, package: str, problem: str
) -> None:
    monkeypatch.setattr(uv, "sources", lambda: ["--no-index"])
    with pytest.raises(ToolFailed, match=problem):
        environments.extend(made, [package])


def test_without_network_a_person_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "sources", lambda: ["--default-index=http://127.0.0.1:9/simple"])
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(NeedsPerson, match="connect to the network, or give pip an index or wheels"):
        environments.base(tmp_path, ["a-package-that-is-not-installed"])


def test_uv_looks_where_pip_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nfind-links = /a\nextra-index-url =\n  file:///b\n  file:///c\n[install]\nfind-links = /d /e\n"
    )
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", "file:///f")
    flags = uv.sources()
    assert [flag for flag in flags if flag.startswith("--find-links")] == ["--find-links=/d", "--find-links=/e"]
    assert {"--default-index=file:///f", "--index=file:///b", "--index=file:///c"} <= set(flags)


def test_nothing_that_a_wheel_brings_runs_outside_the_sandbox(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python runs the `.pth` files of its environment at every start, and installers start Python."""
    marker = tmp_path / "ran"
    code = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    wheels = wheel(tmp_path, "live_layer", **{"live_layer.pth": code}).parent
    wheel(tmp_path, "second_layer")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))  # uv remembers what it asked an interpreter
    monkeypatch.setattr(uv, "sources", lambda: ["--no-index", f"--find-links={wheels}"])
    layer = environments.extend(made, ["live_layer"])
    upper = environments.extend(layer, ["second_layer"])
    assert not marker.exists()
    assert answer(upper, "import second_layer; print(second_layer.VALUE)") == "7"
    assert marker.exists()  # there it is alive
    assert list((distributions.site_packages(upper) / "__pycache__").glob("second_layer.*.pyc"))
    assert not list(made.parent.glob(".*.wheels"))


def test_a_layer_changes_nothing_of_what_was_there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel can hold files for any place of an environment."""
    planted = {"joblib/__init__.py": "raise SystemExit\n", "planting-1.0.data/data/pyvenv.cfg": "home = /\n"}
    planted["planting-1.0.data/scripts/tool"] = "#!python\nimport joblib; print(9)\n"
    wheels = wheel(tmp_path, "planting", **planted).parent
    monkeypatch.setattr(uv, "sources", lambda: ["--no-index", f"--find-links={wheels}"])
    layer = environments.extend(made, ["planting"])
    assert (layer / "pyvenv.cfg").read_text() == (made / "pyvenv.cfg").read_text()
    assert subprocess.run([layer / "bin" / "tool"], capture_output=True, text=True, check=True).stdout == "9\n"


@pytest.mark.slow
def test_the_base_environment_trains(tmp_path: Path) -> None:
    made = environments.base(tmp_path)
    names = "torch, lightgbm, sklearn, pandas, pyarrow, matplotlib, yaml, scipy"
    assert answer(made, f"import {names}; print(torch.ones(2).sum().item())") == "2.0"
    assert distributions.pinned(environments.lock(made))["torch"].startswith("2.13.")
