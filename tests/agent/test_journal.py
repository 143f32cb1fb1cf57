"""Segments: what was complete is kept, and what an older attempt writes after it was left is void."""

import asyncio
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.agent.journal import FileJournal, Superseded, ended, last_tree, opening, read
from activities.agent.records import Asking, Ended, Opened, Replied, Result, Unanswered, spent
from activities.models.scripted import says
from schemas.budget import Usage
from schemas.message import Message, TextBlock

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def first(text: str) -> Message:
    return Message(role="user", content=(TextBlock(text=text),))


async def begin(folder: Path, attempt: int) -> FileJournal:
    return await FileJournal.open(folder, attempt, first(f"opening {attempt}"), now=lambda: NOW)


def asking(turn: int) -> Asking:
    return Asking(at=NOW, turn=turn)


def replied(turn: int, text: str = "", *, tokens: int = 10, dollars: float | None = 0.5) -> Replied:
    reply = says(text).model_copy(update={"usage": Usage(input_tokens=tokens), "dollars": dollars})
    return Replied(turn=turn, reply=reply, seconds=2.0)


def result(number: int, tree: str | None = None, **more: float) -> Result:
    return Result(number=number, tool="write_file", tool_use=f"use_{number}", content="{}", tree=tree, **more)


def turns(journal: FileJournal) -> list[int]:
    return [record.turn for record in journal.records if isinstance(record, Replied)]


async def test_a_later_attempt_takes_over_what_was_complete(tmp_path: Path) -> None:
    one = await begin(tmp_path, 1)
    for record in (asking(1), replied(1), result(1, tree="t1")):
        await one.append(record)

    two = await begin(tmp_path, 2)

    assert two.records[:4] == one.records
    assert isinstance(two.records[4], Opened)
    assert two.records[4].adopts == {1: 4}


async def test_what_an_older_attempt_writes_later_is_ignored_and_stops_it(tmp_path: Path) -> None:
    one = await begin(tmp_path, 1)
    await one.append(asking(1))
    await one.append(replied(1, "kept"))

    two = await begin(tmp_path, 2)
    with pytest.raises(Superseded):
        await one.append(asking(2))
    with pytest.raises(Superseded):
        await one.append(replied(2, "too late"))
    await two.append(asking(2))
    await two.append(replied(2, "in time"))
    three = await begin(tmp_path, 3)
    with pytest.raises(Superseded):
        await two.append(replied(3, "too late as well"))

    for journal in (three.records, read(tmp_path)):
        assert [record.reply.text for record in journal if isinstance(record, Replied)] == ["kept", "in time"]


async def test_an_attempt_that_was_killed_before_it_opened_decides_nothing(tmp_path: Path) -> None:
    one = await begin(tmp_path, 1)
    await one.append(replied(1))
    (tmp_path / "a2.jsonl").write_bytes(b'{"kind":"opened","at":"2026-')

    three = await begin(tmp_path, 3)

    assert turns(three) == [1]


async def test_a_segment_cut_at_any_byte_keeps_what_was_complete(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    journal = await begin(whole, 1)
    for record in (asking(1), replied(1, "some text with ümlauts\nand a line"), result(1)):
        await journal.append(record)
    written = (whole / "a1.jsonl").read_bytes()
    ends = [place + 1 for place, byte in enumerate(written) if byte == ord("\n")]

    for cut in range(len(written) + 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "a1.jsonl").write_bytes(written[:cut])
        complete = sum(end <= cut for end in ends)
        assert read(folder) == journal.records[:complete], f"cut at byte {cut}"


async def test_a_writer_that_is_cancelled_leaves_a_whole_record(tmp_path: Path) -> None:
    journal = await begin(tmp_path, 1)
    writing = asyncio.create_task(journal.append(replied(1, "x" * 1_000_000)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    journal.close()
    assert [record.turn for record in read(tmp_path) if isinstance(record, Replied)] == [1]


async def test_what_did_not_fit_on_disk_hides_nothing_that_is_written_later(tmp_path: Path) -> None:
    journal = await begin(tmp_path, 1)
    await journal.append(asking(1))
    room = (tmp_path / "a1.jsonl").stat().st_size + 100
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            await journal.append(replied(1, "x" * 1_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    await journal.append(replied(1, "once there was room"))
    assert read(tmp_path) == journal.records
    assert [record.reply.text for record in read(tmp_path) if isinstance(record, Replied)] == ["once there was room"]


async def test_an_attempt_begins_once(tmp_path: Path) -> None:
    await begin(tmp_path, 1)
    with pytest.raises(FileExistsError):
        await begin(tmp_path, 1)


async def test_the_conversation_keeps_the_opening_that_was_answered(tmp_path: Path) -> None:
    one = await begin(tmp_path, 1)
    await one.append(asking(1))
    two = await begin(tmp_path, 2)
    assert opening(two.records) == first("opening 2")
    await two.append(replied(1))
    assert opening((await begin(tmp_path, 3)).records) == first("opening 2")


async def test_the_tree_is_that_of_the_last_call_whatever_order_results_came_in(tmp_path: Path) -> None:
    journal = await begin(tmp_path, 1)
    assert last_tree(journal.records) is None
    for record in (result(1, "t1"), result(3, "t3"), result(2), result(4)):
        await journal.append(record)
    assert last_tree(journal.records) == "t3"


async def test_spend_counts_a_call_in_flight_at_a_kill_as_lost(tmp_path: Path) -> None:
    one = await begin(tmp_path, 1)
    for record in (asking(1), replied(1), result(1, jobs=1, job_seconds=3.0), asking(2)):
        await one.append(record)
    two = await begin(tmp_path, 2)
    for record in (asking(2), replied(2), asking(3), Unanswered(turn=3, error="no key")):
        await two.append(record)

    spend = spent(two.records)

    assert (spend.model_calls, spend.lost_calls, spend.jobs) == (2, 1, 1)
    assert (spend.usage.input_tokens, spend.dollars) == (20, 1.0)
    assert (spend.model_seconds, spend.job_seconds) == (4.0, 3.0)


async def test_an_unknown_price_is_not_zero(tmp_path: Path) -> None:
    journal = await begin(tmp_path, 1)
    for record in (asking(1), replied(1), asking(2), replied(2, dollars=None)):
        await journal.append(record)
    assert spent(journal.records).dollars is None


async def test_an_invocation_that_never_began_has_no_records(tmp_path: Path) -> None:
    assert read(tmp_path / "never") == ()
    assert ended(()) is None


async def test_the_end_is_found(tmp_path: Path) -> None:
    journal = await begin(tmp_path, 1)
    await journal.append(Ended(at=NOW))
    assert ended(read(tmp_path)) == Ended(at=NOW)
