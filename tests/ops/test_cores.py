import os
from pathlib import Path
from threading import Event, Thread

import pytest

from ops.cores import one_core

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system keeps no thread on a core")


def used() -> set[frozenset[int]]:
    """The cores that each thread of this process may use."""
    return {frozenset(os.sched_getaffinity(int(thread.name))) for thread in Path("/proc/self/task").iterdir()}


def test_all_threads_keep_to_one_core_and_have_all_of_them_after() -> None:
    before, over = os.sched_getaffinity(0), Event()
    older, newer = Thread(target=over.wait, daemon=True), Thread(target=over.wait, daemon=True)
    older.start()
    with one_core():
        newer.start()
        [only] = used()
        assert len(only) == 1
        assert only <= before
    assert used() == {frozenset(before)}
    over.set()
    older.join()
    newer.join()


def test_replays_at_the_same_time_leave_none_of_their_threads_behind() -> None:
    before = os.sched_getaffinity(0)
    first, second = one_core(), one_core()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    [only] = used()
    assert len(only) == 1
    second.__exit__(None, None, None)
    assert used() == {frozenset(before)}


@pytest.mark.parametrize("refused", [AttributeError, PermissionError])
def test_where_the_system_cannot_nothing_is_changed(monkeypatch: pytest.MonkeyPatch, refused: type[Exception]) -> None:
    before = used()

    def refuses(process: int) -> set[int]:
        raise refused(process)

    with monkeypatch.context() as here:
        here.setattr(os, "sched_getaffinity", refuses)
        with one_core():
            here.undo()
            assert used() == before
    assert used() == before
