"""The Window: a merchant's events over a websocket, on a real socket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    open_websocket_url,
)

from fluxiq.api.v1 import sockets
from tests.support.api_twin import ISPB, Served, World, bearer, serving

EVENT = b'{"id":"evt_1","type":"pix.charge.paid"}'


@asynccontextmanager
async def window(served: Served, key: str | None = None) -> AsyncIterator[WebSocketConnection]:
    url = f"ws://{served.host}:{served.port}/api/v1/ws"
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


def clients(world: World) -> float | None:
    return world.metrics.registry.get_sample_value(
        "fluxiq_active_connections", {"institution": ISPB}
    )


async def test_a_key_in_the_header_opens_the_window() -> None:
    world = World()
    async with serving(world) as served:
        async with window(served, world.key("pix:read")) as ws:
            assert await said(ws) == {"type": "ready"}
            assert clients(world) == 1
            assert world.hub.publish(ISPB, world.merchant_id, EVENT) == 1
            assert await said(ws) == {"type": "event", "event": json.loads(EVENT)}
        await _until(lambda: clients(world) == 0)


async def test_a_key_in_the_first_message_opens_it_too() -> None:
    world = World()
    async with serving(world) as served, window(served) as ws:
        await ws.send_message(json.dumps({"type": "authenticate", "token": world.key("*")}))
        assert await said(ws) == {"type": "ready"}


@pytest.mark.parametrize("permissions", [["accounts:*"], []])
async def test_a_header_without_the_permission_is_rejected_in_the_envelope(
    permissions: list[str],
) -> None:
    world = World()
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with serving(world) as served, httpx.AsyncClient() as client:
        response = await client.get(
            f"{served.url}{sockets.PATH}", headers=bearer(world.key(*permissions), **upgrade)
        )
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "forbidden"
    assert response.json()["meta"]["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "authenticate", "token": "sk_live_wrong"}',
        '{"type": "authenticate"}',
        '{"type": "ping"}',
        "not json",
        "[]",
    ],
)
async def test_a_first_message_that_does_not_authenticate_ends_it(message: str) -> None:
    async with serving(World()) as served, window(served) as ws:
        await ws.send_message(message)
        answer = await said(ws)
        assert answer["type"] == "error"
        assert answer["error"]["code"] in {"unauthorized", "malformed_json"}
        with pytest.raises(ConnectionClosed):
            await said(ws)
        assert ws.closed is not None
        assert ws.closed.code == sockets.UNAUTHORIZED_CODE


async def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "AUTHENTICATE_SECONDS", 0.05)
    async with serving(World()) as served, window(served) as ws:
        answer = await said(ws)
        assert answer["error"]["code"] == "unauthorized"


async def test_events_reach_their_own_merchant_only() -> None:
    world = World()
    other = world.enroll("Outra", "outra@example.com")
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        assert world.hub.publish(ISPB, other, b'{"id":"evt_other"}') == 0
        assert world.hub.publish("87654321", world.merchant_id, b'{"id":"evt_far"}') == 0
        world.hub.publish(ISPB, world.merchant_id, EVENT)
        assert (await said(ws))["event"]["id"] == "evt_1"


async def test_a_ping_in_words_is_answered_and_nonsense_ignored() -> None:
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        await ws.send_message("nonsense")
        await ws.send_message(b"\xff")
        await ws.send_message('{"type": "ping"}')
        assert await said(ws) == {"type": "pong"}


async def test_silence_is_broken_by_a_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_SECONDS", 0.02)
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        assert [await said(ws) for _ in range(3)] == [
            {"type": "ready"},
            {"type": "ping"},
            {"type": "ping"},
        ]


async def test_a_client_that_missed_events_is_told_to_refetch() -> None:
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        # More than its queue holds, before it gets a turn.
        for _ in range(world.hub.queue_size + 1):
            world.hub.publish(ISPB, world.merchant_id, EVENT)
        assert await said(ws) == {"type": "refetch"}
        world.hub.publish(ISPB, world.merchant_id, EVENT)
        assert (await said(ws))["type"] == "event"


async def test_a_merchant_has_a_number_of_connections() -> None:
    world = World()
    key = world.key("*")
    async with (
        serving(world) as served,
        window(served, key) as one,
        window(served, key) as two,
        window(served, key) as three,
    ):
        assert await said(one) == await said(two) == {"type": "ready"}
        assert (await said(three))["error"]["code"] == "too_many_connections"


async def test_a_message_that_is_too_long_ends_the_connection() -> None:
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        await ws.send_message("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            await said(ws)


async def test_the_windows_are_closed_when_the_server_stops() -> None:
    world = World()
    async with trio.open_nursery() as nursery, serving(world) as served:
        opened = trio.Event()

        async def look() -> None:
            async with window(served, world.key("*")) as ws:
                await said(ws)
                opened.set()
                with pytest.raises(ConnectionClosed):
                    await said(ws)
                assert ws.closed is not None
                assert ws.closed.code == sockets.GOING_AWAY_CODE

        nursery.start_soon(look)
        await opened.wait()


async def _until(condition: Any) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await trio.sleep(0.01)
