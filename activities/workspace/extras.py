"""Further files of the data folder, and which of them agents may see: none that could hold withheld labels."""

import re
from collections.abc import Sequence
from pathlib import Path

from activities.errors import BadInput
from activities.workspace.tables import is_table, read_table
from activities.workspace.taskfile import Given

# what cannot be looked into here, and often is the whole data once more
_CLOSED = re.compile(
    r"\.(zip|tar|tgz|gz|bz2|xz|7z|rar|pkl|pickle|joblib|db|sqlite3?|xlsx?|ods|rds|rdata|sas7bdat|dta|sav)$",
    re.IGNORECASE,
)
_MEDIA = re.compile(
    r"\.(png|jpe?g|gif|bmp|tiff?|webp|dcm|nii|svs|wav|mp3|flac|ogg|m4a|mp4|avi|mov|mkv|pdf)$", re.IGNORECASE
)
_LABELLED = re.compile(r"(^|[^a-z])(train(ing)?|labels?|targets?|answers?|solutions?|ground_?truth|y)([^a-z]|$)")


def safe_extras(given: Given, extras: Sequence[Path], targets: Sequence[str]) -> tuple[tuple[Path, ...], list[str]]:
    """(files for the views, notes on those left out); paths are relative to the data folder."""
    safe, notes = [], []
    taken = {"task.json", given.description_file.name if given.description_file else "description.md"}
    for path in extras:
        if path.as_posix() in taken:
            notes.append(f"{path} was left out of the views, which have a file of that name already")
            continue
        why = _why_not(given.data / path, targets)
        if why is None:
            safe.append(path)
        else:
            notes.append(f"{path} was left out of the views: {why}")
    return tuple(safe), notes


def _why_not(path: Path, targets: Sequence[str]) -> str | None:
    if is_table(path):
        return _why_not_table(path, targets)
    if _CLOSED.search(path.name):
        return "what is inside could show withheld labels; unpack or convert it, if models need it"
    if not _MEDIA.search(path.name) and _LABELLED.search(path.stem.lower()):
        return "by its name it could show withheld labels; rename it, if it does not"
    return None


def _why_not_table(path: Path, targets: Sequence[str]) -> str | None:
    try:
        columns = read_table(path).columns
    except BadInput as error:  # no part of the task: what cannot be read is no reason to stop
        return f"it cannot be looked into ({error})"
    held = [name for name in targets if name in columns]
    return f"its column {held[0]!r} could show withheld labels" if held else None
