"""What agents see as one tree of files: the repository, the data view, what jobs left, other candidates' revisions."""

import asyncio
import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from activities.errors import ToolFailed
from activities.execution.base import Jobs
from activities.execution.walking import printable
from activities.tools.reading import files_beneath, open_beneath, parts_of
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository

Parts = tuple[str, ...]
LOG_CHARACTERS = 30_000
PICTURES = (".png", ".jpg", ".jpeg")
MOST_PICTURES, PICTURE_DEPTH = 40, 3  # of a job; folders below its output that are looked into
NOT_LOOKED_INTO = frozenset({"model", "checkpoint"})


class Root(Protocol):
    """A part of the tree, to read."""

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        """Path from the root, and size, of each file at or below a path."""
        ...

    async def open(self, parts: Parts) -> BinaryIO:
        """Raises ToolFailed if there is no such file."""
        ...


class Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        return await asyncio.to_thread(self._files, parts)  # there may be a million

    async def open(self, parts: Parts) -> BinaryIO:
        return open_beneath(self._folder, parts)

    def _files(self, parts: Parts) -> list[tuple[str, int]]:
        return [(printable(path), size) for path, size in files_beneath(self._folder, parts)]


class OneFile:
    """A file that stands for itself, such as SETUP.md."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        return [("", self._file.stat().st_size)] if self._file.is_file() and not parts else []

    async def open(self, parts: Parts) -> BinaryIO:
        if parts:
            raise ToolFailed(f"{self._file.name} is a file, and holds no {'/'.join(parts)}")
        return open_beneath(self._file.parent, (self._file.name,))


class Revision:
    """A candidate's repository as it was committed."""

    def __init__(self, repository: Repository, revision: str) -> None:
        self._repository = repository
        self._revision = revision

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        under = "/".join(parts)
        found = await self._repository.files(self._revision)
        return [(path, size) for path, size in found if not under or path == under or path.startswith(f"{under}/")]

    async def open(self, parts: Parts) -> BinaryIO:
        return io.BytesIO(await self._repository.read(self._revision, "/".join(parts)))


class Results:
    """What a candidate's jobs left for agents: `JOB/log.txt`, `JOB/config.yaml`, `JOB/metrics.jsonl`, pictures.

    The third is that of the first part; others are `JOB/PART/metrics.jsonl`. Pictures are `JOB/PART/NAME.png`, and of
    code that never saw what is withheld: training and runs. Predictions and models are not shown.
    """

    def __init__(self, layout: Layout, jobs: Jobs, candidate: int) -> None:
        self._layout = layout
        self._jobs = jobs
        self._candidate = candidate

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        under = "/".join(parts)
        found = await asyncio.to_thread(self._all)
        return [(path, size) for path, size in found if not under or path == under or path.startswith(f"{under}/")]

    async def open(self, parts: Parts) -> BinaryIO:
        job, name = (parts[0] if parts else ""), "/".join(parts[1:])
        if job not in self._mine():
            raise ToolFailed(f"there is no job {job!r} of this candidate; list_files('results') shows them")
        if name == "log.txt":
            text = await asyncio.to_thread(self._jobs.log, job, characters=LOG_CHARACTERS)
            return io.BytesIO(text.encode())
        beneath = await asyncio.to_thread(lambda: dict(self._files(job)))
        if name not in beneath:
            raise ToolFailed(f"job {job} has {', '.join(['log.txt', *beneath])}, and no {name!r}")
        return open_beneath(self._layout.job(job), beneath[name])

    def _all(self) -> list[tuple[str, int]]:
        return [(f"{job}/{name}", size) for job in self._mine() for name, size in self._left(job)]

    def _mine(self) -> list[str]:
        return jobs_of(self._layout, self._candidate)

    def _left(self, job: str) -> Iterator[tuple[str, int]]:
        yield "log.txt", len(self._jobs.log(job, characters=LOG_CHARACTERS).encode())
        for shown, path in self._files(job):
            with suppress(OSError):  # the job may still run, and take back what it wrote
                yield shown, self._layout.job(job).joinpath(*path).lstat().st_size

    def _files(self, job: str) -> Iterator[tuple[str, Parts]]:
        """The name that is shown, and the path in the job's folder."""
        folder = self._layout.job(job)
        if self._layout.job_config(job).is_file():
            yield "config.yaml", ("config.yaml",)
        for place, path in enumerate(sorted(folder.glob("parts/*/out/metrics.jsonl"))):
            part = path.parts[-3]
            shown = f"{part}/metrics.jsonl" if place else "metrics.jsonl"
            yield shown, ("parts", part, "out", "metrics.jsonl")
        found = (found for out in sorted(folder.glob("parts/*/out")) for found in _pictures(out))
        yield from islice(found, MOST_PICTURES)


