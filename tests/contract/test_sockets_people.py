"""The Window for people: open as long as their session lives and their token is good."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace
from trio_websocket import ConnectionClosed, WebSocketConnection

from fluxiq.api.hub import Topic
from fluxiq.api.key_watch import close_dead_windows
from fluxiq.api.live_client import SUSPENDED
from fluxiq.api.v1 import sockets
from fluxiq.services.messages.live import LiveDataTold
from tests.support.api_people import AUTH, OTHER_CPF, Person
from tests.support.api_twin import OPENED, World, serving
from tests.support.window import refused_window, said, window


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.02)


async def closed(socket: WebSocketConnection) -> int:
    """The code that the server closes with."""
    with trio.fail_after(10), pytest.raises(ConnectionClosed):
        await listen(socket)
    assert socket.closed is not None
    return socket.closed.code


async def listen(socket: WebSocketConnection) -> None:
    while True:
        await socket.get_message()


async def logged_in(world: World, **more: Any) -> Person:
    made = await Person.of(world, **more)
    await made.log_in()
    return made


async def test_a_person_hears_what_happens_to_their_merchant_until_they_log_out() -> None:
    world = World()
    someone = await logged_in(world)
    async with serving(world) as served, window(served, someone.tokens["access_token"]) as socket:
        assert (await said(socket))["type"] == "ready"
        await trio.sleep(0.1)  # looked at several times
        assert await world.hub.publish(world.tenant.ispb, world.merchant_id, 1, b'{"id":"evt_1"}')
        assert (await said(socket))["event"] == {"id": "evt_1"}
        assert (await someone.post(f"{AUTH}/logout")).status_code == 204
        assert await closed(socket) == sockets.UNAUTHORIZED_CODE


async def test_a_window_closes_when_its_token_is_over() -> None:
    world = World()
    someone = await logged_in(world)
    async with serving(world) as served, window(served, someone.tokens["access_token"]) as socket:
        await said(socket)
        world.clock.at += timedelta(seconds=900)
        assert await closed(socket) == sockets.UNAUTHORIZED_CODE


async def test_the_next_token_keeps_a_window_open_and_somebody_elses_does_not() -> None:
    world = World()
    someone, other = await logged_in(world), await logged_in(world, document=OTHER_CPF)
    async with serving(world) as served, window(served, someone.tokens["access_token"]) as socket:
        await said(socket)
        world.clock.at += timedelta(seconds=600)
        await socket.send_message(
            json.dumps({"type": "authenticate", "token": other.tokens["access_token"]})
        )
        assert (await said(socket))["error"]["code"] == "unauthorized"

        await someone.refresh()
        await socket.send_message(
            json.dumps({"type": "authenticate", "token": someone.tokens["access_token"]})
        )
        assert await said(socket) == {"type": "authenticated"}
        world.clock.at += timedelta(seconds=600)
        await trio.sleep(0.1)
        await socket.send_message('{"type":"ping"}')
        assert await said(socket) == {"type": "pong"}


async def test_a_revoked_api_key_closes_its_windows() -> None:
    world = World()
    key = world.key("*")
    async with serving(world) as served, window(served, key) as socket:
        await said(socket)
        digest = world.tenant.key_hash(key)
        world.store.keys[digest] = replace(world.store.keys[digest], revoked_at=OPENED)
        assert await closed(socket) == sockets.UNAUTHORIZED_CODE


async def test_the_windows_of_a_revoked_key_close_at_the_next_look_at_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 60.0)
    world = World()
    revoked, other = world.key("*"), world.key("*")
    async with (
        serving(world) as served,
        window(served, revoked) as gone,
        window(served, other) as stays,
    ):
        await said(gone)
        await said(stays)
        assert await close_dead_windows(world.hub, world.tenant) == 0
        digest = world.tenant.key_hash(revoked)  # revoked by another process: only the paper knows
        world.store.keys[digest] = replace(world.store.keys[digest], revoked_at=OPENED)

        assert await close_dead_windows(world.hub, world.tenant) == 1
        assert await closed(gone) == sockets.UNAUTHORIZED_CODE
        await stays.send_message('{"type":"ping"}')
        assert await said(stays) == {"type": "pong"}


async def test_bad_weather_closes_no_window() -> None:
    world = World()
    someone = await logged_in(world)
    async with serving(world) as served, window(served, someone.tokens["access_token"]) as socket:
        await said(socket)
        world.tenants.restarting.add(world.tenant.ispb)
        await trio.sleep(0.1)
        await socket.send_message('{"type":"ping"}')
        assert await said(socket) == {"type": "pong"}


async def test_people_of_the_institution_have_no_merchants_window() -> None:
    world = World()
    chief = await logged_in(world, merchant_id=None)
    async with serving(world) as served:
        answer = await refused_window(served, chief.tokens["access_token"])
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


async def test_people_of_the_institution_hear_of_its_live_data() -> None:
    world = World()
    chief = await logged_in(world, merchant_id=None)
    token = chief.tokens["access_token"]
    async with serving(world) as served, window(served, token, "?topics=live_data") as socket:
        await said(socket)
        told = LiveDataTold(kind="flag", data=msgspec.Raw(b'{"name":"x"}'))
        assert await world.hub.tell_everybody(world.tenant.ispb, Topic.LIVE_DATA, told) == 1
        assert (await said(socket))["data"] == {"name": "x"}


async def test_a_suspended_institutions_own_people_lose_their_windows_as_well() -> None:
    world = World()
    chief = await logged_in(world, merchant_id=None)
    token = chief.tokens["access_token"]
    async with serving(world) as served, window(served, token, "?topics=live_data") as socket:
        await said(socket)
        world.hub.close_institution(world.tenant.ispb)
        assert await closed(socket) == SUSPENDED.code
