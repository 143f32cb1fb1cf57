"""What went wrong is told in words that an agent can act on."""

import json
import re
from pathlib import Path

import pytest

from activities.execution.wording import Ending, note, problem
from schemas.job import Limits, Mount, Step
from tests.execution.conftest import Bench

NEW_TORCH = (
    'Traceback (most recent call last):\n  File "/repository/train.py", line 9, in <module>\n'
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 22.50 GiB. "
    "GPU 0 has a total capacity of 79.10 GiB of which 11.06 MiB is free. "
    "Including non-PyTorch memory, this process has 60.60 GiB memory in use. Of the allocated memory 58.90 GiB is "
    "allocated by PyTorch, and 194.87 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory "
    "is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.\n"
)
OLD_TORCH = (
    "RuntimeError: CUDA out of memory. Tried to allocate 264.00 MiB (GPU 0; 2.00 GiB total capacity; 788.51 MiB "
    "already allocated; 145.93 MiB free; 1.02 GiB reserved in total by PyTorch)\n"
)


def step(out: Path, **more: object) -> Step:
    mount = Mount(source=str(out), target="/out", writable=True)
    given = {
        "name": "train",
        "argv": ("python", "train.py"),
        "mounts": (mount,),
        "workdir": "/repository",
        "seconds": 1_200.0,
    }
    return Step.model_validate({**given, **more})


def ending(**more: object) -> Ending:
    usual = {"exit_code": 1, "signal": None, "reason": None, "peak_memory_mb": 900.0, "peak_processes": 3}
    return Ending(**{**usual, "disk_mb": 1.0, "seconds": 60.0, "end_of_output": "", **more})  # type: ignore[arg-type]


def said(out: Path, text: str = "", **more: object) -> str:
    return str(problem(step(out), Limits(), ending(end_of_output=text, **more)))


def test_out_of_memory_on_the_device_comes_with_its_sizes(tmp_path: Path) -> None:
    words = said(tmp_path, NEW_TORCH)
    assert words.startswith(
        "out of memory on the device: it asked for 22.50 GiB more "
        "(it has 79.10 GiB, free were 11.06 MiB, this code held 60.60 GiB); use a smaller batch"
    )
    words = said(tmp_path, OLD_TORCH)
    assert "asked for 264.00 MiB more (it has 2.00 GiB, free were 145.93 MiB, this code held 788.51 MiB)" in words


@pytest.mark.parametrize(
    "text", ["RuntimeError: CUDA error: out of memory", "RuntimeError: cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED"]
)
def test_without_sizes_it_is_still_told_apart_from_the_machines_memory(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text).startswith("out of memory on the device, which did not say how much it lacked")
    assert said(tmp_path, "MemoryError").startswith("out of memory (exit code 1): it took up to 900 MB")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ModuleNotFoundError: No module named 'xgboost'", "there is no module 'xgboost'"),
        ("ModuleNotFoundError: No module named 'timm.layers'", "there is no module 'timm.layers'"),
        ("ImportError: libGL.so.1: cannot open shared object file: No such file", "the library libGL.so.1 is not in"),
    ],
)
def test_a_package_that_is_missing_is_named(tmp_path: Path, line: str, words: str) -> None:
    assert said(tmp_path, f"Traceback (most recent call last):\n{line}\n").startswith(words)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_told_whatever_came_of_it(tmp_path: Path, value: float) -> None:
    lines = [{"step": 1, "train_loss": 0.7}, {"step": 2, "train_loss": value}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{cut o")
    words = f"train_loss is {value} at step 2; lower the learning rate"
    assert words in said(tmp_path, "ValueError: Input contains NaN")
    assert words in str(note(step(tmp_path), ending(exit_code=0)))
    sealed = step(tmp_path, sealed=True)
    assert note(sealed, ending(exit_code=0)) is None, "what has seen withheld rows says nothing through its metrics"
    assert "train_loss" not in str(problem(sealed, Limits(), ending()))


def test_a_loss_that_recovered_is_none(tmp_path: Path) -> None:
    lines = [{"step": 1, "loss": float("nan")}, {"step": 2, "loss": 0.5}, {"step": 3, "valid_auc": float("nan")}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert note(step(tmp_path), ending(exit_code=0)) is None


def test_metrics_that_are_a_link_or_nonsense_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"step": 1, "loss": NaN}\n')
    out = tmp_path / "out"
    out.mkdir()
    (out / "metrics.jsonl").symlink_to(secret)
    assert note(step(out), ending(exit_code=0)) is None
    (out / "metrics.jsonl").unlink()
    (out / "metrics.jsonl").write_text("[" * 100_000 + "\n17\n" + '{"loss": "NaN"}\n')
    assert note(step(out), ending(exit_code=0)) is None


def test_a_long_silence_before_a_time_out_is_told_with_what_it_did_meanwhile(tmp_path: Path) -> None:
    quiet = {"exit_code": None, "signal": 9, "reason": "time", "silent_seconds": 900.0}
    assert "printed nothing for the last 15 min, and used no processor time" in said(
        tmp_path, **quiet, cores_lately=0.0
    )
    assert "printed nothing for the last 15 min, though it was working" in said(tmp_path, **quiet, cores_lately=1.0)
    assert "printed nothing" not in said(tmp_path, **{**quiet, "silent_seconds": 20.0})


@pytest.mark.parametrize(
    ("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (7, "SIGBUS"), (8, "SIGFPE"), (4, "SIGILL")]
)
def test_a_crash_has_its_signal_and_the_place_in_the_code(tmp_path: Path, number: int, name: str) -> None:
    text = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f (most recent call first):\n"
    text += '  File "/repository/model.py", line 31 in forward\n  File "/repository/train.py", line 8 in <module>\n'
    words = said(tmp_path, text, exit_code=None, signal=number)
    assert words.startswith(f"crashed with {name} at /repository/model.py, line 31 after 60 s")


async def test_a_missing_package_and_a_hang_are_told_by_real_jobs(bench: Bench) -> None:
    state = await bench.run("import no_such_package\n")
    assert str(state.problem).startswith("there is no module 'no_such_package'")
    waits = bench.step("import time\nprint('begun', flush=True)\ntime.sleep(60)\n", name="waits", seconds=3.5)
    state = await bench.run(waits, id="tuner.1.2.j1")
    assert re.search(r"printed nothing for the last \d s, and used no processor time", str(state.problem))