def _pictures(out: Path) -> Iterator[tuple[str, Parts]]:
    """Plain files only: a link could lead anywhere."""
    part = out.parent.name
    for base, folders, names in os.walk(out, followlinks=False):
        beneath = Path(base).relative_to(out).parts
        folders[:] = sorted(set(folders) - NOT_LOOKED_INTO) if len(beneath) < PICTURE_DEPTH else []
        for name in sorted(name for name in names if name.lower().endswith(PICTURES)):
            if _is_plain(Path(base, name)):
                yield printable("/".join((part, *beneath, name))), ("parts", part, "out", *beneath, name)


def _is_plain(path: Path) -> bool:
    with suppress(OSError):  # the job may still run, and close what it opened
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def jobs_of(layout: Layout, candidate: int) -> list[str]:
    """The candidate's jobs in the order of their invocations: ids are ROLE.CANDIDATE.COUNT.jNUMBER.

    Those of a delivery and of setup have another number in that place.
    """
    if not layout.jobs.is_dir():
        return []
    names = (path.name for path in layout.jobs.iterdir() if path.is_dir())
    split = (name.split(".") for name in names)
    mine = [words for words in split if len(words) == 4 and words[0] != "delivery" and words[1] == str(candidate)]
    return [".".join(words) for words in sorted(mine, key=lambda words: (_count(words[2:3]), _count(words[3:4])))]


def _count(words: list[str]) -> int:
    digits = "".join(filter(str.isdigit, "".join(words)))
    return int(digits or 0)


class Candidates:
    """Other candidates, as `N/...` at their latest revision, with `N/results/...`."""

    def __init__(self, layout: Layout, repository: Repository, jobs: Jobs, revisions: Mapping[int, str]) -> None:
        self._roots: dict[str, Root] = {
            str(number): Joined(Revision(repository, revision), {"results": Results(layout, jobs, number)})
            for number, revision in revisions.items()
        }

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        numbers = [number for number in self._roots if not parts or parts[0] == number]
        found = [(number, await self._roots[number].files(parts[1:])) for number in numbers]
        return [(f"{number}/{path}", size) for number, entries in found for path, size in entries]

    async def open(self, parts: Parts) -> BinaryIO:
        if not parts or parts[0] not in self._roots:
            raise ToolFailed(f"there is no such candidate; there are {', '.join(self._roots) or 'none yet'}")
        return await self._roots[parts[0]].open(parts[1:])


class Joined:
    """Roots under their names; what has no name of a root belongs to `own`, the repository that is worked on."""

    def __init__(self, own: Root | None, named: Mapping[str, Root]) -> None:
        self._own = own
        self._named = named

    async def files(self, parts: Parts) -> list[tuple[str, int]]:
        if parts and parts[0] in self._named:
            found = await self._named[parts[0]].files(parts[1:])
            return [("/".join(filter(None, (parts[0], path))), size) for path, size in found]
        if self._own is not None:
            return await self._own.files(parts)
        if parts:
            return []
        return [entry for name in self._named for entry in await self.files((name,))]

    async def open(self, parts: Parts) -> BinaryIO:
        if parts and parts[0] in self._named:
            return await self._named[parts[0]].open(parts[1:])
        if self._own is None:
            raise ToolFailed(f"there is no {'/'.join(parts)!r}; paths begin with {', '.join(self._named)}")
        return await self._own.open(parts)

    def read_only(self, path: str) -> bool:
        return parts_of(path)[:1] != () and parts_of(path)[0] in self._named
