"""Further files of the data folder, and which of them agents may see: none that could hold withheld labels."""

import re
from collections.abc import Sequence
from pathlib import Path

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
    for path in extras:
        why = _why_not(given.data / path, targets)
        if why is None:
            safe.append(path)
        else:
            notes.append(f"{path} was left out of the views: {why}")
    return tuple(safe), notes


def _why_not(path: Path, targets: Sequence[str]) -> str | None:
    if is_table(path):
        held = [name for name in targets if name in read_table(path).columns]
        return f"its column {held[0]!r} could show withheld labels" if held else None
    if _CLOSED.search(path.name):
        return "what is inside could show withheld labels; unpack or convert it, if models need it"
    if not _MEDIA.search(path.name) and _LABELLED.search(path.stem.lower()):
        return "by its name it could show withheld labels; rename it, if it does not"
    return None
