"""Claude, asked once for each call, over a stream."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import anthropic
import httpx2
from anthropic import AsyncStream

from activities.models.claude.address import Address
from activities.models.claude.call import Call
from activities.models.claude.connect import Client, connect
from activities.models.claude.errors import understood, unequipped
from activities.models.claude.request import wire
from activities.models.claude.streaming import Assembly
from activities.models.names import plain
from activities.models.prices import PriceList, in_force
from schemas.budget import Usage
from schemas.message import ModelRequest, Reply

REST = 0.2  # seconds for what a server sends behind the end of its reply


class Claude:
    """One model at one address, with one client for all that a process asks of it. It belongs to one event loop."""

    def __init__(self, address: Address, client: Callable[[Address], Client] = connect) -> None:
        self._address = address
        self._connect = client
        self._client: Client | None = None

    def __repr__(self) -> str:
        return f"Claude({self._address.platform.value}/{self._address.name})"

    async def ask(self, request: ModelRequest) -> Reply:
        """One try, as `Model` has it."""
        prices = in_force()  # first: a reply that is paid for must not be lost to a file that cannot be read
        client = self._connected()
        assembly = Assembly(request.cache)
        try:
            await self._streamed(client, request, assembly)
            reply = assembly.reply()
        except Exception as error:
            meant = understood(error, Call(self._address, assembly.answered, assembly.usage))
            if meant is None:
                raise
            raise meant from None
        return reply.model_copy(update={"dollars": prices.dollars(_billed(request, reply, prices), reply.usage)})

    async def close(self) -> None:
        """Closes connections; a later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _connected(self) -> Client:
        if self._client is None:
            try:
                self._client = self._connect(self._address)
            except (anthropic.AnthropicError, ValueError, ImportError, httpx2.InvalidURL) as error:
                raise unequipped(error, Call(self._address, answered=False, usage=Usage())) from None
        return self._client

    async def _streamed(self, client: Client, request: ModelRequest, assembly: Assembly) -> None:
        arguments = wire(request, self._address)
        async with client.messages.with_streaming_response.create(**arguments, stream=True) as response:
            assembly.answered = True
            stream = await response.parse(to=AsyncStream[object])
            async for event in stream:
                assembly.take(event)
                if assembly.whole:
                    await _read_out(stream)
                    return


async def _read_out(stream: AsyncStream[object]) -> None:
    """To its end, so that the connection serves the next call; whatever goes wrong now, the reply is whole."""
    with suppress(TimeoutError, anthropic.AnthropicError, httpx2.HTTPError, ValueError):
        async with asyncio.timeout(REST):
            async for _ in stream:
                pass


def _billed(request: ModelRequest, reply: Reply, prices: PriceList) -> str:
    """The name that has the price: as it was asked for, unless another model served."""
    same = plain(reply.model) == plain(request.model)
    return request.model if same or prices.price(reply.model) is None else reply.model
