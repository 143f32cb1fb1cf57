"""A run's repositories: one bare git directory with a ref for each candidate, and plain folders checked out of it.

Folders hold no `.git`, and nothing in them configures git: files are hashed as they are, without attributes, filters,
hooks or ignore rules. Objects are only ever added, so attempts of several processes may write at the same time.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from activities.errors import ToolFailed

LARGEST_FILE = 20 * 2**20
MOST_FILES = 2_000

_GIT = (
    *("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.fsync=committed"),
    *("-c", "core.autocrlf=false", "-c", "core.symlinks=false", "-c", "core.attributesFile=/dev/null"),
    *("-c", "core.quotePath=false", "-c", "gc.auto=0", "-c", "core.protectHFS=true", "-c", "core.protectNTFS=true"),
)
_NO_ATTRIBUTES = "* -text -eol -ident -filter -working-tree-encoding\n"  # outranks any .gitattributes in a tree
_SOMEONE = {"NAME": "aibuildai", "EMAIL": "aibuildai@localhost"}


class GitFailed(Exception):
    """Git could not do what no input from an agent should make impossible."""


class Repository:
    """The bare git directory of one run. Trees and revisions are named by their object ids."""

    def __init__(self, git_dir: Path) -> None:
        self.git_dir = git_dir

    async def init(self) -> None:
        """Makes the git directory, if it is not there."""
        if (self.git_dir / "info" / "attributes").exists():
            return
        self.git_dir.parent.mkdir(parents=True, exist_ok=True)
        made = self.git_dir.with_name(f".{self.git_dir.name}.{uuid4().hex}")
        await self._git("init", "--quiet", "--bare", "--template=", str(made), bare=False)
        (made / "info").mkdir(exist_ok=True)
        (made / "info" / "attributes").write_text(_NO_ATTRIBUTES)
        try:
            made.rename(self.git_dir)  # whole or not at all, also when two attempts begin at once
        except OSError:
            shutil.rmtree(made)

    async def empty(self) -> str:
        """The id of the tree that holds nothing."""
        return await self._git("mktree", stdin=b"")

    async def snapshot(self, folder: Path) -> str:
        """The id of the tree of everything in the folder. Raises ToolFailed for what a repository may not hold."""
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is gone: what is not there must not be taken for an empty repository")
        files = sorted(_files(folder))
        if len(files) > MOST_FILES:
            raise ToolFailed(f"the repository holds {len(files)} files; at most {MOST_FILES} are kept, so delete some")
        if not files:
            return await self.empty()
        names = os.fsencode("".join(f"{folder / file}\n" for file in files))
        objects = (await self._git("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names)).split()
        entries = "".join(f"100644 {id} 0\t{file}\0" for id, file in zip(objects, files, strict=True))
        index = self._index()
        try:
            await self._git("update-index", "-z", "--index-info", stdin=os.fsencode(entries), index=index)
            return await self._git("write-tree", index=index)
        finally:
            index.unlink(missing_ok=True)

    async def checkout(self, tree: str, folder: Path) -> None:
        """Makes the folder hold exactly the tree (or a revision's), and nothing that was there before."""
        tree = await self.tree_of(tree)  # a revision that a model named must not be read as an option
        if folder.is_dir():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        index = self._index()
        try:
            await self._git("read-tree", tree, index=index)
            await self._git("checkout-index", "--all", "--force", f"--prefix={folder}/", index=index)
        finally:
            index.unlink(missing_ok=True)

    async def refresh(self, revision: str, folder: Path) -> None:
        """Brings a folder that people look at to a revision; it is never half there."""
        made, old = (folder.with_name(f".{folder.name}.{uuid4().hex}.{word}") for word in ("new", "old"))
        await self.checkout(revision, made)
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
        shutil.rmtree(old, ignore_errors=True)

    async def commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        """A revision of the tree, with every parent that it starts from or draws on."""
        arguments = [word for parent in dict.fromkeys(parents) for word in ("-p", parent)]
        return await self._git("commit-tree", tree, *arguments, "-F", "-", stdin=message.encode())

    async def name(self, number: int, revision: str, check: Callable[[], None] = lambda: None) -> None:
        """Points a candidate's ref to its latest revision; 0 is the aggregator.

        What another moves it to between `check`, which may raise, and the move, stays there: GitFailed.
        """
        ref = f"refs/heads/candidate-{number}"
        before = await self._git("for-each-ref", "--format=%(objectname)", ref)
        check()
        await self._git("update-ref", ref, revision, before or "0" * len(revision))

    async def tree_of(self, revision: str) -> str:
        return await self._git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{tree}}")

    async def read(self, revision: str, path: str) -> bytes:
        """A file at a revision. Raises ToolFailed if it is not there."""
        try:
            return await self._raw("cat-file", "blob", f"{revision}:{path}")
        except GitFailed:
            raise ToolFailed(f"{path} is not in revision {revision[:12]}") from None

    async def files(self, revision: str) -> tuple[tuple[str, int], ...]:
        """Path and size in bytes of each file at a revision."""
        lines = (await self._git("ls-tree", "-r", "-l", "-z", "--end-of-options", revision)).split("\0")
        fields = [line.split("\t", 1) for line in lines if line]
        return tuple((path, int(facts.split()[3])) for facts, path in fields)

    def _index(self) -> Path:
        return self.git_dir / f"index.{uuid4().hex}"

    async def _git(self, *arguments: str, stdin: bytes = b"", index: Path | None = None, bare: bool = True) -> str:
        return (await self._raw(*arguments, stdin=stdin, index=index, bare=bare)).decode(errors="replace").strip()

    async def _raw(self, *arguments: str, stdin: bytes = b"", index: Path | None = None, bare: bool = True) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *_GIT,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.git_dir.parent,
            env=self._environment(index, bare),
        )
        try:
            output, errors = await process.communicate(stdin)
        finally:
            if process.returncode is None:  # whoever waited was cancelled
                process.kill()
                await process.wait()
        if process.returncode:
            words = errors.decode(errors="replace").strip()[-400:]
            raise GitFailed(f"git {arguments[0]} failed with status {process.returncode}: {words}")
        return output

    def _environment(self, index: Path | None, bare: bool) -> dict[str, str]:
        people = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in _SOMEONE.items()}
        quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        named = {"GIT_DIR": str(self.git_dir)} if bare else {}
        if index:  # the work tree is where checkout-index's prefix is taken from, and holds no files of its own
            named |= {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(self.git_dir)}
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **people, **quiet, **named}


def _files(folder: Path) -> Iterator[str]:
    for base, folders, names in os.walk(folder, followlinks=False):
        for name in (*folders, *names):
            path = Path(base, name)
            file = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise ToolFailed(f"{file} is a symbolic link; a repository holds plain files only")
            if name.lower() == ".git" or "\n" in name:
                raise ToolFailed(f"{file!r} is no name for a file of a repository")
        folders.sort()
        for name in names:
            size = Path(base, name).lstat().st_size
            file = Path(base, name).relative_to(folder).as_posix()
            if size > LARGEST_FILE:
                raise ToolFailed(
                    f"{file} has {size / 2**20:.0f} MB; a repository keeps files up to {LARGEST_FILE // 2**20} MB, "
                    "so write large results where train.py puts its output"
                )
            yield file
