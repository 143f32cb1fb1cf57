"""Histories are kept by version: a new recording takes no older one's place."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.event import LedgerEntry, PhaseEntered
from tests.histories import AlreadyKept, archive, archives


def ledger(digest: str) -> list[LedgerEntry]:
    event = PhaseEntered(phase="EXPLORING")
    return [LedgerEntry(seq=1, at=datetime(2026, 1, 1, tzinfo=UTC), event=event, previous="", digest=digest)]


def test_each_version_has_its_own_and_all_are_found(tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        archive(version, tmp_path).keep("delivered", [f"by {version}"], ledger(f"of {version}"))
    found = {one.version: one.kept("delivered") for one in archives(tmp_path)}
    assert {version: (kept.histories, kept.head) for version, kept in found.items()} == {
        "1.0.0": (("by 1.0.0",), "of 1.0.0"),
        "1.1.0": (("by 1.1.0",), "of 1.1.0"),
    }


def test_what_is_kept_is_replaced_only_on_demand_and_then_wholly(tmp_path: Path) -> None:
    made = archive("1.0.0", tmp_path)
    made.keep("delivered", ["one", "two"], ledger("before"))
    made.keep("failed", ["another"], ledger("other"))
    with pytest.raises(AlreadyKept, match=r"version 1\.0\.0 has delivered already"):
        made.keep("delivered", ["again"], ledger("after"))
    assert made.kept("delivered").histories == ("one", "two")
    made.keep("delivered", ["again"], ledger("after"), replace=True)
    assert (made.kept("delivered").histories, made.kept("delivered").head) == (("again",), "after")
    assert made.kept("failed").histories == ("another",)


def test_executions_stay_in_their_order(tmp_path: Path) -> None:
    texts = [f"execution {number}" for number in range(1, 13)]
    archive("1.0.0", tmp_path).keep("continued", texts, ledger("x"))
    assert list(archive("1.0.0", tmp_path).kept("continued").histories) == texts
