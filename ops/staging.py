"""A run's folder, made whole or not at all: the task as given, with its data referenced where it lies."""

import random
import shutil
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from activities.errors import BadInput
from activities.execution.durable import sync_file_systems
from activities.workspace import prepare
from activities.workspace.layout import Layout
from activities.workspace.taskfile import SCRIPTS, TASK_FILE, Given, read_given
from ops.asked import Asked, Spec
from ops.settings import Settings
from schemas.base import RunRef
from schemas.run import RunSpec
from schemas.task import TaskFile

DESCRIPTION = "description.md"
LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Staged:
    """A task written out for a run, not yet placed."""

    folder: Path
    source: Path
    name: str


def stage(asked: Asked, folder: Path) -> Staged:
    """Writes the task into `folder`: task.yaml with the data by its absolute path, description, scripts."""
    source = asked.task or asked.data
    if source is None:
        raise BadInput("what is to be built? Give a task folder, or --data-dir with --instruction")
    given = read_given(source.expanduser().resolve())
    file = _absolute(given)
    if asked.task is not None and asked.data is not None:
        file = file.model_copy(update={"data": str(_folder(asked.data))})
    description = given.description if asked.instruction is None else _instruction(asked.instruction)
    name = asked.name or file.name or _named_after(given.folder)
    folder.mkdir(parents=True)
    _copy_scripts(given, folder)
    _write(folder, file.model_copy(update={"name": name}), description)
    return Staged(folder, given.folder, name)


def check(staged: Staged, seed: int) -> None:
    """Looks at task and data as preparation will; BadInput names what is wrong, and where."""
    try:
        prepare.check(staged.folder, seed=seed)
    except BadInput as error:
        raise BadInput(str(error).replace(str(staged.folder), str(staged.source))) from error


def _named_after(folder: Path) -> str:
    return (folder.parent if folder.name == "data" else folder).name or "task"


def _write(folder: Path, file: TaskFile, description: str) -> None:
    (folder / DESCRIPTION).write_text(description, encoding="utf-8")
    content = file.model_copy(update={"description": DESCRIPTION}).model_dump(mode="json", exclude_defaults=True)
    (folder / TASK_FILE).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _folder(path: Path) -> Path:
    found = path.expanduser().resolve()
    if not found.is_dir():
        raise BadInput(f"--data-dir {path}: there is no such folder")
    return found


def _instruction(text: str) -> str:
    """The text itself, or what `@file` holds."""
    if not text.startswith("@"):
        return text
    path = Path(text[1:]).expanduser()
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"--instruction @{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"--instruction @{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def _absolute(given: Given) -> TaskFile:
    """task.yaml with every path good from elsewhere: absolute for files beside it, in the data as they are."""
    file = given.file
    changes: dict[str, object] = {"data": str(given.data.resolve())}
    for key in ("train", "test", "sample_submission"):
        changes[key] = _placed(given, getattr(file, key))
    if file.split is not None:
        files = {key: _placed(given, getattr(file.split, key)) for key in ("select_file", "report_file")}
        changes["split"] = file.split.model_copy(update=files)
    return file.model_copy(update=changes)


def _placed(given: Given, name: str | None) -> str | None:
    if name is None or (given.data / name).exists() or not (given.folder / name).exists():
        return name
    return str((given.folder / name).resolve())


def _copy_scripts(given: Given, folder: Path) -> None:
    """The task's own Python: the run keeps what it was scored by, whatever becomes of the original."""
    own = {path.name for path in given.folder.glob("*.py")} | set(SCRIPTS)
    named = (given.file.metric or "").partition(":")[0], given.file.split_script or ""
    for name in own | {name for name in named if name.endswith(".py")}:
        source = given.folder / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def new_id(name: str, now: datetime) -> str:
    """Such as bike-sharing-20261121-0312-k3f: told apart by people, and by Temporal."""
    slug = "-".join(
        "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name.lower()).split()
    )
    tag = "".join(random.SystemRandom().choices(LETTERS, k=3))
    return f"{slug[:40].strip('-') or 'task'}-{now.astimezone(UTC):%Y%m%d-%H%M}-{tag}"


def place(settings: Settings, staged: Staged, playground: Path | None, spec: Spec, *, searchable: bool) -> RunSpec:
    """Moves a checked task to where its run will live, and writes the run's spec beside it."""
    run = new_id(staged.name, datetime.now(UTC))
    base = playground.expanduser().absolute() if playground else settings.runs
    where = Layout(base / run)
    made = RunSpec(
        run=RunRef(id=run, folder=str(where.folder)),
        name=staged.name,
        settings=spec.settings,
        budget=spec.budget,
        search_attributes=searchable,
    )
    try:
        where.folder.mkdir(parents=True)
        shutil.copytree(staged.folder, where.task)
        where.spec.write_text(made.model_dump_json(indent=2))
        if playground:
            settings.runs.mkdir(parents=True, exist_ok=True)
            (settings.runs / run).symlink_to(where.folder)
        sync_file_systems((where.folder, settings.runs))  # a run that the server knows has its folder, whatever comes
    except OSError as error:
        unplace(settings, made)
        raise BadInput(f"the run's folder {where.folder} cannot be written: {error.strerror}") from error
    return made


def unplace(settings: Settings, spec: RunSpec) -> None:
    """Takes a run's folder away again, for a run that could not be started."""
    shutil.rmtree(spec.run.folder, ignore_errors=True)
    link = settings.runs / spec.run.id
    if link.is_symlink():
        link.unlink()
