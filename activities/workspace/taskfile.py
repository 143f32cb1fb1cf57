"""The task as a person gave it: `task.yaml`, description, and where the data lies."""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from activities.errors import BadInput
from activities.workspace.tables import is_table
from activities.workspace.yamls import NotYaml, read_yaml
from schemas.task import SplitFile, TaskFile

TASK_FILE = "task.yaml"
DESCRIPTIONS = ("description.md", "description.txt", "README.md", "README.txt", "readme.md", "readme.txt")
SCRIPTS = ("grade.py", "split.py")


@dataclass(frozen=True)
class Given:
    """A task folder, read: nothing inferred yet. `description_file` is None where the text stands in task.yaml."""

    folder: Path
    file: TaskFile
    data: Path
    description: str
    description_file: Path | None


def read_given(folder: Path) -> Given:
    """Reads a task folder; BadInput says what is missing or misspelt."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder")
    file = read_task_file(folder)
    text, where = _description(folder, file)
    data = _data_folder(folder, file)
    _check_links(data)
    return Given(folder, file, data, text, where)


def read_task_file(folder: Path) -> TaskFile:
    """`task.yaml` of the folder, or an empty one where there is none."""
    path = folder / TASK_FILE
    if not path.is_file():
        return TaskFile()
    try:
        content = read_yaml(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except NotYaml as error:
        raise BadInput(f"{path} is not valid YAML: {error}") from error
    return parse_task_file(content, str(path))


def parse_task_file(content: object, where: str) -> TaskFile:
    """Checks what was read from YAML; errors name the key, and the nearest known one."""
    if content is None:
        return TaskFile()
    if not isinstance(content, dict):
        raise BadInput(f"{where}: expected keys such as `target: price`, found {type(content).__name__}")
    values: dict[str, Any] = {str(key): value for key, value in content.items()}
    if isinstance(values.get("split"), str):  # `split: time` for `split: {kind: time}`
        values["split"] = {"kind": values["split"]}
    try:
        return TaskFile.model_validate(values)
    except ValidationError as error:
        raise BadInput(f"{where}: {'; '.join(_problems(error))}") from error


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean ...?' for a misspelt word, or a list of what is known."""
    names = list(known)
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), lowered, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(f"`{lowered[name]}`" for name in close) + "?"
    return "known are " + ", ".join(names)


def files_below(folder: Path) -> list[Path]:
    """All files of a folder, sorted, hidden ones left out."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _check_links(data: Path) -> None:
    """A data set from elsewhere could name any file of this machine, and agents would see it."""
    inside = os.path.realpath(data)
    for base, folders, names in os.walk(data):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(base, name) for name in (*folders, *names) if not name.startswith(".")):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside):
                raise BadInput(
                    f"{path} is a symbolic link to {os.path.realpath(path)}, outside of the data: put there what it "
                    "leads to, if that is part of the data, or else remove the link"
                )


def _problems(error: ValidationError) -> list[str]:
    return [_problem(item) for item in error.errors()]


def _problem(item: Mapping[str, Any]) -> str:
    path = [str(part) for part in item["loc"] if part not in ("str", "list[str]")]
    key = ".".join(path)
    if item["type"] == "extra_forbidden":
        model: type[BaseModel] = SplitFile if len(path) > 1 else TaskFile
        return f"unknown key `{key}`; {nearest(path[-1], model.model_fields)}"
    return f"key `{key}`: {item['msg'].lower()}, not {item['input']!r}"


def _description(folder: Path, file: TaskFile) -> tuple[str, Path | None]:
    if file.description is not None:
        named = folder / file.description if len(file.description) < 200 and "\n" not in file.description else None
        if named is not None and named.is_file():
            return _text(named), named
        if named is not None and named.suffix in (".md", ".txt", ".rst"):
            raise BadInput(f"{TASK_FILE}: key `description` names {file.description}, which is not in {folder}")
        return file.description, None
    for base in (folder, folder / "data"):
        for name in DESCRIPTIONS:
            if (base / name).is_file():
                return _text(base / name), base / name
    return "", None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def _data_folder(folder: Path, file: TaskFile) -> Path:
    if file.data is not None:
        data = folder / file.data
        if not data.is_dir():
            raise BadInput(f"{TASK_FILE}: key `data` names {file.data}, which is not a folder: {data}")
        return data
    if (folder / "data").is_dir():
        return folder / "data"
    if any(is_table(path) for path in folder.iterdir() if path.is_file()):
        return folder
    raise BadInput(f"{folder} holds no data: put the tables into {folder / 'data'}, or name their folder with `data`")
