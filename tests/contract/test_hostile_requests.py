"""Requests that are meant to hurt: bombs, floods and dribbles are refused, and nobody else waits.

What merely breaks a contract is in `test_errors_envelope.py` and `test_fuzz.py`; connections that
misbehave are in `test_server.py`.
"""

import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import trio

from tests.support.api_twin import Served, World, bearer, serving

CHARGES = "/api/v1/pix/charges"
MIB = 1_048_576
OTHERS_SECONDS_MAX = 5.0  # of a shared machine: at rest it is milliseconds
SLOW_CLIENTS = 100


def charge(metadata: str, amount: str = "1") -> bytes:
    return f'{{"amount": {amount}, "metadata": {metadata}}}'.encode()


@asynccontextmanager
async def caller(world: World) -> AsyncIterator[tuple[Served, httpx.AsyncClient]]:
    """`world` on a real socket, and a client whose key may do everything."""
    headers = bearer(world.key("*"), **{"Content-Type": "application/json"})
    async with (
        serving(world) as served,
        httpx.AsyncClient(base_url=served.url, headers=headers, timeout=20) as client,
    ):
        yield served, client


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# Bodies.


@pytest.mark.parametrize(
    "metadata",
    [
        '{"a": [' + "[]," * 300_000 + "0]}",
        '{"a": [' + "{}," * 300_000 + "0]}",
        "{" + ",".join(f'"{number}":0' for number in range(80_000)) + "}",
        '{"a": [' + "1e17," * 160_000 + "0]}",
        '{"a": "' + "\\u0041" * 170_000 + '"}',
    ],
    ids=["lists", "objects", "keys", "numbers", "escapes"],
)
async def test_a_body_that_is_small_to_send_and_large_to_hold_is_answered_in_time(
    metadata: str,
) -> None:
    """1 MiB is all that a bomb can have: what comes of it is bounded."""
    body = charge(metadata)
    assert MIB * 0.7 < len(body) < MIB
    async with caller(World(http={"body_bytes_max": MIB})) as (_, client):
        with trio.fail_after(20):
            answer = await client.post(CHARGES, content=body)
    assert answer.status_code in {201, 422}, answer.text[:200]


@pytest.mark.parametrize(
    "number", ["1e308", "-1e308", "1e19", "1e-19", "1e400", "0." + "0" * 30 + "1"]
)
async def test_numbers_that_take_long_to_read_or_much_room_to_write_are_refused(
    number: str,
) -> None:
    """1 MiB of `1e308` once held up everybody for ten seconds; in jsonb each has 309 digits."""
    many = f"{number}," * (1_000_000 // (len(number) + 1))
    async with caller(World(http={"body_bytes_max": MIB})) as (_, client):
        with trio.fail_after(OTHERS_SECONDS_MAX):
            answer = await client.post(CHARGES, content=charge(f'{{"a": [{many}0]}}'))
    assert code(answer) == (422, "validation_failed")
    assert answer.json()["error"]["details"] == {"field": "metadata.0"}


@pytest.mark.parametrize(
    "number", ["0", "0.0", "-0.0", "1.5", "1e-400", "-12.75e3", "1e18", "10" * 50]
)
async def test_numbers_of_every_day_are_kept_in_metadata(number: str) -> None:
    async with caller(World()) as (_, client):
        answer = await client.post(CHARGES, content=charge(f'{{"n": {number}}}'))
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["metadata"] == {"n": json.loads(number)}


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
async def test_deep_nesting_is_refused_whether_or_not_it_ends(
    depth: int, opening: str, closing: str
) -> None:
    start = '{"n": ' + opening * depth
    whole = start + "1" + closing * depth + "}"
    async with caller(World(http={"body_bytes_max": MIB})) as (_, client):
        for body in (charge(whole), charge(start)):
            answer = await client.post(CHARGES, content=body)
            assert code(answer) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ("[" * 62 + "]" * 62, 201),  # inside `metadata`, inside the body
        ("[" * 63 + "]" * 63, 400),
        ('"' + "[" * 100 + '"', 201),
        ('"' + '\\"[' * 100 + '"', 201),
        ("[" + "[]," * 100 + "0]", 201),
    ],
)
async def test_what_counts_is_how_deep_a_body_is_and_not_how_long(
    metadata: str, status: int
) -> None:
    async with caller(World()) as (_, client):
        answer = await client.post(CHARGES, content=charge(f'{{"n": {metadata}}}'))
        assert answer.status_code == status


