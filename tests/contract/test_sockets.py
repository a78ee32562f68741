"""The Window: a merchant's events over a websocket, on a real socket."""

import json
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
)

from fluxiq.api.hub import Topic
from fluxiq.api.live_client import GOING_AWAY, Refetch
from fluxiq.api.v1 import sockets
from tests.support.api_twin import ISPB, World, bearer, serving
from tests.support.window import refused_window, said, window

EVENT = b'{"id":"evt_1","type":"pix.charge.paid"}'
READY = {"type": "ready", "topics": ["payments"], "sequence": 0}


async def happen(world: World, merchant_id: str | None = None, *, lost: bool = False) -> int:
    """Something happens to the merchant; `lost`: it is on paper, but the push does not arrive."""
    merchant_id = merchant_id or world.merchant_id
    number = len(world.events.bodies) + 1
    body = b'{"id":"evt_%d"}' % number
    sequence = world.events.tell(merchant_id, f"evt_{number}", body)
    if not lost:
        await world.hub.publish(ISPB, merchant_id, sequence, body)
    return sequence


async def say(socket: WebSocketConnection, **said: Any) -> None:
    await socket.send_message(json.dumps(said))


async def numbers(socket: WebSocketConnection, count: int) -> list[int]:
    return [(await said(socket))["sequence"] for _ in range(count)]


def clients(world: World) -> float | None:
    return world.metrics.registry.get_sample_value(
        "fluxiq_active_connections", {"institution": ISPB}
    )


async def test_a_key_in_the_header_opens_the_window() -> None:
    world = World()
    async with serving(world) as served:
        async with window(served, world.key("pix:read")) as ws:
            assert await said(ws) == READY
            assert clients(world) == 1
            assert await world.hub.publish(ISPB, world.merchant_id, 1, EVENT) == 1
            assert await said(ws) == {
                "type": "event",
                "topic": "payments",
                "sequence": 1,
                "event": json.loads(EVENT),
            }
        await _until(lambda: clients(world) == 0)


async def test_a_key_in_the_first_message_opens_it_too() -> None:
    world = World()
    async with serving(world) as served, window(served) as ws:
        await ws.send_message(json.dumps({"type": "authenticate", "token": world.key("*")}))
        assert await said(ws) == READY


@pytest.mark.parametrize("permissions", [["accounts:*"], []])
async def test_a_header_without_the_permission_is_rejected_in_the_envelope(
    permissions: list[str],
) -> None:
    world = World()
    async with serving(world) as served:
        response = await refused_window(served, world.key(*permissions))
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
        assert await world.hub.publish(ISPB, other, 1, b'{"id":"evt_other"}') == 0
        assert await world.hub.publish("87654321", world.merchant_id, 1, b'{"id":"evt_far"}') == 0
        await world.hub.publish(ISPB, world.merchant_id, 1, EVENT)
        assert (await said(ws))["event"]["id"] == "evt_1"


async def test_a_ping_in_words_is_answered_and_nonsense_named() -> None:
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        await ws.send_message("nonsense")
        await ws.send_message(b"\xff")
        await ws.send_message('{"type": "ping"}')
        for _ in range(2):
            assert (await said(ws))["error"]["code"] == "malformed_json"
        assert await said(ws) == {"type": "pong"}


async def test_silence_is_broken_by_a_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_SECONDS", 0.02)
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        assert [await said(ws) for _ in range(3)] == [
            READY,
            {"type": "ping"},
            {"type": "ping"},
        ]


async def test_a_client_that_does_not_answer_pings_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(sockets, "SILENT_SECONDS", 0.3)
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as silent,
        window(served, world.key("*")) as polite,
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_pings, polite)
            with pytest.raises(ConnectionClosed):
                await listen(silent)
            nursery.cancel_scope.cancel()
        assert silent.closed is not None
        assert silent.closed.code == sockets.SILENT_CODE
        assert polite.closed is None


async def listen(socket: WebSocketConnection) -> None:
    """Listen until the end, and say nothing."""
    while True:
        await said(socket)


async def answer_pings(socket: WebSocketConnection) -> None:
    while True:
        if (await said(socket))["type"] == "ping":
            await say(socket, type="pong")


async def test_a_slow_client_is_told_to_refetch_and_how_far_it_got() -> None:
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        # More than its queue holds, before it gets a turn.
        [client] = world.hub._clients[ISPB, world.merchant_id]
        for number in range(1, world.hub.queue_size + 2):
            await happen(world, lost=True)
            assert client.offer_event(number, "{}") is (number > world.hub.queue_size)
        refetch = {"type": "refetch", "topics": ["payments"], "since": 0, "sequence": 5}
        assert await said(ws) == refetch
        await happen(world)
        assert await numbers(ws, 1) == [6]
        await say(ws, type="subscribe", since=refetch["since"])
        assert (await said(ws))["type"] == "subscribed"
        assert await numbers(ws, 5) == [1, 2, 3, 4, 5]


async def test_a_client_that_comes_back_gets_what_it_missed_and_then_what_happens() -> None:
    world = World()
    for _ in range(5):
        await happen(world)
    async with (
        serving(world) as served,
        window(served, world.key("*"), "?since=2") as ws,
    ):
        assert await said(ws) == {**READY, "sequence": 5}
        await happen(world)
        assert await numbers(ws, 4) == [3, 4, 5, 6]
        assert (await said_after_ping(ws)) == {"type": "pong"}


