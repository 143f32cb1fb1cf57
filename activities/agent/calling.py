"""One call of a model, tried until it is answered: each try within money and time, and in the journal."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from activities.agent.journal import Journal
from activities.agent.limits import LimitReached
from activities.agent.live import Live
from activities.agent.outages import Mind
from activities.agent.records import Part, Replied, answered
from activities.agent.streak import Streak
from activities.errors import Impossible, NeedsPerson
from activities.models.base import TooLong, Unavailable
from activities.models.prices import dollars, most
from schemas.budget import Usage
from schemas.message import ModelRequest, Reply


@dataclass(frozen=True)
class Question:
    """What is asked, and of whom: the first of `minds` that is to be had.

    `part` says what a reply is to the conversation, and `refused` why the chosen model is not among them.
    """

    turn: int
    minds: Sequence[Mind]
    request: Callable[[str], ModelRequest]  # by the model's name
    part: Callable[[Reply], Part]
    refused: str = ""


class Calls:
    """The calls of an attempt."""

    def __init__(self, live: Live, journal: Journal) -> None:
        self._live = live
        self._journal = journal
        if live.purse is not None:
            live.purse.recover(answered(journal.records))

    async def reply(self, asked: Question) -> Replied:
        """The reply, on disk. Raises LimitReached, NeedsPerson, TooLong or Impossible where there is none to be had."""
        outages, streak = self._live.outages, Streak(self._journal, self._live.limits, asked.turn)
        waiting: Unavailable | None = None
        for number in count(1):
            mind = outages.pick(asked.minds)
            request = asked.request(mind.name)
            async with streak.at_rest():
                if waiting is not None:
                    await self._wait(asked.turn, number, mind, waiting)
                call = await self._admitted(number, request)
            await streak.asking(number, mind.name)
            try:
                replied = await self._answered(asked, call, mind, request)
            except Unavailable as error:
                outages.failed(mind.name, error)
                await streak.unavailable(number, str(error), error.usage, _cost(mind.name, error.usage))
                following = outages.pick(asked.minds)
                # another model has its own servers, and is asked at once
                waiting = error if following is mind or outages.out(following.name) else None
            except LimitReached:  # it was asked, and may be paid for: lost, as if the process had died
                raise
            except Exception as error:
                await streak.ended(f"{type(error).__name__}: {error}")
                raise
            else:
                return await self._kept(replied)
        raise AssertionError("counting does not end")

    async def _answered(self, asked: Question, call: str, mind: Mind, request: ModelRequest) -> Replied:
        """One try; settled if it failed. What ends it otherwise stays reserved: it may have been paid for."""
        began = time.monotonic()
        try:
            reply = await self._live.ask(mind, request)
        except Unavailable as error:
            self._settle(call, _cost(mind.name, error.usage), error.usage.tokens)
            raise
        except (TooLong, NeedsPerson, Impossible):
            self._settle(call, 0.0, 0)
            raise
        self._live.outages.answered(mind.name)
        return Replied(
            turn=asked.turn,
            reply=reply,
            seconds=time.monotonic() - began,
            part=asked.part(reply),
            asked=mind.name,
            instead=self._instead(asked, mind),
            call=call,
            bound=self._live.bound_of(mind.name),
        )

    async def _kept(self, replied: Replied) -> Replied:
        """On disk, and settled: it is paid for also where a later attempt has begun, or the disk is full."""
        try:
            await self._journal.append(replied)
        finally:
            self._settle(replied.call, replied.reply.dollars, replied.reply.usage.tokens)
        return replied

    def _instead(self, asked: Question, mind: Mind) -> str:
        """Why the chosen model did not answer; nothing if it did."""
        chosen = self._live.minds[0].name
        return "" if mind.name == chosen else asked.refused or self._live.outages.why(chosen)

    async def _admitted(self, number: int, request: ModelRequest) -> str:
        """The call's name, once the run is not paused, there is time, and the money for it is reserved."""
        limits, purse, turn = self._live.limits, self._live.purse, request.turn
        await limits.until_released()
        limits.admit(turn)
        call = f"{self._live.invocation}.a{self._live.attempt}.t{turn}.{number}"
        if purse is not None:
            self._live.doing.now(f"turn {turn}: waits for money that other agents have reserved")
            await purse.reserve(call, *most(request), until=limits.deadline)
            await limits.until_released()  # which may have come while it waited
        return call

    async def _wait(self, turn: int, number: int, mind: Mind, after: Unavailable) -> None:
        """Between tries; ended at the deadline by LimitReached."""
        until = time.monotonic() + self._live.backoff.seconds(number - 1, after.retry_after)

        def words() -> str:
            left = max(until - time.monotonic(), 0)
            return f"turn {turn}: waits {left:.0f} s for {mind.name}: {str(after)[:100]}, {_ordinal(number)} try"

        self._live.doing.now(words)
        async with self._live.limits.until_deadline(f"while {mind.name} was not to be had: {str(after)[:200]}"):
            await asyncio.sleep(until - time.monotonic())

    def _settle(self, call: str, dollars: float | None, tokens: int) -> None:
        if self._live.purse is not None:
            self._live.purse.settle(call, dollars, tokens)


def _cost(model: str, usage: Usage) -> float | None:
    return 0.0 if usage == Usage() else dollars(model, usage)


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"