async def test_ten_megabytes_are_refused_without_being_kept() -> None:
    world = World(http={"body_bytes_max": MIB})
    block = b"x" * 65_536

    async def ten_megabytes() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield block

    async with caller(world) as (_, client):
        tracemalloc.start()
        answer = await client.post(CHARGES, content=ten_megabytes())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert code(answer) == (413, "body_too_large")
    assert peak < 6 * MIB


async def test_a_compressed_body_is_not_unpacked() -> None:
    """A thousandfold bomb stays what it is: bytes that are not JSON."""
    packed = gzip.compress(b'{"amount": 1, "description": "' + b"x" * 10_000_000 + b'"}')
    async with caller(World(http={"body_bytes_max": MIB})) as (_, client):
        answer = await client.post(CHARGES, content=packed, headers={"Content-Encoding": "gzip"})
    assert code(answer) == (400, "malformed_json")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"amount": 1, "description": "\xc0\x80"}',  # an overlong NUL
        b'{"amount": 1, "description": "\xed\xa0\x80"}',  # half of a surrogate pair
        b'{"amount": 1, "description": "\xf4\x90\x80\x80"}',  # above U+10FFFF
        b'{"amount": 1, "description": "\xe2\x82"}',  # cut short
        b'{"amount": 1, "desc\xff": ""}',
        b'\xef\xbb\xbf{"amount": 1}',  # a byte order mark, which RFC 8259 forbids to send
        '{"amount": 1}'.encode("utf-16"),
        b'{"amount": 1, "description": "\x00"}',
        b'{"amount": 1}\x00',
    ],
)
async def test_bytes_that_are_not_utf8_json_are_malformed(raw: bytes) -> None:
    async with caller(World()) as (_, client):
        answer = await client.post(CHARGES, content=raw)
    assert code(answer) == (400, "malformed_json")


async def test_a_nul_in_a_name_or_in_a_text_is_refused() -> None:
    async with caller(World()) as (_, client):
        for metadata in (r'{"\u0000": 1}', r'{"a": {"b": ["\u0000"]}}'):
            answer = await client.post(CHARGES, content=charge(metadata))
            assert code(answer) == (422, "validation_failed")


# Duplicate keys: RFC 8259 leaves open what they mean. With us the last one counts, and each must
# be a value that the field may have.


async def test_of_a_field_that_is_written_twice_the_last_one_counts() -> None:
    world = World()
    async with caller(world) as (_, client):
        answer = await client.post(CHARGES, content=b'{"amount": 1, "amount": 2}')
    assert answer.status_code == 201
    assert answer.json()["data"]["amount"] == 2
    assert [one.amount for one in world.store.charges.values()] == [2]


@pytest.mark.parametrize("raw", [b'{"amount": -1, "amount": 2}', b'{"amount": 2, "amount": -1}'])
async def test_a_field_that_is_written_twice_must_be_right_twice(raw: bytes) -> None:
    async with caller(World()) as (_, client):
        answer = await client.post(CHARGES, content=raw)
    assert code(answer) == (422, "validation_failed")
    assert answer.json()["error"]["details"] == {"field": "amount"}


async def test_an_idempotency_key_stands_for_what_counts() -> None:
    """Written differently but meaning the same, it is the same request: the first answer again."""
    key = {"Idempotency-Key": "k1"}
    async with caller(World()) as (_, client):
        first = await client.post(CHARGES, content=b'{"amount": 1, "amount": 2}', headers=key)
        again = await client.post(CHARGES, content=b'{ "amount" : 2 }', headers=key)
        other = await client.post(CHARGES, content=b'{"amount": 2, "amount": 1}', headers=key)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert code(other) == (422, "idempotency_key_reused")


# Headers, paths and queries.


@pytest.mark.parametrize(
    "head",
    [
        b"A: " + b"b" * 200_000,
        b"\r\n".join(b"X-%d: y" % number for number in range(20_000)),
        b"Authorization: Bearer " + b"s" * 100_000,
        b"Cookie: " + b"a=b; " * 20_000,
    ],
    ids=["long", "many", "token", "cookies"],
)
async def test_a_flood_of_headers_is_cut_off_and_others_are_served(head: bytes) -> None:
    async with caller(World()) as (served, client):
        stream = await trio.open_tcp_stream(served.host, served.port)
        async with stream:
            answer = b""
            # Where it is cut off, the rest cannot be sent: as good an answer as any.
            with suppress(trio.BrokenResourceError), trio.fail_after(10):
                await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
                answer = await stream.receive_some()
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer[:100]
        await _others_are_served(client)


