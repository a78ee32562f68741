"""A merchant's program, as the demo and the benchmarks play it: real HTTP, real websocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
import msgspec
import trio
import trio_websocket

from fluxiq.commands.demo_data import Login

CALL_SECONDS_MAX = 30.0
CONNECTIONS_MAX = 128

Json = dict[str, Any]


class CallFailed(Exception):
    """The API did not do what a merchant was promised: the status and the body say what it did."""


class Merchant:
    """One merchant with its key. Made by `open`."""

    def __init__(self, http: httpx.AsyncClient, login: Login, api_url: str) -> None:
        self.login = login
        self._http = http
        self._api_url = api_url

    @classmethod
    @asynccontextmanager
    async def open(cls, api_url: str, login: Login) -> AsyncIterator[Self]:
        async with httpx.AsyncClient(
            base_url=f"{api_url}/api/v1",
            headers={"Authorization": f"Bearer {login.api_key}"},
            timeout=CALL_SECONDS_MAX,
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
            ),
            trust_env=False,
        ) as http:
            yield cls(http, login, api_url)

    async def get(self, path: str) -> Any:
        """The `data` of a 200. Raises CallFailed."""
        return _data(await self._http.get(path))

    async def post(self, path: str, body: Json) -> Any:
        """The `data` of a 2xx. Raises CallFailed."""
        return _data(await self._http.post(path, json=body))

    async def charge(self, amount: int, description: str = "") -> Json:
        made: Json = await self.post("/pix/charges", {"amount": amount, "description": description})
        return made

    async def payout(self, amount: int, pix_key: str, idempotency_key: str) -> Json:
        made: Json = await self.post(
            "/pix/payouts",
            {
                "amount": amount,
                "recipient": {"pix_key": pix_key},
                "idempotency_key": idempotency_key,
            },
        )
        return made

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
                if message["type"] == "event":
                    await send.send(message["event"])
        except trio_websocket.ConnectionClosed:
            return  # the reader sees the channel end


def _data(response: httpx.Response) -> Any:
    if not response.is_success:
        raise CallFailed(
            f"{response.request.method} {response.request.url.path} answered "
            f"{response.status_code}: {response.text[:500]}"
        )
    return msgspec.json.decode(response.content)["data"]
