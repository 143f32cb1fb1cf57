"""What agents can read and write, and that no path leads anywhere else."""

import os
import tracemalloc
from pathlib import Path

import pytest

from activities.errors import ToolFailed
from activities.tools.curves import curves
from activities.tools.files import Configuring, Reading, Writing
from activities.tools.reading import end_of, open_beneath
from activities.tools.trees import board_tree, candidate_tree
from schemas.tool import FileList, ReadFile
from tests.tools.conftest import Work


def reading(work: Work) -> Reading:
    return Reading(candidate_tree(work.bench))


async def read(work: Work, path: str, **more: int) -> str:
    return (await work.use(reading(work).tools(), "read_file", path=path, **more)).text


async def listed(work: Work, path: str = ".") -> list[str]:
    done = await work.use(reading(work).tools(), "list_files", path=path)
    assert isinstance(done.content, FileList)
    return [entry.path for entry in done.content.files]


async def write(work: Work, path: str, text: str = "text", only: tuple[str, ...] = ()) -> None:
    writing = Writing(work.bench.worktree, candidate_tree(work.bench), only=only)
    await work.use(writing.tools(), "write_file", path=path, text=text)


OUTSIDE = ("../secret", "/etc/passwd", "a/../../secret", "data/../../secret", "results/../../../x", "a\0b", "..")


@pytest.mark.parametrize("path", OUTSIDE)
async def test_no_path_leads_out(work: Work, path: str) -> None:
    (work.bench.worktree.parent / "secret").write_text("secret")
    with pytest.raises(ToolFailed, match="leads out"):
        await read(work, path)
    with pytest.raises(ToolFailed, match="leads out"):
        await listed(work, path)
    with pytest.raises(ToolFailed, match="leads out"):
        await write(work, path)


@pytest.mark.parametrize("path", ["link", "folder/labels.parquet", "data/link"])
async def test_no_link_is_followed(work: Work, path: str, tmp_path: Path) -> None:
    secret = tmp_path / "labels.parquet"
    secret.write_text("secret")
    (work.bench.worktree / "link").symlink_to(secret)
    (work.bench.worktree / "folder").symlink_to(tmp_path)
    with pytest.raises(ToolFailed):
        open_beneath(work.bench.worktree, tuple(path.split("/")))


async def test_a_pipe_does_not_hang_a_reader(work: Work) -> None:
    os.mkfifo(work.bench.worktree / "pipe")
    with pytest.raises(ToolFailed, match="no plain file"):
        open_beneath(work.bench.worktree, ("pipe",))


async def test_what_generated_code_linked_into_its_results_is_not_shown(work: Work, tmp_path: Path) -> None:
    out = work.bench.layout.job_out("tuner.1.1.j1", "select")
    out.mkdir(parents=True)
    (out / "metrics.jsonl").symlink_to(work.bench.layout.withheld / "parts" / "select" / "labels.parquet")
    with pytest.raises(ToolFailed):
        await read(work, "results/tuner.1.1.j1/metrics.jsonl")


async def test_the_view_notes_and_results_are_seen_beside_the_repository(work: Work) -> None:
    layout = work.bench.layout
    work.write(**{"PLAN.md": "plan", "src/model.py": "code"})
    layout.setup_notes.write_text("notes")
    job = layout.job("coder.1.7.j2")
    (job / "parts" / "check" / "out").mkdir(parents=True)
    (job / "parts" / "check" / "out" / "metrics.jsonl").write_text("{}\n")
    (job / "config.yaml").write_text("a: 1\n")
    (job / "log.txt").write_text("log")
    (layout.job("coder.2.8.j1")).mkdir()

    assert await listed(work) == ["PLAN.md", "src/model.py"]
    assert await listed(work, "src") == ["src/model.py"]
    assert "data/train.csv" in await listed(work, "data")
    assert await listed(work, "results") == [
        f"results/coder.1.7.j2/{x}" for x in ("log.txt", "config.yaml", "metrics.jsonl")
    ]
    assert await read(work, "SETUP.md") == "notes"
    assert await read(work, "results/coder.1.7.j2/log.txt") == "log"
    assert (await read(work, "data/train.csv", lines=1)).startswith("id,a,b,price\n")
    with pytest.raises(ToolFailed, match=r"no job 'coder\.2\.8\.j1' of this candidate"):
        await read(work, "results/coder.2.8.j1/log.txt")


async def test_the_withheld_is_nowhere_in_what_is_listed(work: Work) -> None:
    everything = [path for folder in (".", "data", "results", "SETUP.md") for path in await listed(work, folder)]
    assert everything
    assert not [path for path in everything if "withheld" in path or "labels" in path]