@pytest.mark.parametrize(
    ("start", "status"),
    [("POST /nowhere", b"404"), ("DELETE /livez", b"405"), ("GET /livez", b"200")],
)
async def test_an_answer_came_before_a_body_that_nobody_wanted_and_lost_the_next_request(
    start: str, status: bytes
) -> None:
    """So the connection was closed, unannounced: the next request of a client that keeps its
    connections met a closed one.
    """
    head = f"{start} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n".encode()
    async with caller(World()) as (served, _):
        stream = await trio.open_tcp_stream(served.host, served.port)
        async with stream:
            with trio.fail_after(10):
                await stream.send_all(head)
                with trio.move_on_after(0.2):
                    raise AssertionError(await stream.receive_some())
                await stream.send_all(b"12345")
                assert (await _until(stream, b"}")).startswith(b"HTTP/1.1 " + status)
                await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await _until(stream, b"}")).startswith(b"HTTP/1.1 200")


async def test_a_stray_request_that_never_ends_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fluxiq.api.door.DRAIN_SECONDS", 0.1)
    async with caller(World()) as (served, _):
        stream = await trio.open_tcp_stream(served.host, served.port)
        async with stream:
            with trio.fail_after(10):
                await stream.send_all(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 404")


async def test_a_head_that_dribbles_is_given_up_however_busy_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A byte now and then keeps a connection from being silent, and no place at ours."""
    monkeypatch.setattr("fluxiq.api.server.KEEP_ALIVE_SECONDS", 0.5)
    async with caller(World()) as (served, _):
        stream = await trio.open_tcp_stream(served.host, served.port)
        async with stream:
            with trio.fail_after(10), suppress(trio.BrokenResourceError):
                await stream.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_dribble, stream)
                    assert await stream.receive_some() == b""
                    nursery.cancel_scope.cancel()


async def _dribble(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError):
        while True:
            await stream.send_all(b"x")
            await trio.sleep(0.1)


async def test_slow_senders_hold_up_nobody_else() -> None:
    world = World(http={"request_seconds_max": 5.0})
    head = f"POST {CHARGES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    key = f"Authorization: Bearer {world.key('*')}\r\nContent-Length: 1000\r\n\r\n"
    async with caller(world) as (served, client), AsyncExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            stream = await trio.open_tcp_stream(served.host, served.port)
            await stack.enter_async_context(stream)
            await stream.send_all((head + key + '{"a').encode())
        await _others_are_served(client)


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/accounts/%00",
        "/api/v1/accounts/%ff%fe",
        "/api/v1/accounts/" + "a" * 5_000,
        "/api/v1/accounts/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/api/v1/accounts/' OR 1=1 --",
        "/api/v1/accounts?page=%00",
        "/api/v1/accounts?%ff=1",
        "/api/v1/accounts?page=" + "9" * 5_000,
        "/api/v1/accounts?" + "&".join(f"p{number}=1" for number in range(2_000)),
    ],
)
async def test_odd_paths_and_queries_are_told_what_is_wrong(target: str) -> None:
    async with caller(World()) as (_, client):
        answer = await client.get(target)
    assert answer.status_code in {400, 404, 422}
    assert answer.json()["error"]["code"] in {
        "route_not_found",
        "validation_failed",
        "account_not_found",
    }


@pytest.mark.parametrize("key", ["", "a b", "ключ", "k" * 256, "a\tb"])
async def test_an_idempotency_key_that_is_none_is_refused_by_name(key: str) -> None:
    """Also where nothing is made, and the key has no use."""
    headers: dict[str, Any] = {"Idempotency-Key": key.encode()}
    bodies = {CHARGES: b'{"amount": 1}', "/api/v1/pix/qrcode": b'{"type": "static"}'}
    async with caller(World()) as (_, client):
        for path, body in bodies.items():
            answer = await client.post(path, content=body, headers=headers)
            assert code(answer) == (422, "validation_failed")
            assert answer.json()["error"]["details"] == {"field": "Idempotency-Key"}


async def _others_are_served(client: httpx.AsyncClient) -> None:
    with trio.fail_after(OTHERS_SECONDS_MAX):
        answer = await client.post(CHARGES, content=json.dumps({"amount": 1}))
    assert answer.status_code == 201


async def _until(stream: trio.SocketStream, end: bytes) -> bytes:
    """What comes, until it ends in `end` or the connection does."""
    received = b""
    while not received.endswith(end) and (more := await stream.receive_some()):
        received += more
    return received
