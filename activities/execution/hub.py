"""The Hugging Face Hub's HTTP API, as far as fetching the files of a model needs it.

The hub's own library starts a file anew after a kill, and compares only its size; here a file goes on where it broke
off, is held against the digest that the hub names, and ends at once when the attempt does. Nothing fetched is run.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, Field, ValidationError

from activities.errors import ToolFailed

PUBLIC = "https://huggingface.co"
TIMEOUT = httpx2.Timeout(60.0, connect=15.0)  # seconds without a byte
TRIES = 5  # in a row that bring nothing
PAUSE = 0.5  # seconds after the first of them; doubled after each
CHUNK = 1 << 20

T = TypeVar("T")


class Unreached(ToolFailed):
    """No hub answers, or what answers is broken: weights that are at hand are the only ones."""


class _Busy(Exception):
    """The hub answers, but not with what was asked for: it may do so later."""


class _Lfs(BaseModel):
    sha256: str


class File(BaseModel):
    """A file of a model. The hub names the SHA-256 of large ones, and git's own digest of the others."""

    path: str = Field(alias="rfilename")
    size: int
    blob: str | None = Field(None, alias="blobId")
    lfs: _Lfs | None = None

    def matches(self, digests: "Digests") -> bool:
        if self.lfs is not None:
            return digests.sha256 == self.lfs.sha256
        return self.blob is None or digests.blob == self.blob


class Model(BaseModel):
    """A model at one commit."""

    commit: str = Field(alias="sha", pattern=r"^[0-9a-f]{7,64}$")
    files: tuple[File, ...] = Field(alias="siblings")
    card: dict[str, Any] | None = Field(None, alias="cardData")

    @property
    def license(self) -> str:
        """As its card says; empty where that says nothing."""
        said = (self.card or {}).get("license") or ""
        return str(said if isinstance(said, str) else ", ".join(map(str, said)))[:100]


@dataclass(frozen=True)
class Digests:
    """Of a file's content: SHA-256, and what git calls a blob that holds it."""

    sha256: str
    blob: str

    @classmethod
    def of(cls, path: Path) -> "Digests":
        plain, blob = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
        blob.update(f"blob {path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                plain.update(chunk)
                blob.update(chunk)
        return cls(plain.hexdigest(), blob.hexdigest())


class Hub:
    """One hub, and a connection to it."""

    def __init__(self, endpoint: str, client: httpx2.AsyncClient) -> None:
        self.endpoint = endpoint
        self._client = client

    async def model(self, name: str, revision: str) -> Model:
        """What the hub has under that name. Raises ToolFailed with what to do; Unreached if there is no hub."""
        url = f"{self.endpoint}/api/models/{quote(name)}/revision/{quote(revision, safe='')}"

        async def ask() -> Model:
            answer = await self._client.get(url, params={"blobs": "true"})
            self._check(answer, name, revision)
            return Model.model_validate_json(answer.content)

        try:
            model = await self._patiently(ask, lambda: 0)
        except ValidationError as error:
            wrong = error.errors()[0]
            raise Unreached(
                f"{self.endpoint} does not answer as a hub does ({wrong['loc']}: {wrong['msg']}): check HF_ENDPOINT"
            ) from None
        unsafe = next((file.path for file in model.files if not _is_safe(file.path)), None)
        if unsafe is not None:
            raise ToolFailed(f"{name} holds a file named {unsafe!r}, which would lie outside its folder: it is refused")
        return model

    async def download(self, name: str, commit: str, file: File, part: Path, told: Callable[[int], None]) -> None:
        """Brings `part` to the file's size, from where it ends; `told` gets that size as it grows."""
        url = f"{self.endpoint}/{quote(name)}/resolve/{commit}/{quote(file.path)}"

        async def ask() -> None:
            await self._stream(url, name, file, part, told)

        await self._patiently(ask, lambda: part.stat().st_size if part.exists() else 0)

    async def _stream(self, url: str, name: str, file: File, part: Path, told: Callable[[int], None]) -> None:
        start = part.stat().st_size if part.exists() else 0
        if start == file.size and part.exists():
            return
        headers = {"Range": f"bytes={start}-"} if 0 < start < file.size else {}
        async with self._client.stream("GET", url, headers=headers) as answer:
            self._check(answer, name, file.path)
            with part.open("ab" if answer.status_code == 206 else "wb", buffering=0) as out:
                async for chunk in answer.aiter_bytes():
                    out.write(chunk)
                    told(out.tell())
                    if out.tell() > file.size:
                        break
                size = out.tell()
        if size > file.size:
            part.unlink()
        if size != file.size:
            raise _Busy(f"{file.path} came with {size} bytes instead of {file.size}")

    async def _patiently(self, ask: Callable[[], Awaitable[T]], arrived: Callable[[], int]) -> T:
        """Asks until there is an answer; gives up after some tries in a row that brought no byte."""
        fruitless = 0
        while True:
            before = arrived()
            try:
                return await ask()
            except (httpx2.RequestError, _Busy) as error:
                fruitless = 0 if arrived() > before else fruitless + 1
                if fruitless == TRIES:
                    why = str(error) or type(error).__name__
                    raise Unreached(
                        f"the hub at {self.endpoint} cannot be reached ({why}): go on without pretrained weights, "
                        "or with those that are at hand"
                    ) from None
            await asyncio.sleep(PAUSE * 2**fruitless)

    def _check(self, answer: httpx2.Response, name: str, what: str) -> None:
        """Raises ToolFailed for what no second try mends, and _Busy for the rest."""
        status, code = answer.status_code, answer.headers.get("X-Error-Code", "")
        if answer.is_success:
            return
        if status == 401 and "credentials" in answer.headers.get("X-Error-Message", ""):
            raise ToolFailed(f"{self.endpoint} does not know the token in HF_TOKEN: a person must give workers another")
        if code == "GatedRepo" or status == 403:
            raise ToolFailed(
                f"{name} is gated: a person must accept its terms at {self.endpoint}/{name}, and start the workers "
                "with HF_TOKEN of that account; go on without it, or with another model"
            )
        if code in ("RevisionNotFound", "EntryNotFound"):
            raise ToolFailed(f"{name} at {self.endpoint} has no {what}: check revision and file names")
        if code == "RepoNotFound" or status in (401, 404):
            raise ToolFailed(
                f"there is no model {name} at {self.endpoint}, or it is private: check the name; "
                "for a private one the workers need HF_TOKEN"
            )
        raise _Busy(f"status {status}")


@asynccontextmanager
async def connected() -> AsyncIterator[Hub]:
    """The hub that HF_ENDPOINT names, with the token of HF_TOKEN, which goes to no other host."""
    endpoint = (os.environ.get("HF_ENDPOINT") or PUBLIC).rstrip("/")
    token = os.environ.get("HF_TOKEN", "").strip()
    headers = {"User-Agent": "aibuildai", "Accept-Encoding": "identity"}  # sizes and ranges are of the file itself
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT, follow_redirects=True) as client:
        yield Hub(endpoint, client)


def _is_safe(path: str) -> bool:
    """True if the file lies below the folder it is put into."""
    return path.isprintable() and "\\" not in path and not {"", ".", ".."} & set(path.split("/"))