async def test_long_files_are_read_in_parts(work: Work) -> None:
    work.write(**{"long.txt": "".join(f"line {number}\n" for number in range(1_000))})
    first = await read(work, "long.txt", lines=300)
    assert first.splitlines()[-2:] == ["line 299", "[more lines follow: offset=300]"]
    last = await read(work, "long.txt", offset=900, lines=300)
    assert last.splitlines()[0] == "line 900"
    assert last.splitlines()[-1] == "line 999"


async def test_what_is_read_is_bounded_whatever_the_lines_are_like(work: Work) -> None:
    work.write(wide="x" * 5_000_000, many="".join("y" * 1_500 + "\n" for _ in range(2_000)))
    assert len(await read(work, "wide")) < 3_000
    many = await read(work, "many", lines=2_000)
    assert len(many) < 50_000
    assert "more lines follow" in many


async def test_what_is_no_text_is_refused(work: Work) -> None:
    (work.bench.worktree / "model.bin").write_bytes(b"\0\1\2")
    with pytest.raises(ToolFailed, match="is not text"):
        await read(work, "model.bin")


@pytest.mark.parametrize("path", ["data/train.csv", "results/x", "SETUP.md", "data"])
async def test_what_is_not_the_repository_is_read_only(work: Work, path: str) -> None:
    with pytest.raises(ToolFailed, match="to be read only"):
        await write(work, path)


@pytest.mark.parametrize("path", [".git/config", "src/.GIT/hooks/pre-commit", "", "two\nlines"])
async def test_what_no_repository_holds_is_not_written(work: Work, path: str) -> None:
    with pytest.raises(ToolFailed):
        await write(work, path)


async def test_what_a_package_leaves_out_is_not_written(work: Work) -> None:
    with pytest.raises(ToolFailed, match="no folder weights"):
        await write(work, "weights/loader.py")
    await write(work, "src/weights/loader.py")


async def test_no_more_files_are_written_than_a_repository_keeps(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.tools.files.MOST_FILES", 2)
    await write(work, "a")
    await write(work, "b")
    with pytest.raises(ToolFailed, match="already holds 2 files"):
        await write(work, "c")
    await write(work, "b", "again")


async def test_a_role_writes_what_is_its_own(work: Work) -> None:
    await write(work, "PLAN.md", only=("PLAN.md",))
    with pytest.raises(ToolFailed, match=r"PLAN\.md only, and not train\.py"):
        await write(work, "train.py", only=("PLAN.md",))


async def test_a_folder_in_the_way_is_told(work: Work) -> None:
    await write(work, "src/model.py")
    with pytest.raises(ToolFailed, match="src cannot be written") as told:
        await write(work, "src")
    assert str(work.bench.worktree) not in str(told.value)


async def test_a_passage_is_replaced_where_it_occurs_once(work: Work) -> None:
    work.write(code="one two two")
    tools = Writing(work.bench.worktree, candidate_tree(work.bench)).tools()
    await work.use(tools, "edit_file", path="code", old="one", new="1")
    assert await read(work, "code") == "1 two two"
    for passage, times in (("two", 2), ("three", 0), ("", 0)):
        with pytest.raises(ToolFailed, match=f"occurs {times} times"):
            await work.use(tools, "edit_file", path="code", old=passage, new="x")


async def test_config_must_be_a_mapping_with_every_key(work: Work) -> None:
    work.write(**{"config.yaml": "rate: 1\ndepth: 2\n"})
    tools = Configuring(work.bench.worktree).tools()
    for text, words in (("[1]", "mapping"), ("a: [", "not valid YAML"), ("rate: 2", "missing: depth")):
        with pytest.raises(ToolFailed, match=words):
            await work.use(tools, "write_config", text=text)
    await work.use(tools, "write_config", text="rate: 3\ndepth: 2\nmore: 1\n")
    assert await read(work, "config.yaml") == "rate: 3\ndepth: 2\nmore: 1\n"


async def test_the_manager_reads_every_candidate_at_its_revision(work: Work) -> None:
    bench = work.bench
    work.write(**{"PLAN.md": "first"})
    revision = await bench.revision("first")
    work.write(**{"PLAN.md": "later, and not reported"})
    tools = Reading(board_tree(bench.layout, bench.jobs, {1: revision})).tools()

    assert (await work.use(tools, "read_file", path="candidates/1/PLAN.md")).text == "first"
    listing = await work.use(tools, "list_files", path="candidates")
    assert isinstance(listing.content, FileList)
    assert [entry.path for entry in listing.content.files] == ["candidates/1/PLAN.md"]
    for path in ("candidates/2/PLAN.md", "candidates/1/../../x", "PLAN.md"):
        with pytest.raises(ToolFailed):
            await work.use(tools, "read_file", path=path)


def test_lines_are_bounded_by_their_schema() -> None:
    with pytest.raises(ValueError, match="less than or equal to 2000"):
        ReadFile(path="x", lines=5_000)


def test_the_end_of_a_text_is_kept() -> None:
    assert end_of("abc", 3) == "abc"
    assert end_of("abcdef", 2) == "[4 characters left out]\nef"


async def test_names_that_are_no_text_are_listed_and_lead_to_their_files(work: Work) -> None:
    out = work.bench.layout.job_out("coder.1.1.j1", "run")
    out.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(out) + b"/\xff.png")).write_bytes(b"no picture")
    (work.bench.layout.job("coder.1.1.j1") / "log.txt").write_text("log")
    (out / "metrics.jsonl").write_text('{"step": 1, "loss\\ud800": 2}\n')
    assert [curve.name for curve in curves(out)] == [r"loss\ud800"]
    assert r"results/coder.1.1.j1/run/\udcff.png" in await listed(work, "results")
    with pytest.raises(ToolFailed, match="is no PNG or JPEG"):
        await work.use(reading(work).tools(), "view_image", path=r"results/coder.1.1.j1/run/\udcff.png")


