"""A merchant's program, as the demo and the benchmarks play it: the SDK, and a real websocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
import msgspec
import trio
import trio_websocket

from fluxiq.commands.demo_data import Login
from fluxiq.sdk import AsyncFluxiQ

CONNECTIONS_MAX = 128

Json = dict[str, Any]


class Merchant:
    """One merchant with its key. Made by `open`."""

    def __init__(self, api: AsyncFluxiQ, login: Login, api_url: str) -> None:
        self.api = api
        self.login = login
        self._api_url = api_url

    @classmethod
    @asynccontextmanager
    async def open(cls, api_url: str, login: Login) -> AsyncIterator[Self]:
        limits = httpx.Limits(
            max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
        )
        # A transport of its own: what is on this machine is not asked for through a proxy.
        transport = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
        async with AsyncFluxiQ(login.api_key, api_url, transport=transport) as api:
            yield cls(api, login, api_url)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[trio.MemoryReceiveChannel[Json]]:
        """The merchant's events, as the websocket pushes them."""
        url = f"{self._api_url.replace('http', 'ws', 1)}/api/v1/ws"
        send, receive = trio.open_memory_channel[Json](10_000)
        headers = [(b"Authorization", f"Bearer {self.login.api_key}".encode())]
        async with (
            trio_websocket.open_websocket_url(url, extra_headers=headers) as socket,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_forward, socket, send)
            yield receive
            nursery.cancel_scope.cancel()


async def _forward(
    socket: trio_websocket.WebSocketConnection, send: trio.MemorySendChannel[Json]
) -> None:
    async with send:
        try:
            while True:
                message = msgspec.json.decode(await socket.get_message())
                if message["type"] == "ping":
                    await socket.send_message('{"type":"pong"}')
                if message["type"] == "event":
                    await send.send(message["event"])
        except trio_websocket.ConnectionClosed:
            return  # the reader sees the channel end
