"""Writing the reports."""

import os
import tempfile
from pathlib import Path

from activities.workspace.layout import Layout
from activities.workspace.report.card import card
from activities.workspace.report.facts import Facts
from activities.workspace.report.page import page
from activities.workspace.report.paper import paper
from activities.workspace.report.record import read_record


def render(layout: Layout) -> list[Path]:
    """Writes `report.html` and `progress.pdf`, and the card of the model if one is delivered. May be called again."""
    facts = Facts(read_record(layout))
    layout.output.mkdir(parents=True, exist_ok=True)
    written = [
        write(layout.output / "report.html", page(facts, layout).encode()),
        write(layout.output / "progress.pdf", paper(facts, layout)),
    ]
    model = layout.output / "model"
    if model.is_dir():
        written.append(write(model / "MODEL_CARD.md", card(facts, lock(model)).encode()))
    return written


def lock(model: Path) -> str:
    path = model / "requirements.lock"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def write(path: Path, content: bytes) -> Path:
    """Whole or not at all: a reader never sees half a report."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(beside).chmod(0o644)
    return Path(beside).replace(path)
