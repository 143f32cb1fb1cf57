"""Agents look at their own curves and samples; what generated code wrote is checked by its structure, never decoded."""

import base64
import io
import zlib
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from activities.errors import ToolFailed
from activities.tools.base import Done
from activities.tools.files import Reading
from activities.tools.pictures import LARGEST, LONGEST_SIDE, Picture, whole_picture
from activities.tools.trees import board_tree, candidate_tree
from schemas.tool import FileList, Viewed
from tests.tools.conftest import Work


def plot(kind: str = "png", *, size: tuple[float, float] = (4.0, 3.0)) -> bytes:
    figure = Figure(figsize=size, dpi=100)
    figure.add_subplot().plot([3, 1, 2])
    out = io.BytesIO()
    figure.savefig(out, format=kind)
    return out.getvalue()


def header(width: int, height: int) -> bytes:
    """A PNG that claims a size, and is nothing else."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    size = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "media_type"), [("png", "image/png"), ("jpeg", "image/jpeg")])
def test_a_picture_is_known_by_what_it_holds(kind: str, media_type: str) -> None:
    assert whole_picture(plot(kind)) == Picture(media_type, 400, 300)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_picture_that_is_being_written_is_none(kind: str) -> None:
    data = plot(kind)
    assert all(whole_picture(data[:length]) is None for length in range(0, len(data) - 70, 97))


def test_what_is_damaged_or_something_else_is_none() -> None:
    data = plot()
    middle = len(data) // 2
    assert whole_picture(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]) is None
    for other in (b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xd9", header(0, 5)):
        assert whole_picture(other) is None


async def view(work: Work, path: str) -> Done:
    return await work.use(Reading(candidate_tree(work.bench)).tools(), "view_image", path=path)


def left_by(work: Work, job: str, part: str) -> Path:
    out = work.bench.layout.job_out(job, part)
    out.mkdir(parents=True)
    return out


async def test_a_picture_that_training_left_is_shown(work: Work) -> None:
    left_by(work, "tuner.1.4.j2", "select").joinpath("curves.png").write_bytes(plot())
    done = await view(work, "results/tuner.1.4.j2/select/curves.png")
    (image,) = done.images
    assert (image.media_type, base64.b64decode(image.data)) == ("image/png", plot())
    assert done.content == Viewed(
        path="results/tuner.1.4.j2/select/curves.png", width=400, height=300, size=len(plot())
    )


async def test_what_no_model_can_be_shown_is_told_with_what_to_do(work: Work) -> None:
    out = left_by(work, "coder.1.4.j2", "run")
    (out / "wide.png").write_bytes(header(LONGEST_SIDE + 1, 10))
    (out / "heavy.png").write_bytes(plot() + bytes(LARGEST))
    (out / "other.png").write_text("no picture")
    for name, words in (("wide", "2001 x 10 pixels.*dpi=100"), ("heavy", "over 1.5 MB.*dpi"), ("other", "no PNG")):
        with pytest.raises(ToolFailed, match=words):
            await view(work, f"results/coder.1.4.j2/run/{name}.png")


async def test_pictures_are_listed_in_bounded_number_and_never_through_a_link(work: Work, tmp_path: Path) -> None:
    out = left_by(work, "tuner.1.4.j2", "fold1")
    (tmp_path / "secret.png").write_bytes(plot())
    (out / "link.png").symlink_to(tmp_path / "secret.png")
    (out / "folder").symlink_to(tmp_path)
    for folder in ("model", "checkpoint", "plots", "a/b/c/d"):
        (out / folder).mkdir(parents=True)
        (out / folder / "one.png").write_bytes(plot())
    shown = await work.use(Reading(candidate_tree(work.bench)).tools(), "list_files", path="results")
    assert isinstance(shown.content, FileList)
    names = [entry.path.removeprefix("results/tuner.1.4.j2/") for entry in shown.content.files]
    assert names == ["log.txt", "fold1/plots/one.png"]
    for path in ("link.png", "folder/secret.png", "model/one.png"):
        with pytest.raises(ToolFailed):
            await view(work, f"results/tuner.1.4.j2/fold1/{path}")
    for number in range(60):
        (out / f"{number:02d}.png").write_bytes(plot())
    shown = await work.use(Reading(candidate_tree(work.bench)).tools(), "list_files", path="results")
    assert isinstance(shown.content, FileList)
    assert len(shown.content.files) == 41


async def test_the_manager_looks_at_every_candidates_pictures(work: Work) -> None:
    left_by(work, "tuner.1.4.j2", "select").joinpath("curves.png").write_bytes(plot("jpeg"))
    revision = await work.bench.revision("first")
    tools = Reading(board_tree(work.bench.layout, work.bench.jobs, {1: revision})).tools()
    done = await work.use(tools, "view_image", path="candidates/1/results/tuner.1.4.j2/select/curves.png")
    assert done.images[0].media_type == "image/jpeg"
