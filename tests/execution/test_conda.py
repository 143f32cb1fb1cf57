"""The user's conda, by its documented command line: here an executable that keeps to it, as there is no channel."""

import json
import sys
from pathlib import Path

import pytest

from activities.errors import ToolFailed
from activities.execution import conda, distributions, environments, uv
from tests.execution import fake_conda
from tests.execution.test_environments import answer, wheel


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environments.base(tmp_path_factory.mktemp("home"), ("joblib",))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "miniconda"
    folder.mkdir()
    path = folder / "conda"
    path.write_text(Path(fake_conda.__file__).read_text().replace("/usr/bin/env python3", sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("CONDA_EXE", str(path))
    for name in ("ANTHROPIC_API_KEY", "HF_TOKEN", "CONDA_TOKEN"):
        monkeypatch.setenv(name, "a secret")
    return path


def told(program: Path) -> list[list[str]]:
    return [json.loads(line) for line in (program.parent / "told.jsonl").read_text().splitlines()]


def test_an_environment_of_conda_has_the_wheels_on_top(base: Path, program: Path) -> None:
    made = environments.extend_by_conda(base, ["tinyconda>=1"])
    assert answer(made, "import tinyconda, joblib; print(tinyconda.VALUE)") == "from conda"
    assert answer(made, "import joblib; print(joblib.__file__)").startswith(str(made))
    lock = environments.lock(made)
    assert made.name == environments.digest(lock)
    assert conda.explicit(lock) == (fake_conda.url("python"), fake_conda.url("tinyconda"))
    assert distributions.pinned(lock).keys() == distributions.pinned(environments.lock(base)).keys() | {"tinyconda"}
    assert environments.digest(lock.replace("py_0", "py_1")) != made.name
    assert not [path for path in made.parent.iterdir() if path.name.startswith(".")]


def test_a_second_call_needs_no_conda(base: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = environments.extend_by_conda(base, ["tinyconda"], "bio")
    asked = [words for words in told(program) if words[0] == "create" and "--prefix" in words and "--file" not in words]
    assert all(words[5:8] == ["--override-channels", "--channel", "bio"] for words in asked)
    monkeypatch.delenv("CONDA_EXE")
    monkeypatch.setenv("PATH", "/nowhere")
    assert conda.found() is None
    assert environments.extend_by_conda(base, ["tinyconda"], "bio") == made


def test_a_layer_of_wheels_keeps_what_conda_put_there(
    base: Path, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv, "sources", lambda: ["--no-index", f"--find-links={wheel(tmp_path, 'on_conda').parent}"])
    made = environments.extend(environments.extend_by_conda(base, ["tinyconda"]), ["on_conda"])
    assert answer(made, "import tinyconda, on_conda; print(tinyconda.VALUE)") == "from conda"
    again = environments.extend_by_conda(made, ["tinyconda"])
    assert answer(again, "import tinyconda, on_conda; print(on_conda.VALUE)") == "7"
    exact = [words for words in told(program) if "tinyconda=2.0=py_0" in words and "--dry-run" in words]
    assert len(exact) == 1


@pytest.mark.parametrize(
    ("package", "channel", "problem"),
    [
        ("tinyconda", "somebody", "'somebody' is none of the user's channels, which are forge, bio"),
        ("--file=/etc/passwd", "", "is no package such as"),
        ("https://host/x.conda", "", "is no package such as"),
        ("unknown", "", "PackagesNotFoundError: .* unknown"),
    ],
)
def test_what_conda_cannot_do_is_told_to_the_agent(
    base: Path, program: Path, package: str, channel: str, problem: str
) -> None:
    with pytest.raises(ToolFailed, match=problem):
        environments.extend_by_conda(base, [package], channel)
    assert not list(base.parent.glob(".conda-*"))


def test_a_package_whose_script_would_run_outside_the_sandbox_is_refused_by_name(base: Path, program: Path) -> None:
    with pytest.raises(ToolFailed, match=r"scripted-1.0-0 has a script .*bin/.scripted-post-link.sh"):
        environments.extend_by_conda(base, ["scripted"])
    assert not (program.parent / "ran").exists()
    assert not list(base.parent.glob(".conda-*"))


def test_a_package_that_is_not_the_one_of_the_lock_is_not_taken(base: Path, program: Path, tmp_path: Path) -> None:
    """What conda has under that name may be another's by now."""
    url = fake_conda.url("tinyconda")
    conda.create(tmp_path / "made", [fake_conda.url("python"), url])
    record = program.parent / "pkgs" / fake_conda.folder("tinyconda") / conda.RECORD
    record.write_text(json.dumps({"url": url.partition("#")[0], "md5": "another"}))
    with pytest.raises(conda.CondaFailed, match=r"tinyconda-2.0-py_0 was downloaded, but is in none"):
        conda.create(tmp_path / "made", [fake_conda.url("python"), url])


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("sys.exit('The following argument was not expected: --show')", "was not expected: --show"),
        ("print('channels:')", "conda config gave no JSON, but 'channels:"),
    ],
)
def test_one_that_cannot_tell_its_channels_is_asked_only_where_one_is_named(
    program: Path, tmp_path: Path, says: str, told: str
) -> None:
    """As micromamba."""
    text = program.read_text()
    shows = 'print(json.dumps({"channels": ["forge", "bio"]}))'
    assert shows in text
    program.write_text(text.replace(shows, says))
    with conda.drafted(tmp_path, (), ["tinyconda"], "") as (urls, _):
        assert fake_conda.url("tinyconda") in urls
    with pytest.raises(conda.CondaFailed, match=told), conda.drafted(tmp_path, (), ["tinyconda"], "bio"):
        pass


def test_packages_that_are_nowhere_to_be_found_are_named(program: Path, tmp_path: Path) -> None:
    text = program.read_text()
    assert text.count('"pkgs_dirs"') == 1
    program.write_text(text.replace('"pkgs_dirs"', '"package cache"'))
    with (
        pytest.raises(conda.CondaFailed, match=r"was downloaded, but is in none"),
        conda.drafted(tmp_path, (), ["tinyconda"], ""),
    ):
        pass


def test_without_conda_the_agent_is_told_so(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONDA_EXE", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolFailed, match="there is no conda here: install what you need by uv"):
        environments.extend_by_conda(base, ["another"])


def test_the_first_of_several_is_taken(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONDA_EXE")
    micromamba = tmp_path / "bin" / "micromamba"
    micromamba.parent.mkdir()
    micromamba.symlink_to(program)
    monkeypatch.setenv("PATH", str(micromamba.parent))
    assert conda.found() == str(micromamba)
    assert conda.channels() == ("forge", "bio")
