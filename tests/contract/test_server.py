"""The server on a real socket: how it starts, what it bears, and how it stops."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import trio
from hypercorn.utils import LifespanFailureError

from fluxiq.api import server
from fluxiq.api.server import bind, serve
from fluxiq.domain.records import Transfer, TransferStatus
from fluxiq.errors import StartRefused
from tests.support.api_twin import ISPB, Served, World, bearer, serving
from tests.support.patience import PATIENCE_SECONDS

HEAD = b"POST /api/v1/pix/charges HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@asynccontextmanager
async def stream_to(served: Served) -> AsyncIterator[trio.SocketStream]:
    async with await trio.open_tcp_stream(served.host, served.port) as stream:
        yield stream


async def read_until(stream: trio.SocketStream, end: bytes) -> bytes:
    received = b""
    with trio.fail_after(PATIENCE_SECONDS):
        while not received.endswith(end):
            received += await stream.receive_some()
    return received


def authorization(world: World) -> bytes:
    return f"Authorization: Bearer {world.key('*')}\r\n".encode()


async def test_a_port_of_zero_is_any_free_one_and_is_told() -> None:
    async with serving(World()) as served, httpx.AsyncClient() as client:
        assert served.port > 0
        response = await client.get(f"{served.url}/livez")
        assert response.status_code == 200
        assert "server" not in response.headers


async def test_a_port_in_use_is_one_clear_sentence(taken_port: int) -> None:
    world = World(http={"port": taken_port})
    with pytest.raises(StartRefused, match=f"127.0.0.1:{taken_port}: another program listens"):
        await serve(world.app(), world.settings.http)


def test_an_address_of_another_machine_is_one_clear_sentence() -> None:
    with pytest.raises(StartRefused, match="does not have that address"):
        bind("203.0.113.1", 0)


async def test_the_port_is_free_again_after_the_end() -> None:
    world = World()
    async with serving(world) as served:
        port = served.port
    bind("127.0.0.1", port).close()


async def test_a_request_in_flight_is_finished_before_the_end() -> None:
    world = World()
    arrived, go = trio.Event(), trio.Event()
    find = world.store.find_api_key

    async def slowly(key_hash: bytes) -> object:
        arrived.set()
        await go.wait()
        return await find(key_hash)

    world.store.find_api_key = slowly  # type: ignore[method-assign, assignment]
    answers: list[int] = []

    async def ask(url: str) -> None:
        async with httpx.AsyncClient() as client:
            response = await client.get(url, headers=bearer(world.key("*")))
            answers.append(response.status_code)

    async with trio.open_nursery() as nursery, serving(world) as served:
        nursery.start_soon(ask, f"{served.url}/api/v1/accounts")
        await arrived.wait()
        served.scope.cancel()
        await _refuses_connections(served)
        assert not answers
        go.set()
    assert answers == [200]


async def test_a_request_that_never_ends_is_cancelled_after_the_grace() -> None:
    world = World()
    arrived = trio.Event()

    async def never(_key_hash: bytes) -> None:
        arrived.set()
        await trio.sleep_forever()

    world.store.find_api_key = never  # type: ignore[method-assign]
    with trio.fail_after(PATIENCE_SECONDS):
        async with serving(world, grace_seconds=0.1) as served, stream_to(served) as stream:
            await stream.send_all(
                b"GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\n" + authorization(world) + b"\r\n"
            )
            await arrived.wait()
            await served.stop()


async def test_an_idle_connection_does_not_hold_up_the_end() -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        async with serving(World(), grace_seconds=60) as served, stream_to(served) as stream:
            await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
            await served.stop()


async def test_a_client_that_never_reads_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "UNREAD_MILLISECONDS", 500)
    world = World()
    event = b'{"x":"' + b"x" * 1_000_000 + b'"}'
    with trio.fail_after(60):
        async with serving(world, grace_seconds=0.1) as served, stream_to(served) as stream:
            await stream.send_all(
                b"GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + authorization(world) + b"\r\n"
            )
            await _until(lambda: world.hub.statistics().clients == 1)
            [client] = next(iter(world.hub._clients.values()))
            sequence = 0
            while not client._waiting:  # until its buffers and the kernel's are full
                sequence += 1
                await world.hub.publish(ISPB, world.merchant_id, sequence, event)
                await trio.sleep(0.1)
            await served.stop()


@pytest.mark.parametrize("length", [b"Content-Length: 5000000", b"Transfer-Encoding: chunked"])
async def test_the_answer_to_a_body_that_is_too_large_arrives(length: bytes) -> None:
    """Closing on unread bytes would reset the connection and lose the 413."""
    world = World()
    async with serving(world) as served, stream_to(served) as stream:
        await stream.send_all(HEAD + authorization(world) + length + b"\r\n\r\n")
        chunked = b"chunked" in length
        for _ in range(50):
            block = b"x" * 100_000
            await stream.send_all(b"186a0\r\n" + block + b"\r\n" if chunked else block)
        if chunked:
            await stream.send_all(b"0\r\n\r\n")
        answer = await read_until(stream, b"}}")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer


async def test_a_body_that_dribbles_is_given_up() -> None:
    world = World(http={"request_seconds_max": 0.2})
    async with serving(world) as served, stream_to(served) as stream:
        await stream.send_all(HEAD + authorization(world) + b"Content-Length: 100\r\n\r\n{")
        answer = await read_until(stream, b"}}")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in answer


async def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    async with serving(World()) as served, stream_to(served) as stream:
        await stream.send_all(HEAD + b"Content-Length: 4000\r\n\r\n")
        await stream.send_all(b"x" * 4000)
        answer = await read_until(stream, b"}}")
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"unauthorized" in answer


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\n\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
        b"GET /%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
async def test_nonsense_on_one_connection_harms_no_other(raw: bytes) -> None:
    async with serving(World()) as served:
        async with stream_to(served) as stream:
            # It may hang up on us: as good an answer as any.
            with suppress(trio.BrokenResourceError), trio.move_on_after(2):
                await stream.send_all(raw)
                await stream.send_eof()
                await stream.receive_some()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{served.url}/livez")).status_code == 200


async def test_a_client_that_hangs_up_leaves_the_server_well() -> None:
    world = World()
    async with serving(world) as served:
        for _ in range(20):
            async with stream_to(served) as stream:
                await stream.send_all(HEAD + authorization(world) + b"Content-Length: 9\r\n\r\n{")
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{served.url}/livez")).status_code == 200


async def test_a_payment_whose_client_hangs_up_is_carried_out() -> None:
    world = World()
    arrived, go = trio.Event(), trio.Event()
    hold = world.ledger.create_transfers

    async def slowly(transfers: Sequence[Transfer]) -> list[TransferStatus]:
        arrived.set()
        await go.wait()
        return await hold(transfers)

    world.ledger.create_transfers = slowly  # type: ignore[method-assign]
    body = (
        b'{"amount": 100, "recipient": {"pix_key": "somebody@example.com"}, "idempotency_key": "k"}'
    )
    async with serving(world) as served:
        async with stream_to(served) as stream:
            head = HEAD.replace(b"charges", b"payouts") + authorization(world)
            await stream.send_all(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await arrived.wait()
        await trio.sleep(0.1)  # the server sees that nobody is there any more
        go.set()
        await _until(lambda: bool(world.relay.rung))
    [(_, _, replay)] = world.store.answers.values()
    assert replay is not None
    assert not replay.refused


async def test_an_application_that_cannot_start_is_told_as_itself() -> None:
    """Not as groups in groups, as hypercorn's nurseries would."""
    world = World()
    app = world.app()

    @app.before_serving
    async def break_down() -> None:
        raise ValueError("cannot")

    with pytest.raises(LifespanFailureError, match="cannot"):
        await serve(app, world.settings.http)


async def _refuses_connections(served: Served) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            try:
                async with stream_to(served):
                    await trio.sleep(0.01)
            except OSError:
                return


async def _until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await trio.sleep(0.01)
