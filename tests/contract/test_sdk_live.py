"""Live updates over the SDK, on a real socket: without an event loop, on trio and on asyncio."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import msgspec
import pytest
import trio

from fluxiq.sdk import (
    AsyncFluxiQ,
    EventUpdate,
    FluxiQ,
    Forbidden,
    Live,
    Refetch,
    Retries,
    Unauthorized,
    Unavailable,
    Update,
    updates,
)
from fluxiq.services.messages import live as told
from tests.support.api_twin import ISPB, World, serving
from tests.support.certificates import HOST, Authority
from tests.support.served_world import run_in_thread

SECONDS_MAX = 10.0
SWIFT = Retries(pause_seconds=0.02, pause_seconds_max=0.1, patience_seconds=SECONDS_MAX)
HASTY = Retries(pause_seconds=0.02, pause_seconds_max=0.05, patience_seconds=0.3)


class Shop:
    """A world that is served in a thread of its own, and may be told things from this one."""

    def __init__(self, world: World, url: str, token: trio.lowlevel.TrioToken) -> None:
        self.world, self.url, self._token = world, url, token
        self.key = world.key("*")

    def happen(self, count: int = 1) -> None:
        for _ in range(count):
            trio.from_thread.run(self._happen, trio_token=self._token)

    async def _happen(self) -> None:
        sequence, body = self._tell()
        await self.world.hub.publish(ISPB, self.world.merchant_id, sequence, body)

    def _tell(self) -> tuple[int, bytes]:
        number = len(self.world.events.bodies) + 1
        said = {
            "id": f"evt_{number}",
            "type": "pix.charge.paid",
            "created_at": "2026-01-02T03:04:05Z",
            "data": {"n": number},
        }
        body = msgspec.json.encode(said)
        return self.world.events.tell(self.world.merchant_id, f"evt_{number}", body), body


@pytest.fixture
def shop() -> Iterator[Shop]:
    world = World()

    async def serve(begun: Callable[[tuple[str, trio.lowlevel.TrioToken]], None]) -> None:
        async with serving(world) as served:
            begun((served.url, trio.lowlevel.current_trio_token()))
            await trio.sleep_forever()

    with run_in_thread(serve) as (url, token):
        yield Shop(world, url, token)


def client(shop: Shop, key: str | None = None, retries: Retries = SWIFT) -> FluxiQ:
    return FluxiQ(key or shop.key, shop.url, retries=retries, transport=httpx.HTTPTransport())


def cut(live: Live) -> None:
    """As a network does: neither side says goodbye."""
    assert live._wire is not None
    live._wire.shutdown(socket.SHUT_RDWR)


def numbers(found: Iterator[Update], count: int) -> list[int]:
    seen: list[int] = []
    for update in found:
        assert isinstance(update, EventUpdate), update
        seen.append(update.sequence)
        if len(seen) == count:
            break
    return seen


def test_events_come_as_webhooks_tell_them(shop: Shop) -> None:
    with client(shop) as api, api.live(since=0) as live:
        shop.happen()
        update = next(live)
    assert isinstance(update, EventUpdate)
    assert (update.sequence, update.event.type, update.event.data) == (
        1,
        "pix.charge.paid",
        {"n": 1},
    )


def test_it_begins_behind_a_number_and_says_where_it_is(shop: Shop) -> None:
    shop.happen(3)
    with client(shop) as api, api.live("payments", since=1) as live:
        assert live.sequence == 1
        assert numbers(live, 2) == [2, 3]
        assert live.sequence == 3


def test_a_lost_connection_comes_back_and_none_is_missing_or_twice(shop: Shop) -> None:
    shop.happen(2)
    with client(shop) as api, api.live(since=0) as live:
        assert numbers(live, 2) == [1, 2]
        for number in (3, 4, 5):
            cut(live)
            shop.happen()
            assert numbers(live, 1) == [number]


def test_what_cannot_come_any_more_is_said(shop: Shop) -> None:
    shop.happen(2)
    with client(shop) as api, api.live(since=99) as live:
        update = next(live)
        assert update == Refetch(topics=("payments",), since=99, sequence=2)
        shop.happen()
        assert numbers(live, 1) == [3]


def test_who_is_not_let_in_is_refused_as_over_http(shop: Shop) -> None:
    with client(shop, "sk_live_nobody") as api, api.live() as live, pytest.raises(Unauthorized):
        next(live)
    poor = shop.world.key("pix:read")
    with client(shop, poor) as api, api.live("balances") as live, pytest.raises(Forbidden) as no:
        next(live)
    assert no.value.code == "forbidden"


def test_where_nobody_listens_it_gives_up_after_its_patience() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    with (
        FluxiQ("sk_live_x", f"http://127.0.0.1:{port}", retries=HASTY) as api,
        api.live() as live,
        pytest.raises(Unavailable) as gone,
    ):
        next(live)
    assert gone.value.code == "connection_lost"
    assert gone.value.attempts > 2
    assert time.monotonic() - began < SECONDS_MAX


def test_another_thread_may_close_it(shop: Shop) -> None:
    with client(shop) as api:
        live = api.live()
        ended = threading.Event()

        def iterate() -> None:
            assert list(live) == []
            ended.set()

        thread = threading.Thread(target=iterate)
        thread.start()
        time.sleep(0.1)
        live.close()
        assert ended.wait(SECONDS_MAX)
        thread.join(SECONDS_MAX)
    assert list(live) == []


# On event loops


async def _collect(shop: Shop, since: int, count: int) -> list[int]:
    seen: list[int] = []
    with anyio.fail_after(SECONDS_MAX):
        async with (
            AsyncFluxiQ(shop.key, shop.url, retries=SWIFT) as api,
            api.live(since=since) as live,
        ):
            async for update in live:
                assert isinstance(update, EventUpdate), update
                seen.append(update.sequence)
                if len(seen) == 2:
                    assert live._wire is not None
                    await anyio.aclose_forcefully(live._wire)  # the network does this
                    await anyio.to_thread.run_sync(shop.happen, 2)
                if len(seen) == count:
                    break
            assert live.sequence == since + count
    return seen


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_on_every_event_loop_it_comes_back_too(shop: Shop, backend: str) -> None:
    shop.happen(3)
    seen = anyio.run(_collect, shop, 1, 4, backend=backend)
    assert seen == [2, 3, 4, 5]


async def _interrupted(shop: Shop) -> list[int]:
    seen: list[int] = []
    async with AsyncFluxiQ(shop.key, shop.url, retries=SWIFT) as api, api.live(since=0) as live:
        with anyio.move_on_after(0.2):
            await anext(live)  # nothing happens
        await anyio.to_thread.run_sync(shop.happen, 2)
        with anyio.fail_after(SECONDS_MAX):
            for _ in range(2):
                update = await anext(live)
                assert isinstance(update, EventUpdate)
                seen.append(update.sequence)
    return seen


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_who_stops_waiting_loses_nothing(shop: Shop, backend: str) -> None:
    assert anyio.run(_interrupted, shop, backend=backend) == [1, 2]


async def _refused(shop: Shop) -> None:
    async with (
        AsyncFluxiQ("sk_live_nobody", shop.url, retries=SWIFT) as api,
        api.live() as live,
    ):
        with pytest.raises(Unauthorized):
            await anext(live)


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_who_is_not_let_in_is_refused_there_too(shop: Shop, backend: str) -> None:
    anyio.run(_refused, shop, backend=backend)


# Over TLS


@pytest.fixture
def front(shop: Shop, tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """An https URL of the same API, and what trusts its certificate."""
    authority = Authority()
    certificate, key = authority.issue("api", host=HOST).write(tmp_path, "api")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    at = urlsplit(shop.url)

    async def pass_on(stream: trio.SocketStream) -> None:
        client = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        server = await trio.open_tcp_stream(at.hostname or "", at.port or 0)
        async with stream, server, trio.open_nursery() as nursery:
            nursery.start_soon(pump, client, server, nursery.cancel_scope)
            nursery.start_soon(pump, server, client, nursery.cancel_scope)

    async def serve(begun: Callable[[int], None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        begun(listeners[0].socket.getsockname()[1])
        await trio.serve_listeners(pass_on, listeners)

    trusting = ssl.create_default_context(cafile=authority.write(tmp_path))
    with run_in_thread(serve) as port:
        yield f"https://{HOST}:{port}", trusting


async def pump(source: trio.abc.Stream, sink: trio.abc.Stream, both: trio.CancelScope) -> None:
    with suppress(trio.BrokenResourceError):
        while data := await source.receive_some():
            await sink.send_all(data)
    both.cancel()


def test_it_comes_over_tls_from_who_proves_to_be_the_api(
    shop: Shop, front: tuple[str, ssl.SSLContext]
) -> None:
    url, trusting = front
    shop.happen(2)
    with FluxiQ(shop.key, url, retries=HASTY) as api:
        with api.live(since=0, tls=trusting) as live:
            assert numbers(live, 2) == [1, 2]
            cut(live)
            shop.happen()
            assert numbers(live, 1) == [3]
        with api.live(since=0) as live, pytest.raises(Unavailable, match="CERTIFICATE_VERIFY"):
            next(live)


async def _over_tls(shop: Shop, url: str, tls: ssl.SSLContext) -> None:
    async with (
        AsyncFluxiQ(shop.key, url, retries=HASTY) as api,
        api.live(since=0, tls=tls) as live,
    ):
        with anyio.fail_after(SECONDS_MAX):
            update = await anext(live)
        assert isinstance(update, EventUpdate)
        assert update.sequence == 1


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_it_comes_over_tls_on_event_loops_too(
    shop: Shop, front: tuple[str, ssl.SSLContext], backend: str
) -> None:
    shop.happen()
    anyio.run(_over_tls, shop, *front, backend=backend)


# Types


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (updates.BalanceUpdate, told.BalanceTold),
        (updates.AccountBalance, told.AccountBalance),
        (updates.DeliveryUpdate, told.DeliveryTold),
        (updates.DeliveryEnd, told.DeliveryEnd),
        (updates.LiveDataUpdate, told.LiveDataTold),
    ],
)
def test_updates_have_every_field_that_is_told(ours: Any, theirs: Any) -> None:
    assert set(ours.__struct_fields__) == set(theirs.__struct_fields__)
    assert ours.__struct_config__.tag == theirs.__struct_config__.tag
