"""Pretrained weights: fetched from a hub into a cache that all runs share.

A fetched set is named by the digest of its files and their names, and never changed. The cache:

    DIGEST/...                             the files of a set
    known/KEY.json                         what a question came to
    drafts/KEY/files/  drafts/KEY/parts/   what a fetch has so far; a later one goes on from there
    drafts/KEY-2/...                       of another, while that fetch was stopped
"""

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import psutil

from activities.errors import ToolFailed
from activities.execution.durable import write_whole
from activities.execution.hub import Digests, File, Hub, Model, Unreached, connected
from activities.execution.sole import StandsStill, alone_among_tasks, places
from schemas.role import Weights
from schemas.tool import Fetched, FileEntry

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[\w][\w.-]{0,95})?")
KEPT_FREE = 2 << 30  # bytes of disk
LARGEST = 50 * 10**9  # bytes of a file: what the hub sends over plain HTTP
LISTED = 60  # files in a result
PICKLED = ("*.bin", "*.bin.index.json", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.joblib")
OTHER_FORMATS = (
    *("*.h5", "*.msgpack", "*.onnx", "*.onnx_data", "*.ot", "*.tflite", "*.gguf", "*.mlmodel", "*.mlpackage/*"),
    *("onnx/*", "openvino/*", "coreml/*"),
)
NEVER = (".git*", ".git*/*")


@dataclass(frozen=True)
class Wanted:
    """A model by its name on the hub, at a revision, and which of its files."""

    name: str
    revision: str = ""
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Wanted":
        """From a word such as org/model, or org/model@revision."""
        name, _, revision = text.partition("@")
        return cls(name.strip(), revision.strip())

    def checked(self) -> "Wanted":
        if not NAME.fullmatch(self.name) or ".." in self.name or "--" in self.name:
            raise ToolFailed(f"{self.name!r} is no model's name on a hub, such as org/model")
        if not re.fullmatch(r"[\w./+-]{0,200}", self.revision):
            raise ToolFailed(f"{self.revision!r} is no branch, tag or commit")
        return self


@dataclass(frozen=True)
class _Set:
    """Files of a model as the hub has it, and the question that they answer."""

    cache: Path
    key: str
    name: str
    model: Model
    files: tuple[File, ...]


async def fetch(home: Path, wanted: Wanted, doing: Callable[[str], None] = lambda _: None) -> Fetched:
    """The set in the cache, with what the hub knows of it. Raises ToolFailed with what to do.

    Where no hub can be reached, a set that the same question came to before is as good.
    """
    cache = home / "weights"
    wanted = wanted.checked()
    async with connected() as hub:
        asked = _question(hub, wanted, wanted.revision)
        try:
            model = await hub.model(wanted.name, wanted.revision or "main")
            files = chosen(model.files, wanted)
            key = _key(hub.endpoint, wanted.name, model.commit, *sorted(file.path for file in files))
            found = _known(cache, key) or await _fetched(_Set(cache, key, wanted.name, model, files), hub, doing)
        except Unreached:
            before = _known(cache, asked)
            if before is None:
                raise
            words = "no hub can be reached, so this is what was fetched before"
            return before.model_copy(update={"note": "; ".join(filter(None, (words, before.note)))})
    for key in (asked, _question(hub, wanted, found.weights.revision)):
        _remember(cache, key, found)
    return found


def at_hand(home: Path) -> tuple[str, ...]:
    """Names with revisions of all that is in the cache."""
    known = [Fetched.model_validate_json(path.read_bytes()) for path in (home / "weights" / "known").glob("*.json")]
    there = [fetched.weights for fetched in known if files_of(home, fetched).is_dir()]
    return tuple(sorted({f"{weights.name}@{weights.revision}" for weights in there}))


def files_of(home: Path, fetched: Fetched) -> Path:
    """The folder of the set in the cache."""
    return home / "weights" / fetched.weights.digest


def chosen(files: Sequence[File], wanted: Wanted) -> tuple[File, ...]:
    """Those that the patterns name; without patterns all, but the same weights in one format only.

    Safetensors come first. Pickles run code when they are loaded, which happens in the sandbox alone.
    """
    plain = [file for file in files if not _any(file.path, NEVER)]
    if wanted.files:
        kept = [file for file in plain if _any(file.path, wanted.files)]
    else:
        safe = any(file.path.endswith(".safetensors") for file in plain)
        pickled = any(_any(file.path, PICKLED) for file in plain)
        left_out = (*OTHER_FORMATS, *PICKLED) if safe else OTHER_FORMATS if pickled else ()
        kept = [file for file in plain if not _any(file.path, left_out)]
    if not kept:
        there = ", ".join(file.path for file in plain[:20]) or "nothing"
        raise ToolFailed(f"no file of {wanted.name} fits {', '.join(wanted.files)}; it holds {there}")
    return tuple(sorted(kept, key=lambda file: file.path))


async def _fetched(asked: _Set, hub: Hub, doing: Callable[[str], None]) -> Fetched:
    """By one for all. Where that one was stopped, in another draft: whoever is done first keeps the set."""
    drafts = asked.cache / "drafts"
    drafts.mkdir(parents=True, exist_ok=True)
    for draft in places(drafts / asked.key):
        with suppress(StandsStill):
            async with alone_among_tasks(draft, lambda: doing(f"another worker fetches {asked.name}")):
                return _known(asked.cache, asked.key) or await _fetch(asked, draft, hub, doing)
    raise AssertionError("places do not end")


async def _fetch(asked: _Set, draft: Path, hub: Hub, doing: Callable[[str], None]) -> Fetched:
    name, files = asked.name, asked.files
    _check_sizes(name, files)
    _check_room(asked.cache, draft, name, files)
    done, total = 0, sum(file.size for file in files)
    digests: dict[str, Digests] = {}
    for file in files:

        def told(size: int, before: int = done) -> None:
            doing(f"fetches {name}, {_size(before + size)} of {_size(total)}")

        digests[file.path] = await _file(hub, name, asked.model.commit, file, draft, told)
        done += file.size
    return _kept(asked, draft, digests)


async def _file(hub: Hub, name: str, commit: str, file: File, draft: Path, told: Callable[[int], None]) -> Digests:
    """One file, whole and as the hub says it is. What an earlier fetch had finished is only looked at."""
    place = draft / "files" / file.path
    part = draft / "parts" / hashlib.sha256(file.path.encode()).hexdigest()[:32]
    if not place.exists():
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        await hub.download(name, commit, file, part, told)
    found = await asyncio.to_thread(_on_disk, place if place.exists() else part)
    if not file.matches(found):
        place.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        raise ToolFailed(f"{file.path} of {name} is not what its digest on the hub says; it was removed, try once more")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        part.chmod(0o444)
        part.replace(place)
    return found


def _on_disk(path: Path) -> Digests:
    """What is really there, also after a loss of power."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return Digests.of(path)


def _kept(asked: _Set, draft: Path, digests: dict[str, Digests]) -> Fetched:
    """The draft becomes the set that its digest names."""
    model, files = asked.model, asked.files
    lines = "".join(f"{digests[path].sha256}  {path}\n" for path in sorted(digests))
    weights = Weights(
        name=asked.name,
        revision=model.commit,
        digest=hashlib.sha256(lines.encode()).hexdigest(),
        size=sum(file.size for file in files),
        files=len(files),
    )
    entries = tuple(FileEntry(path=file.path, size=file.size) for file in files[:LISTED])
    fetched = Fetched(weights=weights, path="", license=model.license, files=entries, note=_note(model, files))
    _remember(asked.cache, asked.key, fetched)  # before it is in its place: a kill between leaves a draft to go on with
    settle(draft / "files", asked.cache / weights.digest)
    shutil.rmtree(draft)
    return fetched


def _note(model: Model, files: Sequence[File]) -> str:
    """What a reader of the result should know."""
    said = []
    left_out = len(model.files) - len(files)
    if left_out:
        said.append(f"{left_out} other files of it were left out")
    if any(_any(file.path, PICKLED) for file in files):
        said.append("it holds pickles, which run code when they are loaded: load them in jobs only")
    if len(files) > LISTED:
        said.append(f"{len(files) - LISTED} more files are not listed")
    return "; ".join(said)


def _check_sizes(name: str, files: Sequence[File]) -> None:
    over = [file.path for file in files if file.size > LARGEST]
    if over:
        raise ToolFailed(
            f"{name} has files over {_size(LARGEST)}, which cannot be fetched ({', '.join(over[:5])}): name other "
            "`files`, or take a smaller model"
        )


def _check_room(cache: Path, draft: Path, name: str, files: Sequence[File]) -> None:
    draft.mkdir(parents=True, exist_ok=True)
    there = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
    lacking = sum(file.size for file in files) - there
    free = psutil.disk_usage(str(cache)).free - KEPT_FREE
    if lacking > free:
        largest = ", ".join(
            f"{file.path} ({_size(file.size)})" for file in sorted(files, key=lambda file: -file.size)[:5]
        )
        raise ToolFailed(
            f"{name} needs {_size(lacking)} of disk, and {_size(max(free, 0))} can be used: name fewer `files`, or "
            f"take a smaller model; the largest are {largest}"
        )


def _known(cache: Path, key: str) -> Fetched | None:
    memory = cache / "known" / f"{key}.json"
    found = Fetched.model_validate_json(memory.read_bytes()) if memory.exists() else None
    return found if found is not None and (cache / found.weights.digest).is_dir() else None


def _remember(cache: Path, key: str, fetched: Fetched) -> None:
    (cache / "known").mkdir(parents=True, exist_ok=True)
    write_whole(cache / "known" / f"{key}.json", fetched.model_dump_json(indent=1))


def settle(draft: Path, place: Path) -> None:
    """Whole or not at all; one that is there already is the same."""
    try:
        draft.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        shutil.rmtree(draft)


def _question(hub: Hub, wanted: Wanted, revision: str) -> str:
    return _key(hub.endpoint, wanted.name, revision, *sorted(wanted.files))


def _key(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]


def _any(path: str, patterns: Sequence[str]) -> bool:
    """True if the path, or its last part, fits a pattern."""
    return any(fnmatch(path, pattern) or fnmatch(path.rpartition("/")[2], pattern) for pattern in patterns)


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