async def test_going_back_in_a_message_tells_nothing_twice() -> None:
    world = World()
    for _ in range(3):
        await happen(world)
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        await happen(world)
        assert await numbers(ws, 1) == [4]
        await say(ws, type="subscribe", topics=["payments"], since=1)
        assert await said(ws) == {"type": "subscribed", "topics": ["payments"], "sequence": 4}
        assert await numbers(ws, 2) == [2, 3]
        assert (await said_after_ping(ws)) == {"type": "pong"}


async def test_what_the_bus_lost_comes_from_the_log() -> None:
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        await happen(world, lost=True)
        await happen(world)
        assert await numbers(ws, 2) == [1, 2]
        await happen(world, lost=True)
        world.hub.heard(ISPB, {world.merchant_id: 3})
        assert await numbers(ws, 1) == [3]


async def test_a_log_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RETRY_SECONDS", 0.01)
    world = World()
    async with (
        serving(world) as served,
        window(served, world.key("*")) as ws,
    ):
        await said(ws)
        world.events.away = True
        await happen(world, lost=True)
        await happen(world)
        before = world.events.asked
        await _until(lambda: world.events.asked > before + 2)
        world.events.away = False
        assert await numbers(ws, 2) == [1, 2]


async def test_who_missed_more_than_is_replayed_is_told_to_refetch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "REPLAY_MAX", 3)
    world = World()
    for _ in range(4):
        await happen(world)
    async with (
        serving(world) as served,
        window(served, world.key("*"), "?since=0") as ws,
    ):
        await said(ws)
        refetch = {"type": "refetch", "topics": ["payments"], "since": 0, "sequence": 4}
        assert await said(ws) == refetch
        await happen(world)
        assert await numbers(ws, 1) == [5]


async def test_who_missed_what_is_pruned_is_told_to_refetch() -> None:
    world = World()
    for _ in range(4):
        await happen(world)
    del world.events.bodies["evt_2"]
    async with (
        serving(world) as served,
        window(served, world.key("*"), "?since=0") as ws,
    ):
        await said(ws)
        assert await said(ws) == {
            "type": "refetch",
            "topics": ["payments"],
            "since": 0,
            "sequence": 4,
        }


async def test_a_number_that_was_never_given_is_told_so() -> None:
    """The database was restored: the client knows more than we do."""
    world = World()
    await happen(world)
    async with (
        serving(world) as served,
        window(served, world.key("*"), "?since=99") as ws,
    ):
        await said(ws)
        assert await said(ws) == {
            "type": "refetch",
            "topics": ["payments"],
            "since": 99,
            "sequence": 1,
        }
        await happen(world)
        assert await numbers(ws, 1) == [2]


async def test_topics_are_chosen_and_each_has_its_permission() -> None:
    world = World()
    key = world.key("accounts:read")
    async with serving(world) as served, window(served, key, "?topics=balances") as ws:
        assert await said(ws) == {"type": "ready", "topics": ["balances"]}
        await world.hub.publish(ISPB, world.merchant_id, 1, EVENT)
        world.hub.tell(ISPB, world.merchant_id, Topic.BALANCES, Refetch(topics=["balances"]))
        assert await said(ws) == {"type": "refetch", "topics": ["balances"]}

        await say(ws, type="subscribe", topics=["balances", "deliveries"])
        refused = await said(ws)
        assert (refused["type"], refused["error"]["code"]) == ("error", "forbidden")
        assert refused["error"]["details"] == {"permission": "webhooks:read"}


@pytest.mark.parametrize("query", ["?topics=gossip", "?since=-1", "?since=1e3", "?topics="])
async def test_an_address_that_asks_for_nonsense_is_refused(query: str) -> None:
    world = World()
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with serving(world) as served, httpx.AsyncClient() as client:
        response = await client.get(
            f"{served.url}{sockets.PATH}{query}", headers=bearer(world.key("*"), **upgrade)
        )
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "validation_failed"


async def test_while_the_log_is_away_nobody_is_told_that_all_is_well() -> None:
    world = World()
    world.events.away = True
    async with serving(world) as served, window(served, world.key("*")) as ws:
        assert (await said(ws))["error"]["code"] == "unavailable"
        with pytest.raises(ConnectionClosed):
            await said(ws)
        assert ws.closed is not None
        assert ws.closed.code == sockets.TRY_AGAIN_CODE


async def test_a_merchant_has_a_number_of_connections() -> None:
    world = World()
    key = world.key("*")
    async with (
        serving(world) as served,
        window(served, key) as one,
        window(served, key) as two,
        window(served, key) as three,
    ):
        assert await said(one) == await said(two) == READY
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
                assert ws.closed.code == GOING_AWAY.code

        nursery.start_soon(look)
        await opened.wait()


async def _until(condition: Any) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await trio.sleep(0.01)


async def said_after_ping(socket: WebSocketConnection) -> Any:
    """The next thing said once the client has pinged: nothing else was under way."""
    await say(socket, type="ping")
    return await said(socket)
