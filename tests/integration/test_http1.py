"""Our small HTTP/1.1 client and server over real sockets, with rude people at the other end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from fluxiq.errors import StartRefused
from fluxiq.http1 import (
    HttpClient,
    Limits,
    NoAnswer,
    NotSent,
    Request,
    Response,
    bind,
    port_of,
    serve_http,
    tcp_connector,
)

Handler = Callable[[Request], Awaitable[Response | None]]
Start = Callable[..., Awaitable[int]]

SMALL = Limits(header_bytes_max=2_000, body_bytes_max=1_000)


async def echo(request: Request) -> Response | None:
    if request.path == "/lost":
        return None
    if request.path == "/slow":
        await trio.sleep_forever()
    said = f"{request.method} {request.target} {request.headers.get('x-a')} ".encode()
    return Response(status=200, body=said + request.body, headers={"x-b": "2"})


@pytest.fixture
async def server(nursery: trio.Nursery) -> int:
    listeners = await bind("127.0.0.1", 0, name="the test")
    nursery.start_soon(serve_http, echo, listeners, SMALL)
    return port_of(listeners)


def client_of(port: int, **options: int) -> HttpClient:
    options.setdefault("connections_max", 2)
    return HttpClient(tcp_connector("127.0.0.1", port), "host.test", **options)


@pytest.fixture
async def client(server: int) -> AsyncIterator[HttpClient]:
    async with client_of(server) as client:
        yield client


async def answering(nursery: trio.Nursery, *answers: bytes) -> tuple[int, list[int]]:
    """A server that says just this to each connection, whatever it is asked, and then hangs up."""
    connections: list[int] = []

    async def serve(stream: trio.SocketStream) -> None:
        number = len(connections)
        connections.append(number)
        await stream.receive_some(65_536)
        await stream.send_all(answers[min(number, len(answers) - 1)])
        await stream.aclose()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, listeners)
    return port_of(listeners), connections


async def raw(port: int, *sent: bytes) -> bytes:
    """What the server says to these bytes until it hangs up, or until we are done listening."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    said = b""
    async with stream:
        for part in sent:
            await stream.send_all(part)
            await trio.sleep(0.01)
        await stream.send_eof()
        async for data in stream:
            said += data
    return said


# Together.


async def test_a_call_carries_method_target_headers_and_body(client: HttpClient) -> None:
    response = await client.request(
        "POST", "/a?b=c", headers={"X-A": "1"}, body=b"\x00\xff", seconds_max=5
    )

    assert response.status == 200
    assert response.body == b"POST /a?b=c 1 \x00\xff"
    assert response.headers["x-b"] == "2"  # type: ignore[call-overload]
    assert response.complete


async def test_calls_beyond_the_connections_wait_and_all_are_answered(client: HttpClient) -> None:
    answers: list[bytes] = []

    async def ask(number: int) -> None:
        answers.append((await client.request("GET", f"/{number}", seconds_max=10)).body)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(ask, number)

    assert sorted(answers) == sorted(f"GET /{number} None ".encode() for number in range(50))


async def test_a_caller_that_waits_too_long_for_a_connection_has_sent_nothing(
    server: int, nursery: trio.Nursery
) -> None:
    async with client_of(server, connections_max=1) as client:
        nursery.start_soon(partial(swallow, client, "/slow"))
        await trio.testing.wait_all_tasks_blocked(0.05)

        with pytest.raises(NotSent):
            await client.request("GET", "/x", seconds_max=0.05)


async def swallow(client: HttpClient, target: str) -> None:
    await client.request("GET", target, seconds_max=60)


async def test_a_call_that_gets_no_answer_in_time_may_have_arrived(client: HttpClient) -> None:
    with pytest.raises(NoAnswer, match=r"nothing within 0\.05 s"):
        await client.request("POST", "/slow", seconds_max=0.05)

    assert (await client.request("GET", "/after", seconds_max=5)).status == 200


async def test_a_connection_closed_without_a_word_is_no_answer(client: HttpClient) -> None:
    with pytest.raises(NoAnswer):
        await client.request("POST", "/lost", body=b"{}", seconds_max=5)

    assert (await client.request("GET", "/after", seconds_max=5)).status == 200


async def test_after_a_renewal_no_call_goes_over_an_older_connection(
    server: int, nursery: trio.Nursery
) -> None:
    opened: list[int] = []

    async def connect() -> trio.SocketStream:
        opened.append(1)
        return await trio.open_tcp_stream("127.0.0.1", server)

    async with HttpClient(connect, "host.test", connections_max=2) as client:
        await client.request("GET", "/1", seconds_max=5)
        await client.request("GET", "/2", seconds_max=5)
        assert len(opened) == 1

        client.renew()
        await client.request("GET", "/3", seconds_max=5)
        await client.request("GET", "/4", seconds_max=5)
        assert len(opened) == 2


