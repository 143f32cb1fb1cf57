"""Files that are whole at any moment."""

import errno
import os
from pathlib import Path

import pytest

from activities.execution import durable


def test_a_full_disk_leaves_no_draft_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "state.json"
    durable.write_whole(path, "old")
    monkeypatch.setattr(os, "fsync", full)
    for write in (durable.write_whole, durable.write_once):
        with pytest.raises(OSError, match="No space left"):
            write(path, "new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"
