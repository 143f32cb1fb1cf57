"""Writing the reports."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from activities.workspace.layout import Layout
from activities.workspace.report.card import card
from activities.workspace.report.facts import Facts
from activities.workspace.report.page import page
from activities.workspace.report.paper import paper
from activities.workspace.report.record import read_record
from schemas.event import DeliveryVerified

LOCK = "requirements.lock"

Write = Callable[[Path, bytes], Path]


def write(path: Path, content: bytes) -> Path:
    """Whole or not at all: a reader never sees half a report."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(beside).chmod(0o644)
    return Path(beside).replace(path)


def render(layout: Layout, write: Write = write) -> list[Path]:
    """Writes `report.html` and `progress.pdf`, and the card of the model if one is delivered. May be called again."""
    facts = read_facts(layout)
    layout.output.mkdir(parents=True, exist_ok=True)
    written = [
        write(layout.output / "report.html", page(facts, layout).encode()),
        write(layout.output / "progress.pdf", paper(facts, layout)),
    ]
    model = layout.output / "model"
    return [*written, write_card(model, facts, write)] if model.is_dir() else written


def read_facts(layout: Layout, delivering: DeliveryVerified | None = None) -> Facts:
    """The run so far, and what is about to enter its ledger."""
    return Facts(read_record(layout), delivering)


def write_card(model: Path, facts: Facts, write: Write = write) -> Path:
    """The card of the model in that folder, whose environment lock lies there already."""
    lock = model / LOCK
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    return write(model / "MODEL_CARD.md", card(facts, text).encode())
