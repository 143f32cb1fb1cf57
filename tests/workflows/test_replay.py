"""Histories of every version, replayed: this code would decide as they were decided, and derives the same ledger."""

import base64
import json
import re
from typing import Any, get_args

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from schemas.event import Event, LedgerEntry
from tests.histories import VERSION, Archive, Kept, archive, archives
from workflows import fold, ledger
from workflows.build import BuildWorkflow
from workflows.replay import rederive
from workflows.runner import runner

PHASES = {  # of each kind of run, when its history was taken
    "delivered": "DONE",
    "greedy": "DONE",
    "continued": "DONE",
    "attempts": "DONE",
    "contested": "DONE",
    "steered": "STOPPED",
    "spoken": "DONE",
    "stopped": "STOPPED",
    "failed": "FAILED",
    "paused": "EXPLORING",
    "unfinished": "EXPLORING",
    "diabetes": "DONE",
}
EVERY = [pytest.param(one, kind, id=f"{one.version}-{kind}") for one in archives() for kind in sorted(one.heads())]
RARE = {"overrun"}  # only a delivery that takes longer than its reserve has it


def altered(history: str, old: str, new: str) -> str:
    """The history with one thing in it otherwise; fails if it is not there."""
    assert old in history
    return history.replace(old, new, 1)


def payload(old: str, new: str, history: str) -> tuple[str, str]:
    """The first payload of the history that holds `old`, as it stands there, and as it would stand with `new`."""
    for found in re.findall(r'"data": "([^"]+)"', history):
        text = base64.b64decode(found).decode()
        if old in text:
            return found, base64.b64encode(text.replace(old, new).encode()).decode()
    raise AssertionError(f"no payload holds {old}")


def caused(event: dict[str, Any]) -> bool:
    """True for an event that a step of the workflow caused."""
    return "WORKFLOW_EXECUTION_UPDATE" in event["eventType"] or "workflowTaskCompletedEventId" in json.dumps(event)


def event_kinds(found: list[LedgerEntry]) -> set[str]:
    return {entry.event.kind for entry in found}


Derived = dict[tuple[str, str], list[LedgerEntry]]


def kept(kind: str) -> Kept:
    """As the present version made it."""
    return archive().kept(kind)


@pytest.fixture(scope="module")
async def every() -> Derived:
    """The ledgers of all versions, by version and kind."""
    return {
        (one.version, kind): await rederive(kind, one.kept(kind).histories)
        for one in archives()
        for kind in one.heads()
    }


@pytest.fixture
def derived(every: Derived) -> dict[str, list[LedgerEntry]]:
    """The present version's, by kind."""
    return {kind: found for (version, kind), found in every.items() if version == VERSION}


def test_the_present_version_has_every_kind_of_run() -> None:
    assert set(archive().heads()) == set(PHASES)


@pytest.mark.parametrize(("made", "kind"), EVERY)
async def test_a_worker_of_today_takes_up_a_history_where_it_stands(made: Archive, kind: str) -> None:
    replayer = Replayer(workflows=[BuildWorkflow], data_converter=pydantic_data_converter, workflow_runner=runner())
    for number, history in enumerate(made.kept(kind).histories):
        await replayer.replay_workflow(WorkflowHistory.from_json(f"{kind}.{number}", history))


@pytest.mark.parametrize(("made", "kind"), EVERY)
def test_the_ledger_comes_out_as_it_was_to_the_last_digest(every: Derived, made: Archive, kind: str) -> None:
    found, known = every[made.version, kind], made.kept(kind)
    assert (len(found), found[-1].digest) == (known.entries, known.head)
    assert ledger.broken_at(found) is None


@pytest.mark.parametrize(("made", "kind"), EVERY)
def test_the_state_at_the_end_is_what_the_ledger_folds_to(every: Derived, made: Archive, kind: str) -> None:
    begun, *later = every[made.version, kind]
    state = fold.begin(begun)
    for entry in later:
        state = fold.apply(state, entry)
    known = made.kept(kind)
    assert (state.phase, state.seq, state.head) == (PHASES[kind], known.entries, known.head)
    assert bool(state.paused) == (kind == "paused")
    assert bool(state.in_flight) == (kind == "unfinished")


def test_the_kept_runs_hold_every_kind_of_event(derived: dict[str, list[LedgerEntry]]) -> None:
    every = {member.model_fields["kind"].default for member in get_args(get_args(Event)[0])}
    assert every - {kind for found in derived.values() for kind in event_kinds(found)} == RARE


@pytest.mark.parametrize("kind", ["contested", "stopped", "steered"])
async def test_a_run_read_at_any_moment_has_the_ledger_that_it_keeps(
    derived: dict[str, list[LedgerEntry]], kind: str
) -> None:
    """Cut anywhere, a history gives the ledger's beginning, and nothing that did not happen."""
    events = json.loads(kept(kind).histories[0])["events"]
    lengths = []
    for length in range(1, len(events) + 1):
        if length < len(events) and caused(events[length]):
            continue  # the server writes a step of the workflow and all that it caused at once
        found = await rederive(kind, [json.dumps({"events": events[:length]})])
        assert found == derived[kind][: len(found)]
        lengths.append(len(found))
    assert lengths == sorted(lengths)
    assert lengths[-1] == len(derived[kind])


def test_a_run_that_went_on_in_new_executions_has_one_chain_over_all_of_them(
    derived: dict[str, list[LedgerEntry]],
) -> None:
    assert len(kept("continued").histories) >= 2
    assert [entry.seq for entry in derived["continued"]] == list(range(1, kept("continued").entries + 1))


async def test_without_its_first_execution_a_chain_does_not_begin_at_its_beginning() -> None:
    found = await rederive("continued", kept("continued").histories[1:])
    assert ledger.broken_at(found) == found[0].seq


async def test_a_history_in_which_another_step_was_taken_does_not_replay() -> None:
    [history] = kept("delivered").histories
    with pytest.raises(workflow.NondeterminismError):
        await rederive("delivered", [altered(history, '"designer.1.', '"designer.9.')])


async def test_a_history_in_which_a_result_was_changed_gives_another_ledger() -> None:
    """Changed where it decides nothing, so that only the digests can tell."""
    [history] = kept("delivered").histories
    found = await rederive("delivered", [altered(history, *payload("ready", "Ready", history))])
    assert len(found) == kept("delivered").entries
    assert found[-1].digest != kept("delivered").head


async def test_nobody_is_named_by_the_committed_histories() -> None:
    for history in (text for made in archives() for kind in made.heads() for text in made.kept(kind).histories):
        assert set(re.findall(r'"identity": ?"([^"]*)"', history)) == {"maker"}
        assert 'File "' not in history
