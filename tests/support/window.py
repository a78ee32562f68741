"""The Window as a client has it: a websocket of the twin's API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from fluxiq.api.v1 import sockets
from tests.support.api_twin import Served, bearer

_UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@asynccontextmanager
async def window(
    served: Served, key: str | None = None, query: str = ""
) -> AsyncIterator[WebSocketConnection]:
    url = f"ws://{served.host}:{served.port}{sockets.PATH}{query}"
    headers = [] if key is None else [(b"Authorization", f"Bearer {key}".encode())]
    async with open_websocket_url(url, extra_headers=headers) as socket:
        try:
            yield socket
        finally:
            # trio-websocket leaves its own socket open where the server closed first.
            await socket._stream.aclose()


async def said(socket: WebSocketConnection) -> Any:
    with trio.fail_after(10):
        return json.loads(await socket.get_message())


async def refused_window(served: Served, key: str, query: str = "") -> httpx.Response:
    """The answer over HTTP, where no websocket is opened."""
    async with httpx.AsyncClient() as client:
        return await client.get(
            f"{served.url}{sockets.PATH}{query}", headers=bearer(key, **_UPGRADE)
        )
