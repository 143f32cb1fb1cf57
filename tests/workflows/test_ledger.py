"""The ledger is a chain that cannot be changed unseen."""

from datetime import timedelta

from schemas.base import canonical, digest
from schemas.decision import Tune
from schemas.event import LedgerEntry, ManagerDecided, PersonSteered, RunPaused
from tests.workflows.facts import START
from workflows import ledger


def chain() -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    previous = ledger.GENESIS
    for number, note in enumerate(("one", "two", "three"), start=1):
        at = START + timedelta(seconds=number)
        entries.append(ledger.entry(PersonSteered(note=note), seq=number, at=at, previous=previous))
        previous = entries[-1].digest
    return entries


def test_an_untouched_chain_holds_also_after_a_round_trip_through_json() -> None:
    entries = [LedgerEntry.model_validate_json(entry.model_dump_json()) for entry in chain()]
    assert ledger.broken_at(entries) is None


def test_a_changed_a_dropped_and_a_reordered_entry_are_found() -> None:
    entries = chain()
    changed = [entries[0], entries[1].model_copy(update={"event": PersonSteered(note="TWO")}), entries[2]]
    assert ledger.broken_at(changed) == 2
    assert ledger.broken_at([entries[0], entries[2]]) == 3
    assert ledger.broken_at([entries[1], entries[0], entries[2]]) == 2


def test_a_field_that_newer_code_adds_with_a_default_changes_no_digest() -> None:
    class Older(RunPaused):
        pass

    class Newer(RunPaused):
        severity: int = 0

    assert digest(Older(by="person")) == digest(Newer(by="person"))
    assert digest(Newer(by="person", severity=1)) != digest(Older(by="person"))


def test_the_tag_of_a_union_is_part_of_the_digest() -> None:
    event = ManagerDecided(turn=1, decisions=(Tune(candidate=1, minutes=2.0, brief="go"),))
    assert b'"kind":"tune"' in canonical(event)
    assert b'"kind":"manager_decided"' in canonical(event)


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"a":{"c":3,"d":2},"b":1}'