async def test_nobody_listening_is_nothing_sent() -> None:
    listeners = await bind("127.0.0.1", 0, name="gone")
    port = port_of(listeners)
    for one in listeners:
        await one.aclose()

    async with client_of(port) as client:
        with pytest.raises(NotSent):
            await client.request("GET", "/", seconds_max=5)


async def test_a_taken_port_is_one_clear_sentence(server: int) -> None:
    with pytest.raises(StartRefused, match=f"cannot serve the test on 127.0.0.1:{server}: "):
        await bind("127.0.0.1", server, name="the test")


# A rude server.


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            b"ok",
        ),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_every_framing_of_an_answer_is_understood(
    answer: bytes, body: bytes, nursery: trio.Nursery
) -> None:
    port, _ = await answering(nursery, answer)

    async with client_of(port) as client:
        response = await client.request("GET", "/", seconds_max=5)

    assert response.body == body
    assert response.complete


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000,
    ],
)
async def test_half_an_answer_or_nonsense_is_no_answer(
    answer: bytes, nursery: trio.Nursery
) -> None:
    port, _ = await answering(nursery, answer)

    async with client_of(port) as client:
        with pytest.raises(NoAnswer):
            await client.request("POST", "/", seconds_max=5)


async def test_an_answer_longer_than_wanted_is_cut_and_says_so(nursery: trio.Nursery) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"a" * 100_000
    port, _ = await answering(nursery, answer)

    async with client_of(port, body_bytes_max=10) as client:
        response = await client.request("GET", "/", seconds_max=5)

    assert response.body == b"a" * 10
    assert not response.complete


async def test_a_connection_that_the_server_closed_while_idle_is_not_used_again(
    nursery: trio.Nursery,
) -> None:
    port, connections = await answering(nursery, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with client_of(port) as client:
        for _ in range(3):
            assert (await client.request("GET", "/", seconds_max=5)).status == 200
            await trio.sleep(0.02)

    assert len(connections) == 3


async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_one(
    nursery: trio.Nursery,
) -> None:
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst"
    unasked = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nunasked"
    port, _ = await answering(nursery, first + unasked, first)

    async with client_of(port) as client:
        bodies = [(await client.request("GET", "/", seconds_max=5)).body for _ in range(2)]

    assert bodies == [b"first", b"first"]


async def test_a_line_break_cannot_be_smuggled_into_a_header(client: HttpClient) -> None:
    with pytest.raises(AssertionError, match="line break"):
        await client.request("GET", "/", headers={"x-a": "1\r\nx-b: 2"}, seconds_max=5)


# Rude clients.


async def test_pipelined_requests_are_answered_in_order(server: int) -> None:
    said = await raw(
        server, b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n"
    )

    assert said.index(b"GET /1 ") < said.index(b"GET /2 ")


async def test_a_request_in_pieces_is_one_request(server: int) -> None:
    said = await raw(
        server, b"POST /p HT", b"TP/1.1\r\nx-", b"a: 7\r\ncontent-length: 3\r\n\r\na", b"bc"
    )

    assert said.endswith(b"POST /p 7 abc")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 3_000, b"431"),
        (b"GET /" + b"a" * 3_000, b"431"),
        (b"POST / HTTP/1.1\r\ncontent-length: 5000\r\n\r\n" + b"a" * 2_000, b"413"),
        (b"GET / HTTP/1.1\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", b"501"),
    ],
)
async def test_what_is_wrong_or_too_large_is_refused_and_the_line_is_cut(
    sent: bytes, status: bytes, server: int
) -> None:
    said = await raw(server, sent)

    assert said.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in said


async def test_a_client_that_never_finishes_its_request_is_shown_out(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    listeners = await bind("127.0.0.1", 0, name="the test")
    nursery.start_soon(serve_http, echo, listeners, Limits(idle_seconds_max=60))
    stream = await trio.open_tcp_stream("127.0.0.1", port_of(listeners))

    async with stream:
        await stream.send_all(b"GET / HT")
        assert await stream.receive_some() == b""

    assert trio.current_time() >= 60


async def test_clients_beyond_the_limit_are_shown_out(nursery: trio.Nursery) -> None:
    listeners = await bind("127.0.0.1", 0, name="the test")
    nursery.start_soon(serve_http, echo, listeners, Limits(connections_max=1))
    first = await trio.open_tcp_stream("127.0.0.1", port_of(listeners))
    await first.send_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert await first.receive_some()

    second = await trio.open_tcp_stream("127.0.0.1", port_of(listeners))

    async with first, second:
        assert await second.receive_some() == b""
