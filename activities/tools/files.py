"""Reading and changing files: each role may write where its task lies, and nowhere else."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from activities.errors import ToolFailed
from activities.tools.base import Call, Done, Tool
from activities.tools.pictures import Looking
from activities.tools.reading import Line, files_beneath, lines_of, open_beneath, parts_of
from activities.tools.roots import Joined
from activities.workspace.package import LEFT_OUT
from activities.workspace.repository import MOST_FILES
from activities.workspace.yamls import NotYaml, read_yaml
from schemas.tool import EditFile, FileEntry, FileList, ListFiles, ReadFile, WriteConfig, WriteFile, Written

MOST_ENTRIES = 400
LONGEST_LINE = 2_000
LONGEST_TEXT = 40_000
LONGEST_LIST = 100_000  # characters
LARGEST_TEXT = 1_000_000  # characters that write_file takes


class Reading:
    """list_files, read_file and view_image over what a role may see."""

    def __init__(self, tree: Joined) -> None:
        self._tree = tree

    def tools(self) -> tuple[Tool, ...]:
        return (
            Tool(
                "list_files",
                f"Lists files with their sizes in bytes, at and below a folder of the tree that you see; "
                f"{MOST_ENTRIES} at most, `left_out` counts the rest. A folder such as `data` or `results` is listed "
                f"when it is named.",
                ListFiles,
                self.list_files,
                reads_only=True,
                shown=LONGEST_LIST,
            ),
            Tool(
                "read_file",
                f"Reads lines of a text file, as plain text: up to {LONGEST_TEXT} characters, lines cut at "
                f"{LONGEST_LINE}. Where more lines follow, the last line says with which `offset` to go on.",
                ReadFile,
                self.read_file,
                reads_only=True,
                shown=LONGEST_TEXT + LONGEST_LINE,
            ),
            Looking(self._tree).tool(),
        )

    async def list_files(self, given: ListFiles, _call: Call) -> Done:
        found = await self._tree.files(parts_of(given.path))
        entries = tuple(FileEntry(path=path, size=size) for path, size in found[:MOST_ENTRIES])
        return Done(FileList(files=entries, left_out=len(found) - len(entries)))

    async def read_file(self, given: ReadFile, _call: Call) -> Done:
        with await self._tree.open(parts_of(given.path)) as file:
            lines = await asyncio.to_thread(lines_of, file, given.offset, given.lines + 1)
        if b"\0" in b"".join(line.text for line in lines[:20])[:8_192]:
            raise ToolFailed(f"{given.path} is not text; view_image shows pictures, and no tool other binary files")
        return Done(_shown(lines, given))


def _shown(lines: Sequence[Line], given: ReadFile) -> str:
    """As many of the lines as fit, the rest announced."""
    text: list[str] = []
    taken = 0
    for line in lines[: given.lines]:
        words = line.text.decode(errors="replace")
        if line.left_out or len(words) > LONGEST_LINE:
            left_out = len(words) - len(words[:LONGEST_LINE]) + line.left_out
            words = f"{words[:LONGEST_LINE]} [{left_out} characters left out]\n"
        taken += len(words)
        if taken > LONGEST_TEXT and text:
            break
        text.append(words)
    more = len(text) < len(lines)
    return "".join(text) + (f"[more lines follow: offset={given.offset + len(text)}]\n" if more else "")


class Writing:
    """write_file and edit_file in a working tree; `only` names the files that the role may write."""

    def __init__(self, folder: Path, tree: Joined, only: Collection[str] = ()) -> None:
        self._folder = folder
        self._tree = tree
        self._only = only

    def write_tool(self) -> Tool:
        which = (
            f"{' or '.join(self._only)}, which is all that you may write" if self._only else "any of your repository"
        )
        what = f"Writes a whole text file, new or in place of what was there: {which}. Returns its size in bytes."
        return Tool("write_file", what, WriteFile, self.write_file)

    def tools(self) -> tuple[Tool, ...]:
        edit = (
            "Replaces one passage of a text file of your repository. `old` must occur exactly once, to the letter and "
            "the blank, so give enough lines of it. For small changes: it is cheaper and safer than the whole file."
        )
        return self.write_tool(), Tool("edit_file", edit, EditFile, self.edit_file)

    async def write_file(self, given: WriteFile, _call: Call) -> Done:
        return Done(self._write(given.path, given.text))

    async def edit_file(self, given: EditFile, _call: Call) -> Done:
        parts = self._writable(given.path)
        with open_beneath(self._folder, parts) as file:
            text = file.read().decode(errors="replace")
        count = text.count(given.old) if given.old else 0
        if count != 1:
            raise ToolFailed(f"the passage to replace occurs {count} times in {given.path}, and must occur once")
        return Done(self._write(given.path, text.replace(given.old, given.new)))

    def _write(self, path: str, text: str) -> Written:
        parts = self._writable(path)
        if len(text) > LARGEST_TEXT:
            raise ToolFailed(f"the text has {len(text)} characters; at most {LARGEST_TEXT} are written")
        target = self._folder.joinpath(*parts)
        if not target.exists() and sum(1 for _ in files_beneath(self._folder)) >= MOST_FILES:
            raise ToolFailed(f"the repository already holds {MOST_FILES} files, and no more are kept")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise ToolFailed(f"{path} cannot be written: {error}".replace(f"{self._folder}/", "")) from None
        return Written(path="/".join(parts), size=target.stat().st_size)

    def _writable(self, path: str) -> tuple[str, ...]:
        parts = parts_of(path)
        if not parts:
            raise ToolFailed("name a file")
        if self._only and "/".join(parts) not in self._only:
            raise ToolFailed(f"you may write {' and '.join(self._only)} only, and not {path}")
        if self._tree.read_only(path) and not self._only:
            raise ToolFailed(f"{path} is there to be read only")
        if parts[0] in LEFT_OUT:
            raise ToolFailed(f"a delivered model has no folder {parts[0]} of its code's own: give it another name")
        if any(part.lower() == ".git" for part in parts):
            raise ToolFailed("a repository has no .git of its own; versions are kept for you")
        if any(ord(letter) < 32 for letter in path):  # nothing could remove it, and no version could hold it
            raise ToolFailed("a file's name has no line breaks or other control characters")
        return parts


class Configuring:
    """write_config: the tuner's only way to change its repository."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "config.yaml"

    def tools(self) -> tuple[Tool, ...]:
        what = (
            "Writes the whole new config.yaml: a mapping with every key that it has now, for train.py reads them. It "
            "takes effect with the next training."
        )
        return (Tool("write_config", what, WriteConfig, self.write_config),)

    async def write_config(self, given: WriteConfig, _call: Call) -> Done:
        new = mapping(given.text, "config.yaml")
        old = mapping(self._file.read_text(), "config.yaml") if self._file.is_file() else {}
        lost = sorted(set(map(str, old)) - set(map(str, new)))
        if lost:
            raise ToolFailed(f"config.yaml must keep all its keys, for train.py reads them; missing: {_some(lost)}")
        self._file.write_text(given.text, encoding="utf-8")
        return Done(Written(path="config.yaml", size=self._file.stat().st_size))


def mapping(text: str, name: str) -> dict[object, object]:
    """YAML that must be a mapping. Raises ToolFailed that says where it is not."""
    try:
        value = read_yaml(text)
    except NotYaml as error:
        raise ToolFailed(f"{name} is not valid YAML: {error}") from None
    if not isinstance(value, dict):
        raise ToolFailed(f"{name} must be a mapping of keys to values, and is {type(value).__name__}")
    return value


def _some(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:10])
