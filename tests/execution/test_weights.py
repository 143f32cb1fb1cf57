"""Pretrained weights: fetched once for all runs, whole, as the hub says they are, and never changed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from activities.errors import ToolFailed
from activities.execution import weights
from activities.execution.hub import Unreached
from activities.execution.weights import Wanted, fetch
from activities.workspace import pretrained
from schemas.job import Mount, Step
from tests.hub.fixtures import hub
from tests.hub.server import LoopbackHub

__all__ = ["hub"]

NAME = "org/tiny"
TENSORS = bytes(range(256)) * 4_000  # a megabyte
FILES = {"config.json": b'{"width": 4}', "model.safetensors": TENSORS, "nested/vocab.txt": b"a b c"}
FETCH = """
import asyncio, sys
from pathlib import Path
from activities.execution.weights import Wanted, fetch
asyncio.run(fetch(Path(sys.argv[1]), Wanted(sys.argv[2]), lambda words: print(words, flush=True)))
"""


async def test_a_set_is_named_by_the_digest_of_its_files(hub: LoopbackHub, tmp_path: Path) -> None:
    commit = hub.share(NAME, FILES)
    fetched = await fetch(tmp_path, Wanted(NAME))
    lines = "".join(f"{sha256(data).hexdigest()}  {path}\n" for path, data in sorted(FILES.items()))
    assert fetched.weights.digest == sha256(lines.encode()).hexdigest()
    assert (fetched.weights.revision, fetched.weights.files) == (commit, 3)
    assert fetched.weights.size == sum(map(len, FILES.values()))
    assert fetched.license == "apache-2.0"
    folder = weights.files_of(tmp_path, fetched)
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == FILES
    assert not any(path.stat().st_mode & 0o222 for path in folder.rglob("*") if path.is_file())
    assert weights.at_hand(tmp_path) == (f"{NAME}@{commit}",)


async def test_what_is_at_hand_is_not_fetched_again(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share(NAME, FILES)
    first = await fetch(tmp_path, Wanted(NAME))
    hub.asked.clear()
    assert await fetch(tmp_path, Wanted(NAME)) == first
    assert await fetch(tmp_path, Wanted(NAME, first.weights.revision)) == first
    assert hub.downloads() == []


async def test_a_branch_that_moved_is_another_set_and_a_commit_stays(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share(NAME, FILES)
    old = await fetch(tmp_path, Wanted(NAME))
    hub.share(NAME, {**FILES, "config.json": b"{}"})
    new = await fetch(tmp_path, Wanted(NAME))
    assert new.weights.digest != old.weights.digest
    assert await fetch(tmp_path, Wanted.of(f"{NAME}@{old.weights.revision}")) == old


async def test_two_that_ask_at_once_share_one_download(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share(NAME, FILES)
    first, second = await asyncio.gather(fetch(tmp_path, Wanted(NAME)), fetch(tmp_path, Wanted(NAME)))
    assert first == second
    assert len([one for one in hub.downloads() if one.content_network]) == 1


async def test_a_stream_that_breaks_off_goes_on_where_it_was(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share(NAME, {"model.safetensors": TENSORS})
    hub.cut = [300_000, 200_000]
    hub.busy = 1
    said: list[str] = []
    fetched = await fetch(tmp_path, Wanted(NAME), said.append)
    assert [one.start for one in hub.downloads() if one.content_network] == [None, 300_000, 500_000]
    assert weights.files_of(tmp_path, fetched).joinpath("model.safetensors").read_bytes() == TENSORS
    assert said[-1] == "fetches org/tiny, 1.0 MB of 1.0 MB"


async def test_a_hub_that_knows_no_ranges_sends_it_anew(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share(NAME, {"model.safetensors": TENSORS})
    hub.cut, hub.ignores_ranges = [300_000], True
    fetched = await fetch(tmp_path, Wanted(NAME))
    assert weights.files_of(tmp_path, fetched).joinpath("model.safetensors").read_bytes() == TENSORS


async def until(lines: asyncio.StreamReader, words: bytes) -> AsyncIterator[bytes]:
    async for line in lines:
        yield line
        if words in line:
            return


async def test_a_killed_fetch_is_taken_up_where_it_was(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share(NAME, {"model.safetensors": TENSORS})
    hub.cut, hub.stalls = [600_000], True
    words = (sys.executable, "-c", FETCH, str(tmp_path), NAME)
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert [line async for line in until(process.stdout, b"0.6 MB of 1.0 MB")]
    process.kill()
    await process.wait()
    [part] = (tmp_path / "weights" / "drafts").glob("*/parts/*")
    size = part.stat().st_size
    hub.asked.clear()
    fetched = await fetch(tmp_path, Wanted(NAME))
    assert size > 0
    assert [one.start for one in hub.downloads() if one.content_network] == [size]
    assert weights.files_of(tmp_path, fetched).joinpath("model.safetensors").read_bytes() == TENSORS
    assert not list((tmp_path / "weights" / "drafts").glob("*/"))


async def test_without_a_hub_what_was_fetched_before_serves(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.share(NAME, FILES)
    before = await fetch(tmp_path, Wanted(NAME))
    hub.busy = 1_000
    again = await fetch(tmp_path, Wanted(NAME))
    assert again.weights == before.weights
    assert again.note == "no hub can be reached, so this is what was fetched before"
    assert (await fetch(tmp_path, Wanted.of(weights.at_hand(tmp_path)[0]))).weights == before.weights
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unreached, match=r"http://127.0.0.1:9 cannot be reached .* go on without pretrained weights"):
        await fetch(tmp_path, Wanted("org/another"))


async def test_the_token_opens_gated_models_and_goes_to_no_other_host(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.share(NAME, FILES, gated=True)
    with pytest.raises(ToolFailed, match=r"org/tiny is gated: a person must accept its terms .* HF_TOKEN"):
        await fetch(tmp_path, Wanted(NAME))
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.asked.clear()
    await fetch(tmp_path, Wanted(NAME))
    assert {one.token for one in hub.asked if one.content_network} == {""}
    assert {one.token for one in hub.asked if not one.content_network} == {hub.token}
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(hub.token.encode() in text for text in kept)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ToolFailed, match="does not know the token in HF_TOKEN"):
        await fetch(tmp_path, Wanted(NAME))


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted("org/none"), "there is no model org/none at .*, or it is private"),
        (Wanted(NAME, "v9"), "org/tiny at .* has no v9: check revision"),
        (Wanted(NAME, files=("*.gguf",)), r"no file of org/tiny fits \*.gguf; it holds config.json"),
        (Wanted("../secret"), "is no model's name on a hub"),
        (Wanted("org/tiny?x=1"), "is no model's name on a hub"),
        (Wanted(NAME, "main?x"), "is no branch, tag or commit"),
        (Wanted("org/climbs"), r"a file named '../../escape', which would lie outside"),
        (Wanted("org/altered"), "data.json of org/altered is not what its digest on the hub says"),
    ],
)
async def test_what_cannot_be_fetched_is_told_to_the_agent(
    hub: LoopbackHub, tmp_path: Path, wanted: Wanted, problem: str
) -> None:
    hub.share(NAME, FILES)
    hub.share("org/climbs", {"../../escape": b"x"})
    hub.share("org/altered", {"data.json": b"{}"})
    hub.altered = {"data.json"}
    with pytest.raises(ToolFailed, match=problem):
        await fetch(tmp_path / "home", wanted)
    assert not (tmp_path / "escape").exists()
    assert weights.at_hand(tmp_path / "home") == ()


async def test_what_does_not_fit_on_the_disk_is_not_begun(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.share(NAME, FILES)
    monkeypatch.setattr(weights, "KEPT_FREE", 1 << 62)
    with pytest.raises(ToolFailed, match=r"needs 1.0 MB of disk, and 0.0 MB can be .* model.safetensors \(1.0 MB"):
        await fetch(tmp_path, Wanted(NAME))
    assert hub.downloads() == []


async def test_a_file_that_plain_http_does_not_carry_is_not_begun(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.share(NAME, FILES)
    monkeypatch.setattr(weights, "LARGEST", 1_000_000)
    with pytest.raises(ToolFailed, match=r"files over 1.0 MB, which cannot be fetched \(model.safetensors\)"):
        await fetch(tmp_path, Wanted(NAME))
    assert hub.downloads() == []
    assert (await fetch(tmp_path, Wanted(NAME, files=("*.json",)))).weights.files == 1


@pytest.mark.parametrize(
    ("there", "patterns", "kept"),
    [
        (("m.safetensors", "m.bin", "tf.h5", ".gitattributes", "onnx/m.onnx"), (), {"m.safetensors"}),
        (("pytorch_model.bin", "tf.h5", "config.json"), (), {"pytorch_model.bin", "config.json"}),
        (("m.gguf",), (), {"m.gguf"}),
        (("m.safetensors", "m.bin", "a/config.json"), ("*.bin", "config.json"), {"m.bin", "a/config.json"}),
    ],
)
async def test_one_format_of_the_same_weights_is_enough(
    hub: LoopbackHub, tmp_path: Path, there: tuple[str, ...], patterns: tuple[str, ...], kept: set[str]
) -> None:
    hub.share(NAME, dict.fromkeys(there, b"x"))
    fetched = await fetch(tmp_path, Wanted(NAME, files=patterns))
    assert {file.path for file in fetched.files} == kept
    assert ("load them in jobs only" in fetched.note) == any(path.endswith(".bin") for path in kept)


async def test_a_run_has_links_and_a_name_once_taken_stays_what_it_was(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.share(NAME, FILES)
    run = tmp_path / "run" / "weights"
    first = pretrained.link(tmp_path, await fetch(tmp_path, Wanted(NAME)), run)
    assert pretrained.link(tmp_path, first, run) == first
    hub.share(NAME, {**FILES, "config.json": b"{}"})
    second = pretrained.link(tmp_path, await fetch(tmp_path, Wanted(NAME)), run)

    assert first.path == "/weights/org--tiny"
    assert second.path == f"/weights/org--tiny--{second.weights.digest[:12]}"
    config = run / "org--tiny" / "config.json"
    assert config.read_bytes() == FILES["config.json"]
    assert config.samefile(weights.files_of(tmp_path, first) / "config.json")
    assert pretrained.of_run(run) == (first, second)


async def test_a_step_sees_weights_where_the_run_has_any(hub: LoopbackHub, tmp_path: Path) -> None:
    run, step = tmp_path / "weights", Step(name="train", argv=("true",), mounts=(), workdir="/", seconds=1)
    assert pretrained.shown(step, run) == step
    hub.share(NAME, FILES)
    pretrained.link(tmp_path, await fetch(tmp_path, Wanted(NAME)), run)
    seen = pretrained.shown(step, run)
    assert seen.mounts == (Mount(source=str(run), target="/weights"),)
    assert seen.environment == {"WEIGHTS": "/weights", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
