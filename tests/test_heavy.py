"""Heavy work waits for a core, so that many runs at once need no more memory than a few."""

import asyncio

from activities.heavy import cores, heavy


async def test_no_more_is_done_at_once_than_there_are_cores_and_all_is_done_in_turn() -> None:
    at_work, most, order = 0, 0, []

    async def work(number: int) -> None:
        nonlocal at_work, most
        async with heavy():
            at_work += 1
            most = max(most, at_work)
            order.append(number)
            for _ in range(5):
                await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(work(number) for number in range(10 * cores())))
    assert most == cores()
    assert order == list(range(10 * cores()))


async def test_a_place_is_free_again_after_an_error_or_a_cancellation() -> None:
    async def fails() -> None:
        async with heavy():
            raise ValueError

    async def lasts() -> None:
        async with heavy():
            await asyncio.Event().wait()

    await asyncio.gather(*(fails() for _ in range(cores())), return_exceptions=True)
    lasting = [asyncio.create_task(lasts()) for _ in range(cores())]
    await asyncio.sleep(0)
    for task in lasting:
        task.cancel()
    await asyncio.gather(*lasting, return_exceptions=True)
    async with asyncio.timeout(5):
        async with heavy():
            pass