async def test_data_whose_names_are_no_text_is_listed(work: Work) -> None:
    work.bench.worktree.joinpath(os.fsdecode(b"caf\xe9.txt")).write_text("x")
    assert r"caf\udce9.txt" in await listed(work)


async def test_a_closed_folder_hides_its_pictures_and_nothing_else(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the job runs; only root is let in whatever a mode says."""
    out = work.bench.layout.job_out("coder.1.1.j1", "run")
    (out / "plots").mkdir(parents=True)
    (out / "plots" / "1.png").write_bytes(b"")
    (out / "2.png").write_bytes(b"")

    def lstat(path: Path) -> os.stat_result:
        if path.parent.name == "plots":
            raise PermissionError
        return os.lstat(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    assert [path for path in await listed(work, "results") if path.endswith(".png")] == [
        "results/coder.1.1.j1/run/2.png"
    ]


@pytest.mark.parametrize(
    "text", ["rate: 2024-02-30", "a: " + "[" * 5_000, "a: !!int ''", "a: !!timestamp x", "a: !!bool x"]
)
async def test_yaml_that_only_looks_like_it_is_the_models_to_mend(work: Work, text: str) -> None:
    with pytest.raises(ToolFailed, match=r"config\.yaml is not valid YAML: \S"):
        await work.use(Configuring(work.bench.worktree).tools(), "write_config", text=text)


async def test_a_line_without_an_end_takes_no_memory(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    out = work.bench.layout.job_out("coder.1.1.j1", "run")
    out.mkdir(parents=True)
    with (out / "metrics.jsonl").open("wb") as file:
        file.write(b'{"step": 1}\n' + b"x" * 100_000)
        file.truncate(20 << 30)  # a hole, which takes no disk
    monkeypatch.setattr("activities.tools.reading.MOST_READ", 64 << 20)
    tracemalloc.start()
    shown = await read(work, "results/coder.1.1.j1/metrics.jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shown.startswith('{"step": 1}\nxxxx')
    assert "characters left out" in shown
    assert peak < 16 << 20
    with pytest.raises(ToolFailed, match="only the first 64 MB of a file are read here"):
        await read(work, "results/coder.1.1.j1/metrics.jsonl", offset=2)


NOT_ALL = "only the first 0 MB of a file are read here"


async def test_where_reading_ends_within_a_file_it_says_so(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.tools.reading.MOST_READ", 100)
    work.write(long="".join(f"line {number:04}\n" for number in range(12)), all="".join(["123456789\n"] * 10))
    shown = (await read(work, "long", offset=8)).splitlines()
    assert shown[:2] == ["line 0008", "line 0009"]
    assert shown[2:] == [f"[{NOT_ALL}; let a job look at the rest]"]
    shown = (await read(work, "long", lines=10)).splitlines()
    assert shown[9:] == ["line 0009", "[more lines follow: offset=10]"]
    assert NOT_ALL not in await read(work, "all")


@pytest.mark.parametrize("offset", [10, 11, 500])
async def test_lines_beyond_what_is_read_are_refused(work: Work, monkeypatch: pytest.MonkeyPatch, offset: int) -> None:
    monkeypatch.setattr("activities.tools.reading.MOST_READ", 100)
    work.write(long="".join(f"line {number:04}\n" for number in range(12)))
    with pytest.raises(ToolFailed, match=NOT_ALL):
        await read(work, "long", offset=offset)


async def test_what_lies_beyond_the_last_line_is_nothing(work: Work) -> None:
    work.write(short="one\n")
    assert await read(work, "short", offset=5) == ""
